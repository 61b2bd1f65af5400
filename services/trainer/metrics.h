// The metrics stream: RUN/metrics.jsonl, one JSON object per logged iteration, apart from the log so that
// plots never parse prose.
#ifndef RG_TRAINER_METRICS_H
#define RG_TRAINER_METRICS_H

#include <stdio.h>

#include "common/core/config.h"
#include "services/trainer/progress.h"

typedef struct {
    FILE *file;
} rg_metrics_t;

// Appends to what earlier runs wrote. RG_EIO.
int rg_metrics_open(rg_metrics_t *metrics, const rg_config_t *config);
void rg_metrics_close(rg_metrics_t *metrics);
int rg_metrics_write(rg_metrics_t *metrics, const rg_progress_values_t *values, double lr);

#endif
