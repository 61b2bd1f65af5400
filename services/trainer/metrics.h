// The metrics stream: RUN/metrics.jsonl, one JSON object per logged iteration, apart from the log so that
// plots never parse prose.
#ifndef RG_TRAINER_METRICS_H
#define RG_TRAINER_METRICS_H

#include "common/config/config.h"
#include "common/core/file.h"
#include "services/trainer/progress.h"

// Adds to what earlier runs wrote. RG_EIO, RG_EFULL.
int rg_metrics_open(rg_journal_t *metrics, const rg_config_t *config);
int rg_metrics_write(rg_journal_t *metrics, const rg_progress_values_t *values, double lr);

#endif
