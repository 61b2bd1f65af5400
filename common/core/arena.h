// An arena: a bump allocator over one reserved range of addresses. rg_arena_reset() frees everything at once
// but keeps the pages, so a loop that allocates the same in each round needs the kernel only in the first.
// Large pieces can be given back within a round. arena.c explains how.
#ifndef RG_CORE_ARENA_H
#define RG_CORE_ARENA_H

#include <stddef.h>

enum { RG_ARENA_SPARES = 256, RG_ARENA_SPARE_MIN = 4096, RG_ARENA_MIN = 64 << 20 };

typedef struct {
    char *base;      // reserved range, committed by the kernel on first touch
    size_t capacity; // bytes reserved
    size_t used;     // end of the last piece that is in use
    size_t peak;     // largest `used` so far
    struct {
        size_t at, size;
    } spare[RG_ARENA_SPARES]; // pieces given back; they touch neither each other nor the end at `used`
    int n_spares;
} rg_arena_t;

// Reserves capacity bytes of addresses; memory is used only once they are written. Where a limit (ulimit -v)
// is lower, it reserves half, a quarter, ... of that. RG_ELIMIT if not even RG_ARENA_MIN bytes can be
// reserved.
int rg_arena_init(rg_arena_t *arena, size_t capacity);
void rg_arena_fini(rg_arena_t *arena);

// A piece of memory, aligned to 64 bytes, not zeroed. It lives until it is given back, or until the next
// reset. If the reserved range is exhausted, the process ends with a sentence on standard error; without a
// limit the range is far above the need of any configuration that the config table accepts.
void *rg_arena_alloc(rg_arena_t *arena, size_t size);

// Gives back a piece, with the size it was allocated with; later pieces may be placed there. A piece smaller
// than RG_ARENA_SPARE_MIN, or one that does not fit into the table, is not reused before the next reset.
void rg_arena_give(rg_arena_t *arena, void *memory, size_t size);

void rg_arena_reset(rg_arena_t *arena);

#endif
