#include "services/trainer/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- throughput

void rg_throughput_begin(rg_throughput_t *throughput, double now_ms, double waited_ms)
{
    *throughput = (rg_throughput_t){.begin = {now_ms, waited_ms}};
}

void rg_throughput_add(rg_throughput_t *throughput, double now_ms, double waited_ms)
{
    uint64_t i = throughput->iterations++;
    throughput->mark[i % RG_THROUGHPUT_WINDOW] = (rg_throughput_mark_t){now_ms, waited_ms};
}

// The mark after so many iterations.
static rg_throughput_mark_t mark_after(const rg_throughput_t *throughput, uint64_t iterations)
{
    return iterations == 0 ? throughput->begin : throughput->mark[(iterations - 1) % RG_THROUGHPUT_WINDOW];
}

static rg_throughput_rate_t rate_since(const rg_throughput_t *throughput, uint64_t first)
{
    uint64_t last = throughput->iterations;
    rg_throughput_mark_t a = mark_after(throughput, first), b = mark_after(throughput, last);
    double ms = b.at_ms - a.at_ms;
    if (!(ms > 0)) return (rg_throughput_rate_t){0};
    return (rg_throughput_rate_t){.iterations_per_s = (double)(last - first) / ms * 1e3,
                                  .wait_share = (b.waited_ms - a.waited_ms) / ms};
}

rg_throughput_rate_t rg_throughput_recent(const rg_throughput_t *throughput)
{
    uint64_t n = throughput->iterations;
    return rate_since(throughput, n < RG_THROUGHPUT_WINDOW ? 0 : n - RG_THROUGHPUT_WINDOW + 1);
}

rg_throughput_rate_t rg_throughput_total(const rg_throughput_t *throughput)
{
    return rate_since(throughput, 0);
}

double rg_throughput_seconds(const rg_throughput_t *throughput)
{
    return (mark_after(throughput, throughput->iterations).at_ms - throughput->begin.at_ms) / 1e3;
}

// ---- progress

void rg_train_progress_init(rg_train_progress_t *progress)
{
    memset(progress, 0, sizeof *progress);
    pthread_mutex_init(&progress->lock, NULL);
    progress->values.state = "idle";
}

void rg_train_progress_fini(rg_train_progress_t *progress)
{
    pthread_mutex_destroy(&progress->lock);
}

void rg_train_progress_set_state(rg_train_progress_t *progress, const char *state, const char *stage)
{
    rg_train_values_t *values = &progress->values;
    pthread_mutex_lock(&progress->lock);
    if (stage) {
        *values = (rg_train_values_t){0};
        snprintf(values->stage, sizeof values->stage, "%s", stage);
    }
    values->state = state;
    pthread_mutex_unlock(&progress->lock);
}

void rg_train_progress_set(rg_train_progress_t *progress, const rg_train_values_t *values)
{
    pthread_mutex_lock(&progress->lock);
    progress->values = *values;
    pthread_mutex_unlock(&progress->lock);
}

void rg_train_progress_get(rg_train_progress_t *progress, rg_train_values_t *values)
{
    pthread_mutex_lock(&progress->lock);
    *values = progress->values;
    pthread_mutex_unlock(&progress->lock);
}

// ---- metrics stream and profile

int rg_metrics_open(rg_journal_t *metrics, const rg_config_t *config)
{
    char path[RG_PATH_SIZE];
    rg_config_path(config, "metrics.jsonl", path);
    return rg_journal_open(metrics, path);
}

int rg_metrics_write(rg_journal_t *metrics, const rg_train_values_t *values, double lr)
{
    json_t *object = json_pack("{s:s, s:I, s:f, s:f, s:f}", "stage", values->stage, "iteration",
                               (json_int_t)values->iteration, "lr", lr, "images_per_s", values->images_per_s,
                               "wait_share", values->wait_share);
    if (values->retrieved + values->missing_neighbours > 0)
        json_object_update_new(object,
                               json_pack("{s:I, s:I}", "retrieved", (json_int_t)values->retrieved,
                                         "missing_neighbours", (json_int_t)values->missing_neighbours));
    for (int i = 0; i < values->losses.n; i++)
        json_object_set_new(object, values->losses.item[i].name, json_real(values->losses.item[i].value));
    char *line = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(7));
    int err = rg_journal_add(metrics, line);
    free(line);
    json_decref(object);
    return err;
}

json_t *rg_profile_json(rg_stopwatch_t *watch, uint64_t iterations)
{
    json_t *object = json_object();
    double total = 0, each = 1 / (double)iterations;
    rg_stopwatch_sort(watch);
    for (int i = 0; i < watch->n; i++) total += watch->part[i].ms[0] + watch->part[i].ms[1];
    for (int i = 0; i < watch->n; i++) {
        const rg_stopwatch_part_t *part = &watch->part[i];
        json_object_set_new(object, part->name,
                            json_pack("{s:f, s:f, s:f, s:f}", "calls", (double)part->calls * each,
                                      "forward_ms", part->ms[0] * each, "backward_ms", part->ms[1] * each,
                                      "share", (part->ms[0] + part->ms[1]) / total));
    }
    return object;
}
