// Where time goes: one clock that is handed from one named piece of work to the next, so that the pieces add
// up to the whole. Each piece has two hands, forward and backward.
#ifndef RG_CORE_STOPWATCH_H
#define RG_CORE_STOPWATCH_H

#include <stdint.h>

enum { RG_STOPWATCH_PIECES = 256, RG_STOPWATCH_NAME = 48 };

typedef struct {
    char name[RG_STOPWATCH_NAME];
    uint64_t calls;
    double ms[2]; // forward, backward
} rg_stopwatch_piece_t;

typedef struct {
    rg_stopwatch_piece_t piece[RG_STOPWATCH_PIECES]; // the last one, "other", takes what finds no room
    int n;
    int running, hand; // -1: none
    double since_ms;
} rg_stopwatch_t;

void rg_stopwatch_init(rg_stopwatch_t *watch);

// Ends the running piece and begins this one; returns its number, with which rg_stopwatch_again begins it
// once more on the hand given.
int rg_stopwatch_begin(rg_stopwatch_t *watch, const char *name);
void rg_stopwatch_again(rg_stopwatch_t *watch, int piece, int hand);
void rg_stopwatch_stop(rg_stopwatch_t *watch);

// Slowest first.
void rg_stopwatch_sort(rg_stopwatch_t *watch);

#endif
