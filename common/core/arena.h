// A bump allocator over one reserved range of addresses. rg_arena_reset() keeps the pages, so a loop that
// allocates the same every round touches the kernel only in the first.
#ifndef RG_CORE_ARENA_H
#define RG_CORE_ARENA_H

#include <stddef.h>

typedef struct {
    char *base;      // reserved range, committed by the kernel on first touch
    size_t capacity; // bytes reserved
    size_t used;     // bytes handed out since the last reset
    size_t peak;     // largest `used` so far
} rg_arena_t;

// Reserves capacity bytes of addresses (no memory yet). RG_ELIMIT if the kernel refuses.
int rg_arena_init(rg_arena_t *arena, size_t capacity);
void rg_arena_fini(rg_arena_t *arena);

// 64-byte aligned, not zeroed. Running out of the reserved range ends the process: the range is chosen far
// above what any configuration accepted by the config table needs.
void *rg_arena_alloc(rg_arena_t *arena, size_t size);

void rg_arena_reset(rg_arena_t *arena);

int rg_arena_owns(const rg_arena_t *arena, const void *memory); // 1 if handed out by this arena

#endif
