// How far training is, how fast it goes and where its time goes: for `status`, the metrics stream and the
// report of a stage.
#ifndef RG_TRAINER_PROGRESS_H
#define RG_TRAINER_PROGRESS_H

#include <pthread.h>
#include <stdint.h>

#include <jansson.h>

#include "common/core/clock.h"
#include "common/core/file.h"
#include "services/trainer/learner.h"

// ---- throughput

enum { RG_THROUGHPUT_WINDOW = 64 }; // iterations

typedef struct {
    double at_ms, waited_ms;
} rg_throughput_mark_t;

// The rate over the last iterations, for people who watch, and the rate since this process began the stage,
// for the report.
typedef struct {
    rg_throughput_mark_t begin, mark[RG_THROUGHPUT_WINDOW]; // one after each iteration; overwrites the oldest
    uint64_t iterations;                                    // since begin
} rg_throughput_t;

typedef struct {
    double iterations_per_s;
    double wait_share; // of the time, [0,1]
} rg_throughput_rate_t;

// now_ms: a clock; waited_ms: time spent waiting so far, for batches and neighbours. They never decrease.
void rg_throughput_begin(rg_throughput_t *throughput, double now_ms, double waited_ms);
void rg_throughput_add(rg_throughput_t *throughput, double now_ms, double waited_ms); // after each iteration

// Zeros before the first iteration.
rg_throughput_rate_t rg_throughput_recent(const rg_throughput_t *throughput);
rg_throughput_rate_t rg_throughput_total(const rg_throughput_t *throughput);

// From begin to the last iteration.
double rg_throughput_seconds(const rg_throughput_t *throughput);

// ---- progress: written by the training thread, read by the service loop

typedef struct {
    const char *state; // idle, waiting, training, saving: static text
    char stage[16];
    uint64_t iteration, iterations;
    double images_per_s, eta_s; // over the last iterations
    double wait_share;          // of the time spent waiting for batches and neighbours
    uint64_t retrieved, retrieved_new, last_new_generation, missing_neighbours;
    rg_losses_t losses;
} rg_train_values_t;

typedef struct {
    pthread_mutex_t lock;
    rg_train_values_t values;
} rg_train_progress_t;

void rg_train_progress_init(rg_train_progress_t *progress);
void rg_train_progress_fini(rg_train_progress_t *progress);
// stage: a stage that begins, which clears all other values; NULL: the stage and its values stay.
void rg_train_progress_set_state(rg_train_progress_t *progress, const char *state, const char *stage);
void rg_train_progress_set(rg_train_progress_t *progress, const rg_train_values_t *values);
void rg_train_progress_get(rg_train_progress_t *progress, rg_train_values_t *values);

// ---- metrics stream and profile

// Opens RUN/metrics.jsonl, to which runs append one JSON object per logged iteration. It is apart from the
// log, so that plots need not parse log lines. RG_EIO, RG_EFULL.
int rg_metrics_open(rg_journal_t *metrics, const rg_config_t *config);
int rg_metrics_write(rg_journal_t *metrics, const rg_train_values_t *values, double lr);

// {"conv 3x3/1 64->64 at 8x8": {"calls":, "forward_ms":, "backward_ms":, "share":}, ...}, means over
// iterations, slowest first (sorts the watch). New reference.
json_t *rg_profile_json(rg_stopwatch_t *watch, uint64_t iterations);

#endif
