#include "services/evaluator/search.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "common/core/alloc.h"

enum { QUERIES = 64, VECTORS = 1024 };

static float norm_squared(const float *x, int d)
{
    double sum = 0;
    for (int i = 0; i < d; i++) sum += (double)x[i] * x[i];
    return (float)sum;
}

// Keeps the k nearest so far in order.
static void offer(float *nearest, uint32_t *found, int k, float distance, uint32_t position)
{
    if (!(distance < nearest[k - 1])) return;
    int place = k - 1;
    for (; place > 0 && nearest[place - 1] > distance; place--) {
        nearest[place] = nearest[place - 1];
        found[place] = found[place - 1];
    }
    nearest[place] = distance;
    found[place] = position;
}

void rg_search_exact(const rg_backend_t *backend, uint32_t *found, const float *queries, size_t nq,
                     const float *base, size_t n, int d, int k)
{
    assert(k >= 1 && (size_t)k <= n);
    size_t width = (size_t)d, wanted = (size_t)k;
    float *norms = rg_alloc(n * sizeof *norms), *products = rg_alloc(QUERIES * VECTORS * sizeof *products);
    float *nearest = rg_alloc(QUERIES * wanted * sizeof *nearest);
    for (size_t i = 0; i < n; i++) norms[i] = norm_squared(base + i * width, d);
    for (size_t q = 0; q < nq; q += QUERIES) {
        size_t rows = nq - q < QUERIES ? nq - q : QUERIES;
        for (size_t i = 0; i < rows * wanted; i++) nearest[i] = INFINITY;
        for (size_t v = 0; v < n; v += VECTORS) {
            size_t columns = n - v < VECTORS ? n - v : VECTORS;
            // |y|^2 - 2 x.y orders as the distance does
            backend->gemm(0, 1, (int)rows, (int)columns, d, -2, queries + q * width, base + v * width, 0,
                          products);
            for (size_t i = 0; i < rows * columns; i++) {
                size_t row = i / columns, position = v + i % columns;
                offer(nearest + row * wanted, found + (q + row) * wanted, k, products[i] + norms[position],
                      (uint32_t)position);
            }
        }
    }
    free(nearest);
    free(products);
    free(norms);
}
