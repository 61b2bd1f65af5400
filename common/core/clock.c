// The stopwatch stores only the start of the running part. Each begin, continue or stop adds the time since
// that start to the part and sets a new start. No time is lost between two parts: they add up to the whole.
#include "common/core/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void rg_stopwatch_init(rg_stopwatch_t *watch)
{
    memset(watch, 0, sizeof *watch);
    watch->running = -1;
}

void rg_stopwatch_continue(rg_stopwatch_t *watch, int part, enum rg_stopwatch_pass pass)
{
    double now = rg_clock_ms();
    if (watch->running >= 0) watch->part[watch->running].ms[watch->pass] += now - watch->since_ms;
    watch->running = part;
    watch->pass = pass;
    watch->since_ms = now;
}

void rg_stopwatch_stop(rg_stopwatch_t *watch)
{
    rg_stopwatch_continue(watch, -1, RG_STOPWATCH_FORWARD);
}

// The part with this name; a new one if the name is new and fits, else the last part, "other".
static int find_part(rg_stopwatch_t *watch, const char *name)
{
    int i = 0, last = RG_STOPWATCH_PARTS - 1;
    while (i < watch->n && strcmp(watch->part[i].name, name) != 0) i++;
    if (i == RG_STOPWATCH_PARTS) return last;
    if (i == watch->n)
        snprintf(watch->part[watch->n++].name, RG_STOPWATCH_NAME, "%s", i == last ? "other" : name);
    return i;
}

int rg_stopwatch_begin(rg_stopwatch_t *watch, const char *name)
{
    char cut[RG_STOPWATCH_NAME];
    snprintf(cut, sizeof cut, "%s", name);
    int part = find_part(watch, cut);
    watch->part[part].calls++;
    rg_stopwatch_continue(watch, part, RG_STOPWATCH_FORWARD);
    return part;
}

static int slower(const void *a, const void *b)
{
    const rg_stopwatch_part_t *x = a, *y = b;
    double gap = (y->ms[0] + y->ms[1]) - (x->ms[0] + x->ms[1]);
    return (gap > 0) - (gap < 0);
}

void rg_stopwatch_sort(rg_stopwatch_t *watch)
{
    qsort(watch->part, (size_t)watch->n, sizeof *watch->part, slower);
}
