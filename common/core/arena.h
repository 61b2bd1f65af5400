// A bump allocator over one reserved range of addresses. rg_arena_reset() keeps the pages, so a loop that
// allocates the same every round touches the kernel only in the first. Large pieces that nobody reads any
// more can be given back within a round.
#ifndef RG_CORE_ARENA_H
#define RG_CORE_ARENA_H

#include <stddef.h>

enum { RG_ARENA_SPARES = 256, RG_ARENA_SPARE_MIN = 4096 };

typedef struct {
    char *base;      // reserved range, committed by the kernel on first touch
    size_t capacity; // bytes reserved
    size_t used;     // end of what was handed out since the last reset
    size_t peak;     // largest `used` so far
    struct {
        size_t at, size;
    } spare[RG_ARENA_SPARES]; // given back, apart from each other and from `used`
    int n_spares;
} rg_arena_t;

// Reserves capacity bytes of addresses (no memory yet). RG_ELIMIT if the kernel refuses.
int rg_arena_init(rg_arena_t *arena, size_t capacity);
void rg_arena_fini(rg_arena_t *arena);

// 64-byte aligned, not zeroed. Running out of the reserved range ends the process: the range is chosen far
// above what any configuration accepted by the config table needs.
void *rg_arena_alloc(rg_arena_t *arena, size_t size);

// Gives back a piece of this arena, of the size it was asked for: later pieces may lie there. Pieces smaller
// than RG_ARENA_SPARE_MIN, or one for which the table has no room, stay lost until the next reset.
void rg_arena_give(rg_arena_t *arena, void *memory, size_t size);

void rg_arena_reset(rg_arena_t *arena);

#endif
