// A bitset: one bit for each row of a set.
#ifndef RG_RETRIEVAL_BITSET_H
#define RG_RETRIEVAL_BITSET_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"

typedef struct {
    uint64_t *words; // owned; NULL in a zeroed bitset
    size_t count;    // bits
} rg_bitset_t;

static inline size_t rg_bitset_words(size_t count)
{
    return (count + 63) / 64;
}

// Allocates `count` bits, all 1 if `set` is nonzero, otherwise all 0.
static inline void rg_bitset_init(rg_bitset_t *bits, size_t count, int set)
{
    bits->count = count;
    bits->words = rg_alloc((rg_bitset_words(count) + 1) * sizeof *bits->words);
    memset(bits->words, set ? 0xff : 0, rg_bitset_words(count) * sizeof *bits->words);
}

static inline void rg_bitset_fini(rg_bitset_t *bits)
{
    free(bits->words);
    *bits = (rg_bitset_t){0};
}

// Makes `copy` a bitset of its own with the bits of `bits`.
static inline void rg_bitset_copy(rg_bitset_t *copy, const rg_bitset_t *bits)
{
    rg_bitset_init(copy, bits->count, 1);
    memcpy(copy->words, bits->words, rg_bitset_words(bits->count) * sizeof *bits->words);
}

// Grows the bitset to `count` bits. The new bits are 1.
static inline void rg_bitset_grow(rg_bitset_t *bits, size_t count)
{
    size_t old = rg_bitset_words(bits->count), now = rg_bitset_words(count);
    if (now > old) {
        bits->words = rg_realloc(bits->words, (now + 1) * sizeof *bits->words);
        memset(bits->words + old, 0xff, (now - old) * sizeof *bits->words);
    }
    for (size_t at = bits->count; at < count && at < old * 64; at++)
        bits->words[at / 64] |= (uint64_t)1 << at % 64;
    bits->count = count;
}

static inline int rg_bitset_get(const rg_bitset_t *bits, size_t at)
{
    return (int)(bits->words[at / 64] >> at % 64 & 1);
}

static inline void rg_bitset_set(rg_bitset_t *bits, size_t at)
{
    bits->words[at / 64] |= (uint64_t)1 << at % 64;
}

static inline void rg_bitset_clear(rg_bitset_t *bits, size_t at)
{
    bits->words[at / 64] &= ~((uint64_t)1 << at % 64);
}

#endif
