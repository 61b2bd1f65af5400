// How a few thousand real embeddings become millions: a vector is a random mean of a base embedding and some
// of its nearest neighbours in the base, with a little noise in all directions, on the unit sphere. So the
// vectors have the clusters and the few local dimensions of the real ones, but lie closer together.
//
// Made-up embeddings are a smooth random function of LATENT numbers.
#include "tests/bench/scale_vectors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/rng.h"
#include "common/nn/linalg.h"

enum { LATENT = 16, MADE_UP = 8192, NEAR = 8, MIXED = 4, BLOCK = 256 };
static const size_t BASE_MAX = (size_t)1 << 28; // bytes
static const float NOISE = 0.25F;               // in distances to the nearest neighbour

struct scale_vectors {
    size_t n, d;
    float *base;    // [n,d], unit vectors
    uint32_t *near; // [n,NEAR], itself first
    float *nearest; // [n] distance to the nearest neighbour
};

static void normalise(float *x, size_t d)
{
    double sum = 1e-30;
    for (size_t i = 0; i < d; i++) sum += (double)x[i] * x[i];
    for (size_t i = 0; i < d; i++) x[i] /= (float)sqrt(sum);
}

static float *make_up(size_t n, size_t d)
{
    float *x = rg_alloc(n * d * sizeof *x), *mix = rg_alloc(2 * LATENT * d * sizeof *mix);
    rg_rng_t rng;
    rg_rng_init(&rng, 1, RG_RNG_SEARCH, 0);
    for (size_t i = 0; i < 2 * LATENT * d; i++) mix[i] = rg_rng_normal(&rng);
    for (size_t i = 0; i < n; i++) {
        float latent[LATENT];
        for (int l = 0; l < LATENT; l++) latent[l] = rg_rng_normal(&rng);
        for (size_t j = 0; j < d; j++) {
            float sum = 0;
            for (size_t l = 0; l < LATENT; l++)
                sum += latent[l] * mix[l * d + j] + sinf(latent[l] + mix[(LATENT + l) * d + j]);
            x[i * d + j] = sum;
        }
    }
    free(mix);
    return x;
}

// Keeps the NEAR base vectors with the largest products with vector i, in descending order.
static void keep_nearest(scale_vectors_t *v, size_t i, const float *products)
{
    float best[NEAR] = {0};
    uint32_t *near = v->near + i * NEAR;
    size_t count = 0;
    for (size_t j = 0; j < v->n; j++) {
        if (count == NEAR && products[j] <= best[NEAR - 1]) continue;
        size_t at = count < NEAR ? count++ : NEAR - 1;
        for (; at > 0 && best[at - 1] < products[j]; at--) best[at] = best[at - 1], near[at] = near[at - 1];
        best[at] = products[j];
        near[at] = (uint32_t)j;
    }
    v->nearest[i] = sqrtf(fmaxf(0, 2 - 2 * best[1]));
}

static void find_neighbours(scale_vectors_t *v)
{
    float *products = rg_alloc(BLOCK * v->n * sizeof *products);
    for (size_t i = 0; i < v->n; i += BLOCK) {
        size_t m = v->n - i < BLOCK ? v->n - i : BLOCK;
        rg_matmul_nt_f32(products, v->n, v->base + i * v->d, v->base, m, v->n, v->d);
        for (size_t j = 0; j < m; j++) keep_nearest(v, i + j, products + j * v->n);
    }
    free(products);
}

scale_vectors_t *scale_vectors_new(const char *path, size_t d)
{
    scale_vectors_t *v = rg_alloc(sizeof *v);
    unsigned char *bytes = NULL;
    size_t size = 0;
    *v = (scale_vectors_t){.n = MADE_UP, .d = d};
    if (path && rg_file_read(path, BASE_MAX, &bytes, &size) != 0)
        return fprintf(stderr, "scale: %s\n", rg_error()), NULL;
    if (path) v->n = size / (d * sizeof(float));
    if (v->n < NEAR || size % (d * sizeof(float)))
        return fprintf(stderr, "scale: %s: it does not hold vectors of %zu floats\n", path, d), NULL;
    v->base = path ? (float *)bytes : make_up(v->n, d);
    v->near = rg_alloc(v->n * NEAR * sizeof *v->near);
    v->nearest = rg_alloc(v->n * sizeof *v->nearest);
    for (size_t i = 0; i < v->n; i++) normalise(v->base + i * d, d);
    find_neighbours(v);
    return v;
}

static void draw_one(const scale_vectors_t *v, float *x, uint64_t number)
{
    rg_rng_t rng;
    rg_rng_init(&rng, 2, RG_RNG_SEARCH, number);
    const size_t at = rg_rng_below(&rng, (uint32_t)v->n), d = v->d;
    const float noise = NOISE * v->nearest[at] / sqrtf((float)d);
    memset(x, 0, d * sizeof *x);
    for (int m = 0; m < MIXED; m++) {
        const float *e = v->base + d * v->near[at * NEAR + (m ? rg_rng_below(&rng, NEAR) : 0)];
        const float weight = -logf(rg_rng_uniform(&rng) + 1e-9F);
        for (size_t i = 0; i < d; i++) x[i] += weight * e[i];
    }
    normalise(x, d);
    for (size_t i = 0; i < d; i++) x[i] += noise * rg_rng_normal(&rng);
    normalise(x, d);
}

void scale_vectors_draw(const scale_vectors_t *v, float *out, uint64_t first, size_t n)
{
    for (size_t i = 0; i < n; i++) draw_one(v, out + i * v->d, first + i);
}
