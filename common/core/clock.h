// Monotonic seconds, for rates, time left and deadlines.
#ifndef RG_CORE_CLOCK_H
#define RG_CORE_CLOCK_H

#include <time.h>

static inline double rg_clock_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#endif
