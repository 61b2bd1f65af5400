// Clouds: vectors from a normal distribution, and rows that hold them.
#ifndef RG_TEST_RETRIEVAL_CLOUDS_H
#define RG_TEST_RETRIEVAL_CLOUDS_H

#include "common/core/rng.h"
#include "services/retrieval/rows.h"

// Vectors [n,dim]. free() it.
static inline float *cloud(size_t n, size_t dim, uint64_t seed)
{
    float *x = rg_alloc((n * dim + 1) * sizeof *x);
    rg_rng_t rng;
    rg_rng_init(&rng, seed, RG_RNG_EVALUATE, 0);
    for (size_t i = 0; i < n * dim; i++) x[i] = rg_rng_normal(&rng);
    return x;
}

// The label of the row at a position. Labels ascend with gaps.
static inline int64_t cloud_label(size_t row)
{
    return 1000 + 3 * (int64_t)row;
}

static inline void cloud_rows(rg_rows_t *rows, size_t n, uint32_t dim, uint64_t seed)
{
    float *x = cloud(n, dim, seed);
    rg_rows_init(rows, dim);
    for (size_t i = 0; i < n; i++)
        rg_rows_append(rows, &(rg_image_row_t){.label = cloud_label(i),
                                               .added_ms = i,
                                               .annotated = i % 3 == 0,
                                               .vector = x + i * dim});
    free(x);
}

#endif
