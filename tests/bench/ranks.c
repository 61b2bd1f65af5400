// Times an iteration of stage 1 by several ranks, each with its share of a batch, and by one process with the
// whole batch, in turns (ranks.sh). Ranks sleep while the other side has its turn.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "services/trainer/measure.h"
#include "tests/bench/timing.h"
#include "tests/support/translation_step.h"

enum { WARM_UP = 2, ROUNDS = 15 };

typedef struct {
    rg_config_t config;
    rg_batch_t batch;
    rg_backend_t *backend;
    rg_model_t *model;
    rg_translation_t translation;
} trainer_t;

// batch: images per iteration. Never freed.
static int trainer_new(trainer_t **out, const rg_config_t *config, int batch, rg_ranks_t *ranks)
{
    trainer_t *self = rg_alloc(sizeof *self);
    self->config = *config;
    self->config.stage1.batch = batch;
    int err = rg_cpu_backend_new(&self->backend, config->precision == RG_PRECISION_BF16);
    if (err) return err;
    rg_measure_batch(&self->batch, &self->config);
    rg_model_new(&self->model, &self->config, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    err = rg_translation_init(&self->translation, self->model, self->backend, &self->config.stage1,
                              &self->config.stage1_loss, NULL);
    self->translation.ranks = ranks;
    *out = self;
    return err;
}

// What iterations took: wall time, and processor time of all threads of the process.
typedef struct {
    double ms[ROUNDS], busy_ms[ROUNDS];
} times_t;

static double busy_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int step(trainer_t *self, int iteration, times_t *times)
{
    rg_losses_t losses;
    double start = rg_clock_ms(), start_busy = busy_ms();
    int round = iteration < WARM_UP ? 0 : iteration - WARM_UP;
    int err = translation_step(&self->translation, self->config.seed, &self->batch, iteration, &losses);
    times->ms[round] = rg_clock_ms() - start;
    times->busy_ms[round] = busy_ms() - start_busy;
    return err;
}

static void report(const rg_config_t *config, rg_ranks_t *ranks, times_t *whole, times_t *share)
{
    double alone = rg_timing_median(whole->ms, ROUNDS), together = rg_timing_median(share->ms, ROUNDS),
           busy_alone = rg_timing_median(whole->busy_ms, ROUNDS),
           busy = rg_timing_median(share->busy_ms, ROUNDS);
    int count = rg_ranks_count(ranks);
    rg_ranks_mean(ranks, &busy, 1);
    if (rg_ranks_rank(ranks) > 0) return;
    printf("%d px, gf %d, threads %d: one process, batch %d: %.1f ms, busy %.1f ms; %d ranks, batch %d each: "
           "%.1f ms, busy %.1f ms each; ratio %.2f, of busy time %.2f\n",
           config->data.img_size, config->model.gf, config->threads, config->stage1.batch * count, alone,
           busy_alone, count, config->stage1.batch, together, busy, alone / together, busy_alone / busy);
}

static int run(const rg_config_t *config, rg_ranks_t *ranks)
{
    trainer_t *whole = NULL, *share = NULL;
    times_t alone = {0}, together = {0};
    int first = rg_ranks_rank(ranks) == 0;
    int err = first ? trainer_new(&whole, config, config->stage1.batch * rg_ranks_count(ranks), NULL) : 0;
    if (!err) err = trainer_new(&share, config, config->stage1.batch, ranks);
    for (int i = 0; i < WARM_UP + ROUNDS; i++) {
        if (!err && first) err = step(whole, i, &alone);
        err = rg_ranks_agree(ranks, err);
        if (!err) err = step(share, i, &together);
        if (err) return err;
    }
    report(config, ranks, &alone, &together);
    return 0;
}

int main(int argc, char **argv)
{
    rg_config_t config;
    rg_ranks_t *ranks;
    rg_timing_config(
        argc, argv,
        "Times an iteration of stage 1 by the ranks that mpirun started, and by one process.\v"
        "Example: mpirun -np 2 ranks --set threads=1 --set data.img_size=32 --set stage1.batch=8",
        &config);
    int err = rg_ranks_open(&ranks);
    if (!err) err = run(&config, ranks);
    if (err) fprintf(stderr, "ranks: %s\n", rg_error());
    rg_ranks_close(&ranks);
    return err != 0;
}
