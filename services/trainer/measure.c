#include "services/trainer/measure.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/nn/opencl.h"
#include "common/wire/json.h"
#include "services/trainer/translation.h"

enum { STEPS_MAX = 5 };
static const double ENOUGH_MS = 5000; // no further step begins after this time

static float *random_pixels(size_t n, rg_rng_t *rng)
{
    float *x = rg_alloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = 2 * rg_rng_uniform(rng) - 1;
    return x;
}

static unsigned char *random_labels(size_t n, rg_rng_t *rng)
{
    unsigned char *labels = rg_alloc(n);
    for (size_t i = 0; i < n; i++) labels[i] = (unsigned char)rg_rng_below(rng, 2);
    return labels;
}

void rg_measure_batch(rg_batch_t *batch, const rg_config_t *config)
{
    int n = config->stage1.batch, side = config->data.img_size;
    size_t pixels = (size_t)n * (size_t)(side * side * 3),
           labels = (size_t)(n * config->data.attributes.count);
    rg_rng_t rng;
    rg_rng_init(&rng, 1, RG_RNG_STEP, 0);
    *batch = (rg_batch_t){.n = n,
                          .references = config->targets == RG_TARGETS_BOTH ? n : n / 2,
                          .pixels = random_pixels(pixels, &rng),
                          .reference_pixels = random_pixels(pixels, &rng),
                          .labels = random_labels(labels, &rng),
                          .target_labels = random_labels(labels, &rng),
                          .columns = config->data.attributes.count};
}

void rg_measure_batch_fini(rg_batch_t *batch)
{
    free((void *)batch->pixels);
    free((void *)batch->reference_pixels);
    free((void *)batch->labels);
    free((void *)batch->target_labels);
}

static int time_step(rg_translation_t *translation, const rg_batch_t *batch, int iteration, double *ms)
{
    rg_rng_t rng;
    rg_draws_t draws;
    rg_losses_t losses;
    double start = rg_clock_ms();
    rg_rng_init(&rng, 1, RG_RNG_STEP, (uint64_t)iteration);
    rg_translation_draw(translation, batch, &rng, &draws);
    int err = rg_translation_step(translation, batch, &draws, iteration, &losses);
    *ms = rg_clock_ms() - start;
    return err;
}

static int time_steps(rg_translation_t *translation, const rg_batch_t *batch, double *least)
{
    double ms, begun = 0;
    int err = time_step(translation, batch, 0, &ms);
    for (int i = 1; !err && i <= STEPS_MAX && (i == 1 || begun < ENOUGH_MS); i++) {
        err = time_step(translation, batch, i, &ms);
        if (i == 1 || ms < *least) *least = ms;
        begun += ms;
    }
    return err;
}

int rg_measure_step(const rg_config_t *config, double *ms)
{
    rg_backend_t *backend = NULL;
    rg_model_t *model = NULL;
    rg_translation_t translation = {0};
    rg_batch_t batch;
    int err = rg_training_backend_new(&backend, config);
    if (err) return err;
    rg_model_new(&model, config, rg_stage_parts(RG_STAGE_1, config), rg_stage_trains(RG_STAGE_1, config));
    err = rg_translation_init(&translation, model, backend, &config->stage1, &config->stage1_loss, NULL);
    if (!err) {
        rg_measure_batch(&batch, config);
        err = time_steps(&translation, &batch, ms);
        rg_measure_batch_fini(&batch);
        rg_translation_fini(&translation);
    }
    rg_model_destroy(&model);
    rg_backend_destroy(&backend);
    return err;
}

int rg_measure_print(const rg_config_t *config)
{
    double ms;
    int err = rg_measure_step(config, &ms);
    json_t *result = json_object();
    if (err)
        json_object_set_new(result, "error", rg_json_text(rg_error()));
    else
        json_object_set_new(result, "ms", json_real(ms));
    json_dumpf(result, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(result);
    return err;
}
