// Random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
// The generator is counter based: its numbers are a function of (seed, stream, index). Iteration i of a stage
// draws from (seed, stream, i), so a run resumes bit by bit without saved random state.
#ifndef RG_CORE_RNG_H
#define RG_CORE_RNG_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t key[2];
    uint32_t counter[4];
    uint32_t block[4]; // numbers drawn from the current counter
    int left;          // how many of block are unused
    float spare;       // second half of the last normal pair
    int has_spare;
} rg_rng_t;

// One stream per purpose: two purposes never draw the same numbers.
enum rg_rng_stream {
    RG_RNG_INIT = 1, // weight initialisation
    RG_RNG_SHUFFLE,  // order of the training images
    RG_RNG_TARGETS,  // order of the reference images
    RG_RNG_AUGMENT,  // flips and jitter
    RG_RNG_STEP,     // codes, choices and dropout of a training step
    RG_RNG_EVALUATE, // draws of an evaluation
    RG_RNG_FACES,    // procedural faces
    RG_RNG_SEARCH,   // random neighbours
    RG_RNG_SPLIT,    // which images keep their annotation
    RG_RNG_FLIPPED,  // references that show a source with one attribute flipped
    RG_RNG_SUBSETS,  // images that a kernel distance compares
    RG_RNG_PAIRS,    // images that show different people
};

void rg_rng_init(rg_rng_t *rng, uint64_t seed, uint32_t stream, uint64_t index);
uint32_t rg_rng_u32(rg_rng_t *rng);
float rg_rng_uniform(rg_rng_t *rng);                             // [0,1), 24 bits
uint32_t rg_rng_below(rg_rng_t *rng, uint32_t n);                // [0,n), unbiased; n > 0
float rg_rng_normal(rg_rng_t *rng);                              // N(0,1), Box-Muller
void rg_rng_shuffle(rg_rng_t *rng, uint32_t *items, uint32_t n); // Fisher-Yates

#endif
