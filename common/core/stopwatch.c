#include "common/core/stopwatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/clock.h"

void rg_stopwatch_init(rg_stopwatch_t *watch)
{
    memset(watch, 0, sizeof *watch);
    watch->running = -1;
}

void rg_stopwatch_again(rg_stopwatch_t *watch, int piece, int hand)
{
    double now = rg_clock_ms();
    if (watch->running >= 0) watch->piece[watch->running].ms[watch->hand] += now - watch->since_ms;
    watch->running = piece;
    watch->hand = hand;
    watch->since_ms = now;
}

void rg_stopwatch_stop(rg_stopwatch_t *watch)
{
    rg_stopwatch_again(watch, -1, 0);
}

static int find(rg_stopwatch_t *watch, const char *name)
{
    int i = 0, last = RG_STOPWATCH_PIECES - 1;
    while (i < watch->n && strcmp(watch->piece[i].name, name) != 0) i++;
    if (i == RG_STOPWATCH_PIECES) return last;
    if (i == watch->n)
        snprintf(watch->piece[watch->n++].name, RG_STOPWATCH_NAME, "%s", i == last ? "other" : name);
    return i;
}

int rg_stopwatch_begin(rg_stopwatch_t *watch, const char *name)
{
    char cut[RG_STOPWATCH_NAME];
    snprintf(cut, sizeof cut, "%s", name);
    int piece = find(watch, cut);
    watch->piece[piece].calls++;
    rg_stopwatch_again(watch, piece, 0);
    return piece;
}

static int slower(const void *a, const void *b)
{
    const rg_stopwatch_piece_t *x = a, *y = b;
    double gap = (y->ms[0] + y->ms[1]) - (x->ms[0] + x->ms[1]);
    return (gap > 0) - (gap < 0);
}

void rg_stopwatch_sort(rg_stopwatch_t *watch)
{
    qsort(watch->piece, (size_t)watch->n, sizeof *watch->piece, slower);
}
