#include "common/core/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "common/core/err.h"

int rg_arena_init(rg_arena_t *arena, size_t capacity)
{
    void *base =
        mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return rg_fail_errno(RG_ELIMIT, "cannot reserve %zu bytes of addresses", capacity);
    *arena = (rg_arena_t){.base = base, .capacity = capacity};
    return 0;
}

void rg_arena_fini(rg_arena_t *arena)
{
    if (arena->base) munmap(arena->base, arena->capacity);
    *arena = (rg_arena_t){0};
}

void *rg_arena_alloc(rg_arena_t *arena, size_t size)
{
    size_t rounded = (size + 63) & ~(size_t)63;
    if (rounded < size || rounded > arena->capacity - arena->used) {
        fprintf(stderr, "arena of %zu bytes is exhausted\n", arena->capacity);
        abort();
    }
    void *memory = arena->base + arena->used;
    arena->used += rounded;
    if (arena->used > arena->peak) arena->peak = arena->used;
    return memory;
}

void rg_arena_reset(rg_arena_t *arena)
{
    arena->used = 0;
}

int rg_arena_owns(const rg_arena_t *arena, const void *memory)
{
    uintptr_t at = (uintptr_t)memory, base = (uintptr_t)arena->base;
    return at >= base && at < base + arena->used;
}
