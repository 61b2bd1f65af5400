// Two passes over the distances of all pairs: the first finds the radius of every ball, the second counts all
// four measures. Both hold the distances of one block of vectors at a time, so memory grows with the number
// of images and not with its square.
#include "services/evaluator/metrics/metrics.h"

#include <math.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

enum { BLOCK = 64 }; // vectors whose distances to a whole set are in memory at a time

// radius [n]: squared distance of each vector to its k-th nearest other vector. block [BLOCK,n] and
// nearest [k] are scratch.
static void measure_radii(double *radius, const rg_vectors_t *set, int k, double *block, double *nearest)
{
    for (size_t first = 0; first < set->n; first += BLOCK) {
        size_t rows = set->n - first < BLOCK ? set->n - first : BLOCK;
        rg_vectors_t part = rg_vectors_part(set, first, rows);
        rg_vectors_distances(block, &part, set);
        for (size_t i = 0; i < rows; i++) {
            for (int j = 0; j < k; j++) nearest[j] = INFINITY;
            for (size_t j = 0; j < set->n; j++)
                if (j != first + i) rg_nearest_offer(nearest, NULL, k, block[i * set->n + j], 0);
            radius[first + i] = nearest[k - 1];
        }
    }
}

typedef struct {
    double *real, *generated; // squared radii of the balls
} radii_t;

// Compares one real vector with all n generated vectors, given its squared distances to them.
static void count_real_vector(rg_prdc_t *sum, const double *distance, double radius,
                              const double *radius_generated, size_t n, unsigned char *precise)
{
    int covered = 0, recalled = 0;
    for (size_t j = 0; j < n; j++) {
        if (distance[j] <= radius) {
            sum->density++;
            covered = 1;
            precise[j] = 1;
        }
        if (distance[j] <= radius_generated[j]) recalled = 1;
    }
    sum->coverage += covered;
    sum->recall += recalled;
}

static void count_all_vectors(rg_prdc_t *sum, const rg_vectors_t *real, const rg_vectors_t *generated,
                              const radii_t *radii, double *block)
{
    unsigned char *precise = rg_alloc(generated->n); // 1: the vector lies in a real ball
    for (size_t first = 0; first < real->n; first += BLOCK) {
        size_t rows = real->n - first < BLOCK ? real->n - first : BLOCK;
        rg_vectors_t part = rg_vectors_part(real, first, rows);
        rg_vectors_distances(block, &part, generated);
        for (size_t i = 0; i < rows; i++)
            count_real_vector(sum, block + i * generated->n, radii->real[first + i], radii->generated,
                              generated->n, precise);
    }
    for (size_t j = 0; j < generated->n; j++) sum->precision += precise[j];
    free(precise);
}

int rg_prdc(rg_prdc_t *prdc, const rg_vectors_t *real, const rg_vectors_t *generated, int k)
{
    if (k < 1 || real->n <= (size_t)k || generated->n <= (size_t)k)
        return rg_fail(RG_EINVAL,
                       "precision and recall with %d neighbours need more images than that: there are %zu "
                       "and %zu",
                       k, real->n, generated->n);
    size_t most = real->n > generated->n ? real->n : generated->n;
    double *block = rg_alloc(BLOCK * most * sizeof *block), *nearest = rg_alloc((size_t)k * sizeof *nearest);
    radii_t radii = {rg_alloc(real->n * sizeof *radii.real),
                     rg_alloc(generated->n * sizeof *radii.generated)};
    rg_prdc_t sum = {0};
    measure_radii(radii.real, real, k, block, nearest);
    measure_radii(radii.generated, generated, k, block, nearest);
    count_all_vectors(&sum, real, generated, &radii, block);
    *prdc = (rg_prdc_t){sum.precision / (double)generated->n, sum.recall / (double)real->n,
                        sum.density / ((double)k * (double)generated->n), sum.coverage / (double)real->n};
    free(radii.real);
    free(radii.generated);
    free(block);
    free(nearest);
    return 0;
}
