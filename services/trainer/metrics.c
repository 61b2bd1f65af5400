#include "services/trainer/metrics.h"

#include <jansson.h>
#include <stdlib.h>

int rg_metrics_open(rg_journal_t *metrics, const rg_config_t *config)
{
    char path[RG_PATH_SIZE];
    rg_config_path(config, "metrics.jsonl", path);
    return rg_journal_open(metrics, path);
}

int rg_metrics_write(rg_journal_t *metrics, const rg_progress_values_t *values, double lr)
{
    json_t *object = json_pack("{s:s, s:I, s:f, s:f, s:f}", "stage", values->stage, "iteration",
                               (json_int_t)values->iteration, "lr", lr, "images_per_s", values->images_per_s,
                               "wait_share", values->wait_share);
    for (int i = 0; i < values->losses.n; i++)
        json_object_set_new(object, values->losses.item[i].name, json_real(values->losses.item[i].value));
    char *line = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(7));
    int err = rg_journal_add(metrics, line);
    free(line);
    json_decref(object);
    return err;
}
