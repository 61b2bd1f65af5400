// The steps of an evaluation:
//
//   RUN/STAGE.safetensors      the data set
//            |                       |
//       rg_inference_open      first evaluation.images of the split
//            |                       |
//            +-----------+-----------+                        evaluation.c
//                        |
//      protocol: is it in RUN/evaluations.jsonl? -- yes --> that report
//                        | no                                 evaluate.c
//                        v
//   classification.c   translation.c        retrieval.c       one per stage,
//                        |                        |           batch by batch (batch.c)
//                    translate                  embed         inference.c
//                        |                        |
//              features, predictions     exact search         extractor.c, features.c
//                        |                        |
//               distribution.c, metrics/*.c: the numbers
//                        |
//          sample grids (samples.c), report (common/report/evaluation_report.c)
#include "services/evaluator/evaluate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/core/err.h"
#include "common/core/hash.h"
#include "common/core/log.h"
#include "services/evaluator/distribution.h"

// ---- the protocol

static uint64_t hash_config(const rg_config_t *config)
{
    char *yaml = rg_config_dump(config);
    uint64_t hash = rg_hash(yaml, strlen(yaml), 0);
    free(yaml);
    return hash;
}

// Which images the judge learned from, as far as its checkpoint's fingerprint says.
static void describe_judge_images(const rg_evaluation_t *self, rg_report_t *report)
{
    const rg_dataset_t *set = &self->data.set;
    const rg_checkpoint_info_t *judge = &self->inference->classifier_info;
    const uint32_t annotated = set->n_train_annotated, others = set->n_train_others;
    const char *key = "judge_images";
    if (judge->fingerprint == set->fingerprint && judge->others)
        rg_report_text(report, key, "%u training images, none of the %u whose annotation the networks learn",
                       others, annotated);
    else if (judge->fingerprint == set->fingerprint)
        rg_report_text(report, key, "the %u training images whose annotation the networks learn", annotated);
    else if (judge->fingerprint == set->whole)
        rg_report_text(report, key, "all %u training images, with the %u whose annotation the networks learn",
                       annotated + others, annotated);
    else
        rg_report_text(report, key, "of another data set, or of another draw of data.annotated");
}

// The networks that the numbers depend on. Stage 2 depends on the annotation alone.
static void describe_networks(const rg_evaluation_t *self, enum rg_stage stage, rg_report_t *report)
{
    char classifier[RG_EXTRACTOR_NAME];
    if (stage == RG_STAGE_2) {
        rg_report_text(report, "extractor", "annotation");
        return;
    }
    snprintf(classifier, sizeof classifier, "builtin-classifier-%s", self->inference->classifier_weights);
    rg_report_text(report, "extractor", "%s",
                   stage == RG_STAGE_CLASSIFIER ? classifier : self->extractor.name);
    rg_report_text(report, "judge", "%s", classifier);
    describe_judge_images(self, report);
    if (self->lpips.network.onnx) rg_report_text(report, "lpips", "%s", self->lpips.name);
    if (self->identity.d) rg_report_text(report, "identity", "%s", self->identity.name);
}

static int describe_protocol(rg_evaluation_t *self, enum rg_stage stage, rg_report_t *report)
{
    const rg_config_t *config = self->config;
    const rg_checkpoint_info_t *info = &self->inference->info;
    const int fuses = rg_evaluation_fuses(self);
    rg_report_text(report, "stage", "%s", rg_stage_name(stage));
    rg_report_integer(report, "iteration", info->iteration);
    rg_report_integer(report, "iterations", info->iterations);
    rg_report_text(report, "weights", "%s", self->inference->weights);
    describe_networks(self, stage, report);
    rg_report_text(report, "split", "%s", rg_evaluation_split(config));
    rg_report_integer(report, "images", self->n_images);
    if (self->broken) rg_report_integer(report, "broken_images", self->broken);
    rg_report_text(report, "images_hash", "%016" PRIx64, self->images_hash);
    rg_report_integer(report, "img_size", (uint64_t)config->data.img_size);
    rg_report_integer(report, "crop", (uint64_t)config->data.crop);
    if (config->inference.precision == RG_PRECISION_BF16)
        rg_report_text(report, "inference_precision",
                       "bf16"); // f32 is not said: reports were made before the key
    rg_report_text(report, "resize", "antialiased-bilinear");
    rg_report_integer(report, "k", (uint64_t)(fuses ? config->model.k : config->evaluation.k));
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
    if (!fuses) return 0;
    uint64_t generation;
    int err = rg_evaluation_generation(self, &generation);
    if (!err) rg_report_integer(report, "set_generation", generation);
    return err;
}

// ---- the measurement

static int (*const MEASURE[RG_STAGES])(rg_evaluation_t *self, rg_report_t *report) = {
    [RG_STAGE_CLASSIFIER] = rg_evaluate_classifier,
    [RG_STAGE_1] = rg_evaluate_translation,
    [RG_STAGE_2] = rg_evaluate_retrieval,
    [RG_STAGE_3] = rg_evaluate_translation,
};

static void warn_of_other_data(const rg_evaluation_t *self, enum rg_stage stage)
{
    uint64_t trained_on = self->inference->info.fingerprint, evaluated_on = self->data.set.fingerprint;
    if (trained_on != evaluated_on)
        rg_log(RG_LOG_WARN, "other-data", "stage=%s trained_on=%016" PRIx64 " evaluated_on=%016" PRIx64,
               rg_stage_name(stage), trained_on, evaluated_on);
}

// Measures, unless the run's evaluations have a report with the same protocol.
static int measure_once(rg_evaluation_t *self, enum rg_stage stage, rg_report_t *report)
{
    char path[RG_PATH_SIZE];
    rg_config_path(self->config, "evaluations.jsonl", path);
    warn_of_other_data(self, stage);
    int err = describe_protocol(self, stage, report);
    if (err || rg_report_recall(report, path)) return err;
    err = MEASURE[stage](self, report);
    rg_report_integer(report, "time", (uint64_t)time(NULL));
    return err ? err : rg_report_append(report, path);
}

static int evaluate_stage(const rg_config_t *config, enum rg_stage stage, rg_evaluation_progress_t *progress,
                          const atomic_int *stop, rg_report_t *report)
{
    rg_evaluation_t evaluation;
    rg_cpu_threads(config->threads); // sets the number for the calling thread alone
    int err = rg_evaluation_open(&evaluation, config, stage, progress, stop);
    if (err) return err;
    err = measure_once(&evaluation, stage, report);
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
    int err = evaluate_stage(config, stage, progress, stop, report);
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
    int err = evaluate_stage(&quick, stage, progress, stop, report);
    rg_report_destroy(&report);
    return err;
}
