// A set of row positions, one bit each.
#ifndef RG_RETRIEVAL_MARKS_H
#define RG_RETRIEVAL_MARKS_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"

typedef struct {
    uint64_t *words; // owned
    size_t count;    // positions
} rg_marks_t;

static inline size_t rg_marks_words(size_t count)
{
    return (count + 63) / 64;
}

// All set or all clear.
static inline void rg_marks_init(rg_marks_t *marks, size_t count, int set)
{
    marks->count = count;
    marks->words = rg_alloc((rg_marks_words(count) + 1) * sizeof *marks->words);
    memset(marks->words, set ? 0xff : 0, rg_marks_words(count) * sizeof *marks->words);
}

// More positions, set.
static inline void rg_marks_grow(rg_marks_t *marks, size_t count)
{
    size_t old = rg_marks_words(marks->count), now = rg_marks_words(count);
    if (now > old) {
        marks->words = rg_realloc(marks->words, (now + 1) * sizeof *marks->words);
        memset(marks->words + old, 0xff, (now - old) * sizeof *marks->words);
    }
    for (size_t at = marks->count; at < count && at < old * 64; at++)
        marks->words[at / 64] |= (uint64_t)1 << at % 64;
    marks->count = count;
}

static inline void rg_marks_fini(rg_marks_t *marks)
{
    free(marks->words);
    *marks = (rg_marks_t){0};
}

static inline int rg_marks_get(const rg_marks_t *marks, size_t at)
{
    return (int)(marks->words[at / 64] >> at % 64 & 1);
}

static inline void rg_marks_set(rg_marks_t *marks, size_t at)
{
    marks->words[at / 64] |= (uint64_t)1 << at % 64;
}

static inline void rg_marks_clear(rg_marks_t *marks, size_t at)
{
    marks->words[at / 64] &= ~((uint64_t)1 << at % 64);
}

#endif
