// Time: a monotonic clock for durations and deadlines, the time of day, and a stopwatch.
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

// Microseconds and milliseconds since 1970, for times that are sent, stored or shown.
static inline uint64_t rg_clock_wall_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static inline uint64_t rg_clock_wall_ms(void)
{
    return rg_clock_wall_us() / 1000;
}

// Times of day as people write and read them.
enum { RG_TIME_SIZE = 32 };

// Writes "2026-11-25T08:30:15.123Z". rg_time_parse reads it back.
void rg_time_format(uint64_t ms, char out[RG_TIME_SIZE]);

// Reads one of these into *ms, milliseconds since 1970 (at least 1):
//   2026-11-25, 2026-11-25T08:30, 2026-11-25T08:30:15, 2026-11-25T08:30:15.123   a blank may stand for the T
//   one of the last three with Z, +02:00 or +0200 behind it; without: local time
//   90s, 15m, 2h, 3d                                                             that long before now
//   1795595415123                                                               milliseconds since 1970
// RG_EINVAL with what was expected, also for a day that the calendar does not have.
int rg_time_parse(const char *text, uint64_t *ms);
#define RG_TIME_EXPECTED "2026-11-25, 2026-11-25T08:30, 2026-11-25T08:30:15Z, 15m, 2h or 3d"

// A stopwatch of a program's parts, such as the layers of a network. One part runs at a time, so the times of
// the parts add up to the whole. Each part has two times: of its forward and of its backward pass.
enum { RG_STOPWATCH_PARTS = 256, RG_STOPWATCH_NAME = 48 };
enum rg_stopwatch_pass { RG_STOPWATCH_FORWARD, RG_STOPWATCH_BACKWARD };

typedef struct {
    char name[RG_STOPWATCH_NAME];
    uint64_t calls; // forward passes
    double ms[2];   // by enum rg_stopwatch_pass
} rg_stopwatch_part_t;

typedef struct {
    rg_stopwatch_part_t part[RG_STOPWATCH_PARTS]; // the last one, "other", counts all parts that do not fit
    int n;
    int running;                 // the part whose time runs; -1: no part
    enum rg_stopwatch_pass pass; // of the running part
    double since_ms;
} rg_stopwatch_t;

void rg_stopwatch_init(rg_stopwatch_t *watch);

// Ends the running part and begins the forward pass of the part with this name. Returns the part's number.
int rg_stopwatch_begin(rg_stopwatch_t *watch, const char *name);

// Ends the running part and continues a part by its number.
void rg_stopwatch_continue(rg_stopwatch_t *watch, int part, enum rg_stopwatch_pass pass);

void rg_stopwatch_stop(rg_stopwatch_t *watch); // ends the running part

void rg_stopwatch_sort(rg_stopwatch_t *watch); // slowest part first

#endif
