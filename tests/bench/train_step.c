// Time of one training iteration of stage 1 on random images:  train_step CONFIG [ITERATIONS] [--set
// KEY=VALUE ...] Prints the median in milliseconds, its parts per image and the peak of the tapes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "services/trainer/translation.h"
#include "tests/bench/timing.h"

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
    if (rg_cpu_backend_new(&backend, config.precision == RG_PRECISION_BF16)) return fail();
    rg_model_new(&model, &config, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    if (rg_translation_init(&translation, model, backend, &config.stage1, &config.stage1_loss, NULL))
        return fail();
    rg_timing_batch(&batch, &config);
    double *ms = rg_alloc((size_t)iterations * sizeof *ms);
    for (int i = -2; i < iterations; i++) { // two rounds to warm up
        rg_rng_t rng;
        rg_draws_t draws;
        rg_losses_t losses;
        double start = rg_timing_ms();
        rg_rng_init(&rng, config.seed, RG_RNG_STEP, (uint64_t)(i + 2));
        rg_translation_draw(&translation, &batch, &rng, &draws);
        if (rg_translation_step(&translation, &batch, &draws, i + 2, &losses)) return fail();
        if (i >= 0) ms[i] = rg_timing_ms() - start;
    }
    double median = rg_timing_median(ms, iterations);
    printf("median %.2f ms, least %.2f ms, %d iterations, batch %d, %d px, tapes %.0f MiB\n", median, ms[0],
           iterations, batch.n, config.data.img_size,
           (double)(rg_tape_peak_bytes(translation.tape) + rg_tape_peak_bytes(translation.tape_d)) /
               (1 << 20));
    return 0;
}
