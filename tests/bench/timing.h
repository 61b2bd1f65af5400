// What the benches share: a clock, medians, and a batch of random images.
#ifndef RG_BENCH_TIMING_H
#define RG_BENCH_TIMING_H

#include "common/core/config.h"
#include "services/trainer/batch.h"

double rg_timing_ms(void);                      // of a clock that only moves on
double rg_timing_median(double *values, int n); // sorts them

// A stage-1 batch of noise, of the config's sizes; never freed.
void rg_timing_batch(rg_batch_t *batch, const rg_config_t *config);

#endif
