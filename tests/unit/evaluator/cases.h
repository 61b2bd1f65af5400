// Hand-made data for the evaluator's tests: feature vectors, and a labelled data set without images.
#ifndef RG_TEST_EVALUATOR_CASES_H
#define RG_TEST_EVALUATOR_CASES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/rng.h"
#include "services/evaluator/metrics/metrics.h"
#include "tests/support/test.h"

// Random normal vectors [n,d]; free() them.
static inline float *cases_normal(size_t n, int d, uint64_t seed, float scale, float shift)
{
    float *x = rg_alloc(n * (size_t)d * sizeof *x);
    rg_rng_t rng;
    rg_rng_init(&rng, seed, RG_RNG_EVALUATE, 0);
    for (size_t i = 0; i < n * (size_t)d; i++) x[i] = scale * rg_rng_normal(&rng) + shift;
    return x;
}

// Config attributes P, Q, R, of which P and Q exclude each other.
static inline void cases_config(rg_config_t *config)
{
    static const char names[][2] = {"P", "Q", "R"};
    rg_config_init(config);
    memset(&config->data.attributes, 0, sizeof config->data.attributes);
    memset(&config->data.exclusive, 0, sizeof config->data.exclusive);
    for (int i = 0; i < 3; i++) {
        snprintf(config->data.attributes.name[config->data.attributes.count++], RG_NAME_SIZE, "%s", names[i]);
        if (i < 2)
            snprintf(config->data.exclusive.name[config->data.exclusive.count++], RG_NAME_SIZE, "%s",
                     names[i]);
    }
}

// n images with labels [n,5] in columns x, R, P, Q, y; labels and images are borrowed. All are annotated
// training images.
static inline void cases_labelled(rg_labelled_t *data, uint8_t *labels, uint32_t *images, uint32_t n)
{
    *data = (rg_labelled_t){.column = {2, 3, 1}};
    data->set.count = n;
    data->set.labels = labels;
    data->set.attributes.count = 5;
    for (uint32_t i = 0; i < n; i++) images[i] = i;
    data->set.train_annotated = images;
    data->set.n_train_annotated = n;
}

#endif
