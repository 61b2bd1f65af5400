#include "services/evaluator/kid.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/rng.h"

// Sum of the kernel over all pairs; `apart`: but for those of a vector with itself.
static double kernel_sum(const rg_vectors_t *a, const rg_vectors_t *b, int apart, double *products)
{
    double sum = 0;
    rg_products(products, a, b);
    for (size_t i = 0; i < a->n; i++)
        for (size_t j = 0; j < b->n; j++) {
            if (apart && i == j) continue;
            double base = products[i * b->n + j] / a->d + 1;
            sum += base * base * base;
        }
    return sum;
}

static double discrepancy(const rg_vectors_t *a, const rg_vectors_t *b, double *products)
{
    double n = (double)a->n;
    return (kernel_sum(a, a, 1, products) + kernel_sum(b, b, 1, products)) / (n * (n - 1)) -
           2 * kernel_sum(a, b, 0, products) / (n * n);
}

// `size` random rows of all, into picked.
static void pick(const rg_vectors_t *all, size_t size, uint32_t *order, rg_rng_t *rng, float *picked)
{
    size_t width = (size_t)all->d;
    for (uint32_t i = 0; i < all->n; i++) order[i] = i;
    for (uint32_t i = 0; i < size; i++) { // the first steps of a shuffle
        uint32_t other = i + rg_rng_below(rng, (uint32_t)all->n - i), taken = order[other];
        order[other] = order[i];
        order[i] = taken;
        memcpy(picked + i * width, all->row + taken * width, width * sizeof *picked);
    }
}

static rg_kid_t conclude(double sum, double squares, int subsets)
{
    double mean = sum / subsets;
    return (rg_kid_t){mean, sqrt(fmax(squares / subsets - mean * mean, 0))};
}

int rg_kid(rg_kid_t *kid, const rg_vectors_t *a, const rg_vectors_t *b, int subsets, size_t size,
           uint64_t seed)
{
    if (size < 2 || size > a->n || size > b->n || subsets < 1)
        return rg_fail(RG_EINVAL, "a kernel distance by %d subsets of %zu images: there are %zu and %zu",
                       subsets, size, a->n, b->n);
    size_t width = (size_t)a->d, most = a->n > b->n ? a->n : b->n;
    uint32_t *order = rg_alloc(most * sizeof *order);
    float *of_a = rg_alloc(size * width * sizeof *of_a), *of_b = rg_alloc(size * width * sizeof *of_b);
    double *products = rg_alloc(size * size * sizeof *products), sum = 0, squares = 0;
    for (int s = 0; s < subsets; s++) {
        rg_rng_t rng;
        rg_rng_init(&rng, seed, RG_RNG_SUBSETS, (uint64_t)s);
        pick(a, size, order, &rng, of_a);
        pick(b, size, order, &rng, of_b);
        double one =
            discrepancy(&(rg_vectors_t){of_a, size, a->d}, &(rg_vectors_t){of_b, size, b->d}, products);
        sum += one;
        squares += one * one;
    }
    *kid = conclude(sum, squares, subsets);
    free(order);
    free(of_a);
    free(of_b);
    free(products);
    return isfinite(sum) ? 0 : rg_fail(RG_ENUMERIC, "features of the images are not finite numbers");
}
