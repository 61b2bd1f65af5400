// How fast training goes: over the last iterations, which is what a person watching wants to know, and since
// this process began the stage, which is what a report says.
#ifndef RG_TRAINER_PACE_H
#define RG_TRAINER_PACE_H

#include <stdint.h>

enum { RG_PACE_WINDOW = 64 }; // iterations

typedef struct {
    double at_ms, waited_ms;
} rg_pace_mark_t;

typedef struct {
    rg_pace_mark_t begin, mark[RG_PACE_WINDOW]; // mark: after an iteration, the oldest is overwritten
    uint64_t iterations;                        // since begin
} rg_pace_t;

typedef struct {
    double iterations_per_s;
    double wait_share; // of the time, [0,1]
} rg_pace_rate_t;

// now_ms: a clock; waited_ms: time spent waiting so far, for batches and neighbours. Neither goes back.
void rg_pace_begin(rg_pace_t *pace, double now_ms, double waited_ms);
void rg_pace_note(rg_pace_t *pace, double now_ms, double waited_ms); // after each iteration

// Zeros before the first iteration.
rg_pace_rate_t rg_pace_recent(const rg_pace_t *pace);
rg_pace_rate_t rg_pace_whole(const rg_pace_t *pace);

// From begin to the last iteration.
double rg_pace_seconds(const rg_pace_t *pace);

#endif
