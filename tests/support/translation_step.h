// One iteration of stage 1 or 3 without a training loop, for tests and benchmarks.
#ifndef RG_TESTS_TRANSLATION_STEP_H
#define RG_TESTS_TRANSLATION_STEP_H

#include "services/trainer/translation.h"

// Draws the iteration's random part from (seed, iteration) and makes the step.
static inline int translation_step(rg_translation_t *translation, uint64_t seed, const rg_batch_t *batch,
                                   int iteration, rg_losses_t *losses)
{
    rg_rng_t rng;
    rg_draws_t draws;
    rg_rng_init(&rng, seed, RG_RNG_STEP, (uint64_t)iteration);
    rg_translation_draw(translation, batch, &rng, &draws);
    return rg_translation_step(translation, batch, &draws, iteration, losses);
}

#endif
