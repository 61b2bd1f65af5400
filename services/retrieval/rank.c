#include "services/retrieval/rank.h"

// The bits of a word, without those behind the last bit of the bitset.
static uint64_t word_at(const rg_bitset_t *bits, size_t i)
{
    const size_t left = bits->count - i * 64;
    return left < 64 ? bits->words[i] & (((uint64_t)1 << left) - 1) : bits->words[i];
}

static uint32_t count_bits(const rg_bitset_t *bits, size_t from, size_t to)
{
    uint32_t n = 0;
    for (size_t i = from; i < to; i++) n += (uint32_t)__builtin_popcountll(word_at(bits, i));
    return n;
}

void rg_rank_init(rg_rank_t *rank, const rg_bitset_t *bits, size_t count)
{
    *rank = (rg_rank_t){.count = (uint32_t)count};
    if (!bits->words) return;
    const size_t words = rg_bitset_words(bits->count), blocks = (words + RG_RANK_WORDS - 1) / RG_RANK_WORDS;
    rank->bits = bits;
    rank->before = rg_alloc((blocks + 1) * sizeof *rank->before);
    for (size_t b = 0; b < blocks; b++) {
        const size_t from = b * RG_RANK_WORDS,
                     to = from + RG_RANK_WORDS < words ? from + RG_RANK_WORDS : words;
        rank->before[b + 1] = rank->before[b] + count_bits(bits, from, to);
    }
    rank->count = rank->before[blocks];
}

void rg_rank_fini(rg_rank_t *rank)
{
    free(rank->before);
    *rank = (rg_rank_t){0};
}

// The last block with at most i set bits before it.
static size_t block_of(const rg_rank_t *rank, uint32_t i)
{
    size_t low = 0, high = (rg_bitset_words(rank->bits->count) + RG_RANK_WORDS - 1) / RG_RANK_WORDS;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (rank->before[middle] <= i)
            low = middle;
        else
            high = middle;
    }
    return low;
}

size_t rg_rank_select(const rg_rank_t *rank, uint32_t i)
{
    if (!rank->bits) return i;
    const size_t block = block_of(rank, i);
    size_t word = block * RG_RANK_WORDS;
    uint32_t left = i - rank->before[block], here;
    for (; (here = (uint32_t)__builtin_popcountll(word_at(rank->bits, word))) <= left; word++) left -= here;
    uint64_t bits = word_at(rank->bits, word);
    for (; left; left--) bits &= bits - 1;
    return word * 64 + (size_t)__builtin_ctzll(bits);
}

uint32_t rg_rank_of(const rg_rank_t *rank, size_t position)
{
    if (!rank->bits) return position < rank->count ? (uint32_t)position : rank->count;
    if (position >= rank->bits->count || !rg_bitset_get(rank->bits, position)) return rank->count;
    const size_t word = position / 64, block = word / RG_RANK_WORDS;
    const uint64_t lower = word_at(rank->bits, word) & (((uint64_t)1 << position % 64) - 1);
    return rank->before[block] + count_bits(rank->bits, block * RG_RANK_WORDS, word) +
           (uint32_t)__builtin_popcountll(lower);
}
