// The clocks: a monotonic one for durations and deadlines, and the time of day.
#ifndef RG_CORE_CLOCK_H
#define RG_CORE_CLOCK_H

#include <stdint.h>
#include <time.h>

// Monotonic seconds.
static inline double rg_clock_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static inline double rg_clock_ms(void)
{
    return 1e3 * rg_clock_s();
}

// Milliseconds since 1970, for times that are stored or shown.
static inline uint64_t rg_clock_wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

#endif
