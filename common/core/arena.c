// The memory plan of an arena:
//
//   base        spare          spare          used                      peak            base + capacity
//    |  in use  [    ]  in use  [  ]   in use  |  free, pages are kept   |  never written    |
//
// rg_arena_alloc takes the smallest spare that is large enough and leaves its rest as a spare; without such a
// spare it takes memory at `used`. rg_arena_give joins the piece with the spares that touch it; if the joined
// piece ends at `used`, it lowers `used` instead of becoming a spare. Small pieces skip the table of spares:
// they are cheap to lose, and searching the table for them is not.
//
// A training step allocates the same pieces in the same order each time, so the second step places each piece
// where the first did: it writes no new page, and results do not depend on addresses.
#include "common/core/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "common/core/err.h"

static void *reserve(size_t capacity)
{
    void *base =
        mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return base == MAP_FAILED ? NULL : base;
}

// Leaves as many addresses to others as it takes, if the kernel does not give the whole capacity.
int rg_arena_init(rg_arena_t *arena, size_t capacity)
{
    void *base = reserve(capacity);
    int limited = !base;
    while (!base && capacity / 2 >= RG_ARENA_MIN) {
        capacity /= 2;
        base = reserve(capacity);
    }
    if (base && limited && capacity / 2 >= RG_ARENA_MIN) {
        munmap(base, capacity);
        capacity /= 2;
        base = reserve(capacity);
    }
    if (!base)
        return rg_fail_errno(RG_ELIMIT, "cannot reserve %d MiB of addresses: raise the limit (ulimit -v)",
                             RG_ARENA_MIN >> 20);
    *arena = (rg_arena_t){.base = base, .capacity = capacity};
    return 0;
}

void rg_arena_fini(rg_arena_t *arena)
{
    if (arena->base) munmap(arena->base, arena->capacity);
    *arena = (rg_arena_t){0};
}

static size_t round_up(size_t size)
{
    return (size + 63) & ~(size_t)63;
}

static void drop_spare(rg_arena_t *arena, int i)
{
    arena->spare[i] = arena->spare[--arena->n_spares];
}

// The smallest spare that is large enough, or -1.
static int find_spare(const rg_arena_t *arena, size_t size)
{
    int best = -1;
    for (int i = 0; i < arena->n_spares; i++)
        if (arena->spare[i].size >= size && (best < 0 || arena->spare[i].size < arena->spare[best].size))
            best = i;
    return best;
}

static void *take_spare(rg_arena_t *arena, int i, size_t size)
{
    void *memory = arena->base + arena->spare[i].at;
    arena->spare[i].at += size;
    arena->spare[i].size -= size;
    if (arena->spare[i].size < RG_ARENA_SPARE_MIN) drop_spare(arena, i);
    return memory;
}

void *rg_arena_alloc(rg_arena_t *arena, size_t size)
{
    size_t rounded = round_up(size);
    int spare = rounded >= RG_ARENA_SPARE_MIN ? find_spare(arena, rounded) : -1;
    if (spare >= 0) return take_spare(arena, spare, rounded);
    if (rounded < size || rounded > arena->capacity - arena->used) {
        fprintf(stderr,
                "error=\"%zu MiB of addresses are too few: raise the limit (ulimit -v), or lower the batch "
                "of the "
                "stage\"\n",
                arena->capacity >> 20);
        abort();
    }
    void *memory = arena->base + arena->used;
    arena->used += rounded;
    if (arena->used > arena->peak) arena->peak = arena->used;
    return memory;
}

void rg_arena_give(rg_arena_t *arena, void *memory, size_t size)
{
    size_t at = (size_t)((char *)memory - arena->base), length = round_up(size);
    if (length < RG_ARENA_SPARE_MIN) return;
    for (int i = arena->n_spares - 1; i >= 0; i--) { // joins the spares that touch the piece
        size_t other = arena->spare[i].at, other_length = arena->spare[i].size;
        if (other + other_length != at && at + length != other) continue;
        if (other < at) at = other;
        length += other_length;
        drop_spare(arena, i);
    }
    if (at + length == arena->used)
        arena->used = at;
    else if (arena->n_spares < RG_ARENA_SPARES) {
        arena->spare[arena->n_spares].at = at;
        arena->spare[arena->n_spares++].size = length;
    }
}

void rg_arena_reset(rg_arena_t *arena)
{
    arena->used = 0;
    arena->n_spares = 0;
}
