#include "services/trainer/metrics.h"

#include <jansson.h>

#include "common/core/err.h"

int rg_metrics_open(rg_metrics_t *metrics, const rg_config_t *config)
{
    char path[RG_PATH_SIZE];
    rg_config_path(config, "metrics.jsonl", path);
    metrics->file = fopen(path, "a");
    return metrics->file ? 0 : rg_fail_errno(RG_EIO, "%s: cannot append", path);
}

void rg_metrics_close(rg_metrics_t *metrics)
{
    if (metrics->file) fclose(metrics->file);
    metrics->file = NULL;
}

int rg_metrics_write(rg_metrics_t *metrics, const rg_progress_values_t *values, double lr)
{
    json_t *line = json_pack("{s:s, s:I, s:f, s:f, s:f}", "stage", values->stage, "iteration",
                             (json_int_t)values->iteration, "lr", lr, "images_per_s", values->images_per_s,
                             "wait_share", values->wait_share);
    for (int i = 0; i < values->losses.n; i++)
        json_object_set_new(line, values->losses.item[i].name, json_real(values->losses.item[i].value));
    int failed = json_dumpf(line, metrics->file, JSON_COMPACT | JSON_REAL_PRECISION(7)) != 0 ||
                 fputc('\n', metrics->file) == EOF || fflush(metrics->file) != 0;
    json_decref(line);
    return failed ? rg_fail_errno(RG_EIO, "metrics.jsonl: cannot write") : 0;
}
