#include "common/core/rng.h"

#include <math.h>
#include <string.h>

// Philox4x32-10: ten rounds turn a counter of four words and a key of two words into four random words. Each
// round takes two products of 32x32 bits, mixes their halves into the other words, and adds a constant (the
// golden ratio, the square root of 3) to the keys.
//
//   key      seed, low and high word
//   counter  block number within the sequence, stream, index low and high word
static void philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

void rg_rng_init(rg_rng_t *rng, uint64_t seed, uint32_t stream, uint64_t index)
{
    memset(rng, 0, sizeof *rng);
    rng->key[0] = (uint32_t)seed;
    rng->key[1] = (uint32_t)(seed >> 32);
    rng->counter[1] = stream;
    rng->counter[2] = (uint32_t)index;
    rng->counter[3] = (uint32_t)(index >> 32);
}

uint32_t rg_rng_u32(rg_rng_t *rng)
{
    if (rng->left == 0) {
        philox(rng->counter, rng->key, rng->block);
        rng->counter[0]++;
        rng->left = 4;
    }
    return rng->block[--rng->left];
}

float rg_rng_uniform(rg_rng_t *rng)
{
    return (float)(rg_rng_u32(rng) >> 8) * 0x1p-24f;
}

uint32_t rg_rng_below(rg_rng_t *rng, uint32_t n)
{
    uint32_t limit = UINT32_MAX - UINT32_MAX % n, drawn;
    do drawn = rg_rng_u32(rng);
    while (drawn >= limit);
    return drawn % n;
}

float rg_rng_normal(rg_rng_t *rng)
{
    if (rng->has_spare) {
        rng->has_spare = 0;
        return rng->spare;
    }
    double radius = sqrt(-2.0 * log(1.0 - (double)rg_rng_uniform(rng)));
    double angle = 2.0 * M_PI * (double)rg_rng_uniform(rng);
    rng->spare = (float)(radius * sin(angle));
    rng->has_spare = 1;
    return (float)(radius * cos(angle));
}

void rg_rng_shuffle(rg_rng_t *rng, uint32_t *items, uint32_t n)
{
    for (uint32_t i = n; i > 1; i--) {
        uint32_t j = rg_rng_below(rng, i), swap = items[i - 1];
        items[i - 1] = items[j];
        items[j] = swap;
    }
}
