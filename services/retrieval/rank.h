// Ranks of a bitset: how many bits are set before a position, and where the i-th set bit stands. Takes 4 bytes per
// 4096 bits and one pass over the bits, so that a draw among many rows lists none of them.
#ifndef RG_RETRIEVAL_RANK_H
#define RG_RETRIEVAL_RANK_H

#include "services/retrieval/bitset.h"

typedef struct {
    const rg_bitset_t *bits; // borrowed; NULL: all bits are set
    uint32_t *before;        // set bits before each block of RG_RANK_WORDS words
    uint32_t count;          // set bits
} rg_rank_t;

enum { RG_RANK_WORDS = 64 };

// bits may be without words: then all of `count` bits are set. fini: always.
void rg_rank_init(rg_rank_t *rank, const rg_bitset_t *bits, size_t count);
void rg_rank_fini(rg_rank_t *rank);

// The position of set bit number i, i < rank->count.
size_t rg_rank_select(const rg_rank_t *rank, uint32_t i);

// The number of set bits before a position; rank->count if that bit is not set.
uint32_t rg_rank_of(const rg_rank_t *rank, size_t position);

#endif
