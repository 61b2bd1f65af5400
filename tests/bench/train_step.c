// Time of one training iteration of stage 1 on random images:  train_step CONFIG [ITERATIONS] [--set
// KEY=VALUE ...] Prints the median in milliseconds, its parts per image and the peak of the tapes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "services/trainer/translation.h"

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void fill(rg_batch_t *batch, const rg_config_t *config)
{
    int n = config->stage1.batch, side = config->data.img_size;
    size_t pixels = (size_t)n * (size_t)(side * side * 3);
    float *x = rg_alloc(pixels * sizeof *x), *r = rg_alloc(pixels * sizeof *r);
    unsigned char *labels = rg_alloc((size_t)n * RG_ATTRIBUTES_MAX),
                  *targets = rg_alloc((size_t)n * RG_ATTRIBUTES_MAX);
    rg_rng_t rng;
    rg_rng_init(&rng, 1, RG_RNG_STEP, 0);
    for (size_t i = 0; i < pixels; i++) {
        x[i] = 2 * rg_rng_uniform(&rng) - 1;
        r[i] = 2 * rg_rng_uniform(&rng) - 1;
    }
    for (int i = 0; i < n * config->data.attributes.count; i++) {
        labels[i] = (unsigned char)rg_rng_below(&rng, 2);
        targets[i] = (unsigned char)rg_rng_below(&rng, 2);
    }
    *batch = (rg_batch_t){.n = n,
                          .references = n / 2,
                          .pixels = x,
                          .reference_pixels = r,
                          .labels = labels,
                          .target_labels = targets,
                          .columns = config->data.attributes.count};
}

static int fail(void)
{
    fprintf(stderr, "train_step: %s\n", rg_error());
    return 1;
}

int main(int argc, char **argv)
{
    rg_config_t config;
    rg_backend_t *backend;
    rg_model_t *model;
    rg_translation_t translation;
    rg_batch_t batch;
    int iterations = argc > 2 ? atoi(argv[2]) : 10;
    if (argc < 2 || iterations < 1) return fprintf(stderr, "usage: train_step CONFIG [ITERATIONS]\n"), 2;
    if (rg_config_load(&config, argv[1], (const char *const *)argv + 3, argc > 3 ? argc - 3 : 0))
        return fail();
    if (rg_cpu_backend_new(&backend)) return fail();
    rg_model_new(&model, &config, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    if (rg_translation_init(&translation, model, backend, &config.stage1, &config.stage1_loss, NULL))
        return fail();
    fill(&batch, &config);
    double *ms = rg_alloc((size_t)iterations * sizeof *ms);
    for (int i = -2; i < iterations; i++) { // two rounds to warm up
        rg_rng_t rng;
        rg_draws_t draws;
        rg_losses_t losses;
        double start = now_ms();
        rg_rng_init(&rng, config.seed, RG_RNG_STEP, (uint64_t)(i + 2));
        rg_translation_draw(&translation, &batch, &rng, &draws);
        if (rg_translation_step(&translation, &batch, &draws, i + 2, &losses)) return fail();
        if (i >= 0) ms[i] = now_ms() - start;
    }
    qsort(ms, (size_t)iterations, sizeof *ms, compare);
    printf("median %.2f ms, least %.2f ms, %d iterations, batch %d, %d px, tapes %.0f MiB\n",
           ms[iterations / 2], ms[0], iterations, batch.n, config.data.img_size,
           (double)(rg_tape_peak_bytes(translation.tape) + rg_tape_peak_bytes(translation.tape_d)) /
               (1 << 20));
    return 0;
}
