// Shared by the benchmarks: the command line, medians, and a batch of random images.
#ifndef RG_BENCH_TIMING_H
#define RG_BENCH_TIMING_H

#include "common/config/config.h"
#include "services/trainer/batch_stream.h"

// Parses --config FILE and --set KEY=VALUE, which may be repeated, and sets the number of threads. doc is the
// text of --help. Wrong options end the process with code 2.
void rg_timing_config(int argc, char **argv, const char *doc, rg_config_t *config);

double rg_timing_median(double *values, int n); // sorts them

// A stage-1 batch of noise, of the config's sizes; never freed.
void rg_timing_batch(rg_batch_t *batch, const rg_config_t *config);

#endif
