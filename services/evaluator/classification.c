// How well the built-in extractor tells the attributes of real test images: what every number made with it
// rests on.
#include <stdlib.h>

#include "common/core/alloc.h"
#include "services/evaluator/evaluation.h"
#include "services/evaluator/metrics/metrics.h"

static void count(const rg_evaluation_t *self, rg_accuracy_t *rates, const float *logits,
                  const uint32_t *images, int n)
{
    int classes = self->nets.classifier_info.attributes.count;
    size_t columns = (size_t)self->data.set.attributes.count;
    for (int i = 0; i < n; i++)
        for (int c = 0; c < classes; c++)
            rg_accuracy_add(&rates[c], logits[i * classes + c],
                            self->data.set.labels[images[i] * columns + (size_t)self->class_column[c]]);
}

static void add_rate(rg_accuracy_t *sum, const rg_accuracy_t *rate)
{
    sum->correct += rate->correct;
    sum->n += rate->n;
}

static void conclude(const rg_evaluation_t *self, const rg_accuracy_t *rates, rg_report_t *report)
{
    const rg_names_t *classes = &self->nets.classifier_info.attributes;
    rg_accuracy_t all = {0}, edited = {0};
    for (int c = 0; c < classes->count; c++) add_rate(&all, &rates[c]);
    for (int a = 0; a < self->config->data.attributes.count; a++) add_rate(&edited, &rates[self->class[a]]);
    rg_report_number(report, rg_accuracy_value(&all), "accuracy_all");
    rg_report_number(report, rg_accuracy_value(&edited), "accuracy_edited");
    for (int c = 0; c < classes->count; c++)
        rg_report_number(report, rg_accuracy_value(&rates[c]), "accuracy.%s", classes->name[c]);
}

int rg_evaluate_classifier(rg_evaluation_t *self, rg_report_t *report)
{
    size_t batch = (size_t)self->config->evaluation.batch;
    float *pixels = rg_alloc(batch * rg_evaluation_pixels(self) * sizeof *pixels);
    float *logits = rg_alloc(batch * RG_ATTRIBUTES_MAX * sizeof *logits);
    rg_accuracy_t rates[RG_ATTRIBUTES_MAX] = {0};
    int err = 0;
    atomic_store(&self->progress->total, self->n_images);
    for (uint32_t first = 0; first < self->n_images && !err;) {
        int n = rg_evaluation_batch(self, first, self->n_images);
        err = rg_evaluation_load(self, pixels, self->images + first, n);
        if (!err) err = rg_nets_classify(&self->nets, NULL, logits, pixels, n);
        if (!err) count(self, rates, logits, self->images + first, n);
        if (!err) err = rg_evaluation_advance(self, n);
        first += (uint32_t)n;
    }
    if (!err) conclude(self, rates, report);
    free(logits);
    free(pixels);
    return err;
}
