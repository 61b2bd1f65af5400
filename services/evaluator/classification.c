// The evaluation of the built-in classifier: how well does it predict the attributes of real test images?
// Every accuracy of the other stages is measured with it.
#include <stdlib.h>

#include "common/core/alloc.h"
#include "services/evaluator/batch.h"

static void count_predictions(const rg_evaluation_t *self, rg_accuracy_t *accuracy, const float *logits,
                              const uint32_t *images, int n)
{
    int classes = self->inference->classifier_info.attributes.count;
    size_t columns = (size_t)self->data.set.attributes.count;
    for (int i = 0; i < n; i++)
        for (int c = 0; c < classes; c++)
            rg_accuracy_add(&accuracy[c], logits[i * classes + c],
                            self->data.set.labels[images[i] * columns + (size_t)self->class_column[c]]);
}

static void add_accuracy(rg_accuracy_t *sum, const rg_accuracy_t *accuracy)
{
    sum->correct += accuracy->correct;
    sum->n += accuracy->n;
}

static void report_accuracy(const rg_evaluation_t *self, const rg_accuracy_t *accuracy, rg_report_t *report)
{
    const rg_names_t *classes = &self->inference->classifier_info.attributes;
    rg_accuracy_t all = {0}, edited = {0};
    for (int c = 0; c < classes->count; c++) add_accuracy(&all, &accuracy[c]);
    for (int a = 0; a < self->config->data.attributes.count; a++)
        add_accuracy(&edited, &accuracy[self->class[a]]);
    rg_report_number(report, rg_accuracy_value(&all), "accuracy_all");
    rg_report_number(report, rg_accuracy_value(&edited), "accuracy_edited");
    for (int c = 0; c < classes->count; c++)
        rg_report_number(report, rg_accuracy_value(&accuracy[c]), "accuracy.%s", classes->name[c]);
}

int rg_evaluate_classifier(rg_evaluation_t *self, rg_report_t *report)
{
    size_t batch = (size_t)self->config->evaluation.batch;
    float *pixels = rg_alloc(batch * rg_evaluation_image_size(self) * sizeof *pixels);
    float *logits = rg_alloc(batch * RG_ATTRIBUTES_MAX * sizeof *logits);
    rg_accuracy_t accuracy[RG_ATTRIBUTES_MAX] = {0};
    int err = 0;
    atomic_store(&self->progress->total, self->n_images);
    for (uint32_t first = 0; first < self->n_images && !err;) {
        int n = rg_evaluation_batch_size(self, first, self->n_images);
        err = rg_evaluation_load(self, pixels, self->images + first, n);
        if (!err) err = rg_inference_classify(self->inference, NULL, logits, pixels, n);
        if (!err) count_predictions(self, accuracy, logits, self->images + first, n);
        if (!err) err = rg_evaluation_advance(self, n);
        first += (uint32_t)n;
    }
    if (!err) report_accuracy(self, accuracy, report);
    free(logits);
    free(pixels);
    return err;
}
