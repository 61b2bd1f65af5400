#include "services/trainer/pace.h"

void rg_pace_begin(rg_pace_t *pace, double now_ms, double waited_ms)
{
    *pace = (rg_pace_t){.begin = {now_ms, waited_ms}};
}

void rg_pace_note(rg_pace_t *pace, double now_ms, double waited_ms)
{
    pace->mark[pace->iterations++ % RG_PACE_WINDOW] = (rg_pace_mark_t){now_ms, waited_ms};
}

// The mark after iteration i, or begin before the first.
static rg_pace_mark_t mark(const rg_pace_t *pace, uint64_t i)
{
    return i == 0 ? pace->begin : pace->mark[(i - 1) % RG_PACE_WINDOW];
}

static rg_pace_rate_t since(const rg_pace_t *pace, uint64_t first)
{
    rg_pace_mark_t a = mark(pace, first), b = mark(pace, pace->iterations);
    double ms = b.at_ms - a.at_ms;
    if (!(ms > 0)) return (rg_pace_rate_t){0};
    return (rg_pace_rate_t){.iterations_per_s = (double)(pace->iterations - first) / ms * 1e3,
                            .wait_share = (b.waited_ms - a.waited_ms) / ms};
}

rg_pace_rate_t rg_pace_recent(const rg_pace_t *pace)
{
    uint64_t n = pace->iterations;
    return since(pace, n < RG_PACE_WINDOW ? 0 : n - RG_PACE_WINDOW + 1);
}

rg_pace_rate_t rg_pace_whole(const rg_pace_t *pace)
{
    return since(pace, 0);
}

double rg_pace_seconds(const rg_pace_t *pace)
{
    return (mark(pace, pace->iterations).at_ms - pace->begin.at_ms) / 1e3;
}
