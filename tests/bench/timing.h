// Shared by the benchmarks: the command line, medians, and processor time.
#ifndef RG_BENCH_TIMING_H
#define RG_BENCH_TIMING_H

#include "common/config/config.h"

// Parses --config FILE and --set KEY=VALUE, which may be repeated, and sets the number of threads. doc is the
// text of --help. Wrong options end the process with code 2.
void rg_timing_config(int argc, char **argv, const char *doc, rg_config_t *config);

double rg_timing_median(double *values, int n); // sorts them

// The processor time of this process so far, all threads: other programs on the machine hardly change it.
double rg_timing_busy_ms(void);

#endif
