// The sums over pairs come from matrices of inner products, one per pair of sets. Every pair of a subset
// counts, so the time grows with the square of the subset's size and not of the number of images.
#include "services/evaluator/metrics/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/rng.h"

// Sum of the kernel over all pairs. skip_same: without the pairs of a vector with itself.
static double kernel_sum(const rg_vectors_t *a, const rg_vectors_t *b, int skip_same, double *products)
{
    double sum = 0;
    rg_vectors_products(products, a, b);
    for (size_t i = 0; i < a->n; i++)
        for (size_t j = 0; j < b->n; j++) {
            if (skip_same && i == j) continue;
            double base = products[i * b->n + j] / a->d + 1;
            sum += base * base * base;
        }
    return sum;
}

static double mean_discrepancy(const rg_vectors_t *a, const rg_vectors_t *b, double *products)
{
    double n = (double)a->n;
    return (kernel_sum(a, a, 1, products) + kernel_sum(b, b, 1, products)) / (n * (n - 1)) -
           2 * kernel_sum(a, b, 0, products) / (n * n);
}

// Copies `size` random vectors of all to picked [size,d]. order [all->n] is scratch.
static rg_vectors_t pick_subset(const rg_vectors_t *all, size_t size, uint32_t *order, rg_rng_t *rng,
                                float *picked)
{
    size_t width = (size_t)all->d;
    for (uint32_t i = 0; i < all->n; i++) order[i] = i;
    for (uint32_t i = 0; i < size; i++) { // the first steps of a shuffle
        uint32_t other = i + rg_rng_below(rng, (uint32_t)all->n - i), taken = order[other];
        order[other] = order[i];
        order[i] = taken;
        memcpy(picked + i * width, all->row + taken * width, width * sizeof *picked);
    }
    return (rg_vectors_t){picked, size, all->d};
}

int rg_kid(rg_estimate_t *kid, const rg_vectors_t *a, const rg_vectors_t *b, int subsets, size_t size,
           uint64_t seed)
{
    if (size < 2 || size > a->n || size > b->n || subsets < 1)
        return rg_fail(RG_EINVAL, "a kernel distance by %d subsets of %zu images: there are %zu and %zu",
                       subsets, size, a->n, b->n);
    size_t width = (size_t)a->d, most = a->n > b->n ? a->n : b->n;
    uint32_t *order = rg_alloc(most * sizeof *order);
    float *picked_a = rg_alloc(size * width * sizeof *picked_a),
          *picked_b = rg_alloc(size * width * sizeof *picked_b);
    double *products = rg_alloc(size * size * sizeof *products), sum = 0, squares = 0;
    for (int s = 0; s < subsets; s++) {
        rg_rng_t rng;
        rg_rng_init(&rng, seed, RG_RNG_SUBSETS, (uint64_t)s);
        const rg_vectors_t part_a = pick_subset(a, size, order, &rng, picked_a),
                           part_b = pick_subset(b, size, order, &rng, picked_b);
        double discrepancy = mean_discrepancy(&part_a, &part_b, products);
        sum += discrepancy;
        squares += discrepancy * discrepancy;
    }
    *kid = rg_estimate(sum, squares, subsets);
    free(order);
    free(picked_a);
    free(picked_b);
    free(products);
    return isfinite(sum) ? 0 : rg_fail(RG_ENUMERIC, "features of the images are not finite numbers");
}
