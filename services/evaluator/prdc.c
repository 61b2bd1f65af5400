#include "services/evaluator/prdc.h"

#include <math.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

enum { BLOCK = 64 }; // vectors whose distances are held at a time

// Keeps the k least of what it is offered, in order.
static void offer(double *least, int k, double value)
{
    if (!(value < least[k - 1])) return;
    int place = k - 1;
    for (; place > 0 && least[place - 1] > value; place--) least[place] = least[place - 1];
    least[place] = value;
}

// radius [n]: squared distance of each vector to its k-th nearest other one.
static void measure_radii(double *radius, const rg_vectors_t *set, int k, double *block, double *least)
{
    for (size_t first = 0; first < set->n; first += BLOCK) {
        size_t rows = set->n - first < BLOCK ? set->n - first : BLOCK;
        rg_vectors_t part = rg_vectors_part(set, first, rows);
        rg_distances(block, &part, set);
        for (size_t i = 0; i < rows; i++) {
            for (int j = 0; j < k; j++) least[j] = INFINITY;
            for (size_t j = 0; j < set->n; j++)
                if (j != first + i) offer(least, k, block[i * set->n + j]);
            radius[first + i] = least[k - 1];
        }
    }
}

typedef struct {
    double *real, *made; // squared radii
} radii_t;

// One real vector against all made ones.
static void count(rg_prdc_t *sum, const double *distance, double radius, const double *radius_made, size_t n,
                  unsigned char *precise)
{
    int covered = 0, recalled = 0;
    for (size_t j = 0; j < n; j++) {
        if (distance[j] <= radius) {
            sum->density++;
            covered = 1;
            precise[j] = 1;
        }
        if (distance[j] <= radius_made[j]) recalled = 1;
    }
    sum->coverage += covered;
    sum->recall += recalled;
}

static void count_all(rg_prdc_t *sum, const rg_vectors_t *real, const rg_vectors_t *made,
                      const radii_t *radii, double *block)
{
    unsigned char *precise = rg_alloc(made->n);
    for (size_t first = 0; first < real->n; first += BLOCK) {
        size_t rows = real->n - first < BLOCK ? real->n - first : BLOCK;
        rg_vectors_t part = rg_vectors_part(real, first, rows);
        rg_distances(block, &part, made);
        for (size_t i = 0; i < rows; i++)
            count(sum, block + i * made->n, radii->real[first + i], radii->made, made->n, precise);
    }
    for (size_t j = 0; j < made->n; j++) sum->precision += precise[j];
    free(precise);
}

int rg_prdc(rg_prdc_t *prdc, const rg_vectors_t *real, const rg_vectors_t *made, int k)
{
    if (k < 1 || real->n <= (size_t)k || made->n <= (size_t)k)
        return rg_fail(
            RG_EINVAL,
            "precision and recall with %d neighbours need more images than that: there are %zu and %zu", k,
            real->n, made->n);
    size_t most = real->n > made->n ? real->n : made->n;
    double *block = rg_alloc(BLOCK * most * sizeof *block), *least = rg_alloc((size_t)k * sizeof *least);
    radii_t radii = {rg_alloc(real->n * sizeof *radii.real), rg_alloc(made->n * sizeof *radii.made)};
    rg_prdc_t sum = {0};
    measure_radii(radii.real, real, k, block, least);
    measure_radii(radii.made, made, k, block, least);
    count_all(&sum, real, made, &radii, block);
    *prdc = (rg_prdc_t){sum.precision / (double)made->n, sum.recall / (double)real->n,
                        sum.density / ((double)k * (double)made->n), sum.coverage / (double)real->n};
    free(radii.real);
    free(radii.made);
    free(block);
    free(least);
    return 0;
}
