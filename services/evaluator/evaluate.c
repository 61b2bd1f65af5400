#include "services/evaluator/evaluate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/core/err.h"
#include "common/core/hash.h"
#include "common/core/log.h"
#include "services/evaluator/history.h"
#include "services/evaluator/metrics/metrics.h"
#include "services/evaluator/resemblance.h"

// How each stage is measured.
static const struct {
    int (*run)(rg_evaluation_t *self, rg_report_t *report);
    int with_classifier; // which judges
} STAGES[RG_STAGES] = {
    [RG_STAGE_CLASSIFIER] = {rg_evaluate_classifier, 1},
    [RG_STAGE_1] = {rg_evaluate_translation, 1},
    [RG_STAGE_2] = {rg_evaluate_retrieval, 0},
    [RG_STAGE_3] = {rg_evaluate_translation, 1},
};

// What of a stage's networks an evaluation needs: all but D, which judges only while G learns.
static rg_nets_spec_t nets_of(enum rg_stage stage, const rg_config_t *config)
{
    return (rg_nets_spec_t){.stage = stage,
                            .parts = rg_stage_parts(stage, config) & ~RG_PART_BIT(RG_DISCRIMINATOR),
                            .with_classifier = STAGES[stage].with_classifier};
}

static uint64_t hash_config(const rg_config_t *config)
{
    char *yaml = rg_config_dump(config);
    uint64_t hash = rg_hash(yaml, strlen(yaml), 0);
    free(yaml);
    return hash;
}

// The networks behind the numbers; the annotation where there is none.
static void describe_networks(const rg_evaluation_t *self, enum rg_stage stage, rg_report_t *report)
{
    char judge[RG_EXTRACTOR_NAME];
    snprintf(judge, sizeof judge, "builtin-classifier-%s", self->nets.classifier_weights);
    if (!STAGES[stage].with_classifier) {
        rg_report_text(report, "extractor", "annotation");
        return;
    }
    rg_report_text(report, "extractor", "%s", self->nets.model ? self->extractor.name : judge);
    rg_report_text(report, "judge", "%s", judge);
    if (self->perception.network.onnx) rg_report_text(report, "lpips", "%s", self->perception.name);
}

static int describe(rg_evaluation_t *self, enum rg_stage stage, rg_report_t *report)
{
    const rg_config_t *config = self->config;
    const rg_checkpoint_info_t *info = &self->nets.info;
    rg_report_text(report, "stage", "%s", rg_stage_name(stage));
    rg_report_integer(report, "iteration", info->iteration);
    rg_report_integer(report, "iterations", info->iterations);
    rg_report_text(report, "weights", "%s", self->nets.weights);
    describe_networks(self, stage, report);
    rg_report_text(report, "split", "%s", rg_evaluation_split(config));
    rg_report_integer(report, "images", self->n_images);
    rg_report_text(report, "images_hash", "%016" PRIx64, self->images_hash);
    rg_report_integer(report, "img_size", (uint64_t)config->data.img_size);
    rg_report_integer(report, "crop", (uint64_t)config->data.crop);
    rg_report_text(report, "resize", "antialiased-bilinear");
    rg_report_integer(report, "k",
                      (uint64_t)(rg_evaluation_fuses(self) ? config->model.k : config->evaluation.k));
    rg_report_integer(report, "outputs", (uint64_t)config->evaluation.outputs);
    rg_report_integer(report, "sources", (uint64_t)config->evaluation.sources);
    rg_report_integer(report, "kid_subsets", RG_KID_SUBSETS);
    rg_report_integer(report, "kid_size_max", RG_KID_SIZE_MAX);
    rg_report_integer(report, "prdc_k", RG_PRDC_K);
    if (self->extractor.classes)
        rg_report_integer(report, "inception_splits", (uint64_t)rg_inception_splits(self->n_images));
    rg_report_integer(report, "seed", config->seed);
    rg_report_text(report, "data_fingerprint", "%016" PRIx64, self->data.set.fingerprint);
    rg_report_text(report, "trained_on", "%016" PRIx64, info->fingerprint);
    rg_report_text(report, "config", "%016" PRIx64, hash_config(config));
    if (info->fingerprint != self->data.set.fingerprint)
        rg_log(RG_LOG_WARN, "other-data", "stage=%s trained_on=%016" PRIx64 " evaluated_on=%016" PRIx64,
               rg_stage_name(stage), info->fingerprint, self->data.set.fingerprint);
    if (!rg_evaluation_fuses(self)) return 0;
    uint64_t generation;
    int err = rg_evaluation_generation(self, &generation);
    if (!err) rg_report_integer(report, "set_generation", generation);
    return err;
}

// Measures, unless that was done before.
static int measure(rg_evaluation_t *self, enum rg_stage stage, rg_report_t *report)
{
    char path[RG_PATH_SIZE];
    rg_config_path(self->config, "evaluations.jsonl", path);
    int err = describe(self, stage, report);
    if (err || rg_history_recall(report, path)) return err;
    err = STAGES[stage].run(self, report);
    rg_report_integer(report, "time", (uint64_t)time(NULL));
    return err ? err : rg_history_append(report, path);
}

static int evaluate(const rg_config_t *config, enum rg_stage stage, rg_evaluation_progress_t *progress,
                    const atomic_int *stop, rg_report_t *report)
{
    rg_evaluation_t evaluation;
    const rg_nets_spec_t nets = nets_of(stage, config);
    rg_cpu_threads(config->threads); // each thread has a number of its own
    int err = rg_evaluation_open(&evaluation, config, &nets, progress, stop);
    if (err) return err;
    err = measure(&evaluation, stage, report);
    rg_evaluation_close(&evaluation);
    return err;
}

int rg_evaluate(const rg_config_t *config, enum rg_stage stage, rg_evaluation_progress_t *progress,
                const atomic_int *stop, char **out)
{
    rg_report_t *report;
    char file[64], path[RG_PATH_SIZE];
    snprintf(file, sizeof file, "reports/%s.json", rg_stage_name(stage));
    rg_config_path(config, file, path);
    rg_report_new(&report);
    int err = evaluate(config, stage, progress, stop, report);
    if (!err) err = rg_report_write(report, path);
    if (!err) *out = rg_report_json(report);
    rg_report_destroy(&report);
    return err;
}

int rg_evaluate_quickly(const rg_config_t *config, enum rg_stage stage, rg_evaluation_progress_t *progress,
                        const atomic_int *stop)
{
    rg_config_t quick = *config;
    rg_report_t *report;
    int sources = config->evaluation.follow / config->evaluation.outputs;
    quick.evaluation.images = config->evaluation.follow;
    if (quick.evaluation.sources > sources) quick.evaluation.sources = sources ? sources : 1;
    rg_report_new(&report);
    int err = evaluate(&quick, stage, progress, stop, report);
    rg_report_destroy(&report);
    return err;
}
