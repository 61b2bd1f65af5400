// The search compares blocks of queries with blocks of vectors, each with one matrix product, and keeps the k
// nearest of each query. The scores then depend on labels alone.
#include "services/evaluator/metrics/metrics.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/nn/linalg.h"

// ---- exact search, in products of blocks

enum { QUERIES = 64, VECTORS = 1024 };

static float squared_norm(const float *x, int d)
{
    double sum = 0;
    for (int i = 0; i < d; i++) sum += (double)x[i] * x[i];
    return (float)sum;
}

typedef struct {
    const rg_vectors_t *queries, *base;
    int k;
    float *norms;    // [base->n] squared
    float *products; // [QUERIES,VECTORS] of one block
    double *nearest; // [QUERIES,k] distances of one block, less the query's own squared norm
} search_t;

// Compares `rows` queries from q on with `columns` vectors from v on. Updates nearest and found [rows,k].
// |y|^2 - 2 x.y sorts as the distance does.
static void search_block(const search_t *self, uint32_t *found, size_t q, size_t rows, size_t v,
                         size_t columns)
{
    const rg_vectors_t queries = rg_vectors_part(self->queries, q, rows),
                       vectors = rg_vectors_part(self->base, v, columns);
    rg_matmul_nt_f32(self->products, columns, queries.row, vectors.row, rows, columns, (size_t)queries.d);
    for (size_t i = 0; i < rows * columns; i++) {
        size_t place = i / columns * (size_t)self->k, position = v + i % columns;
        rg_nearest_offer(self->nearest + place, found + place, self->k,
                         self->norms[position] - 2 * self->products[i], (uint32_t)position);
    }
}

void rg_search_exact(uint32_t *found, const rg_vectors_t *queries, const rg_vectors_t *base, int k)
{
    assert(k >= 1 && (size_t)k <= base->n);
    search_t self = {.queries = queries, .base = base, .k = k};
    self.norms = rg_alloc(base->n * sizeof *self.norms);
    self.products = rg_alloc(QUERIES * VECTORS * sizeof *self.products);
    self.nearest = rg_alloc(QUERIES * (size_t)k * sizeof *self.nearest);
    for (size_t i = 0; i < base->n; i++)
        self.norms[i] = squared_norm(base->row + i * (size_t)base->d, base->d);
    for (size_t q = 0; q < queries->n; q += QUERIES) {
        size_t rows = queries->n - q < QUERIES ? queries->n - q : QUERIES;
        for (size_t i = 0; i < rows * (size_t)k; i++) self.nearest[i] = INFINITY;
        for (size_t v = 0; v < base->n; v += VECTORS)
            search_block(&self, found + q * (size_t)k, q, rows, v,
                         base->n - v < VECTORS ? base->n - v : VECTORS);
    }
    free(self.nearest);
    free(self.products);
    free(self.norms);
}

// ---- labels of what was found

// Number of right labels of one retrieved image.
typedef struct {
    int attributes, content;
} matches_t;

static matches_t count_matches(const rg_labelled_t *data, const rg_config_t *config,
                               const rg_target_t *target, uint32_t image)
{
    size_t columns = (size_t)data->set.attributes.count;
    const uint8_t *own = data->set.labels + target->image * columns,
                  *other = data->set.labels + image * columns;
    matches_t matches = {0};
    for (size_t c = 0; c < columns; c++) matches.content += own[c] == other[c];
    for (int a = 0; a < config->data.attributes.count; a++) {
        int column = data->column[a];
        matches.content -= own[column] == other[column];
        matches.attributes += target->wanted[a] == other[column];
    }
    return matches;
}

void rg_precision_at_k_add(rg_precision_at_k_t *precision, const rg_labelled_t *data,
                           const rg_config_t *config, const rg_target_t *target, const uint32_t *found, int k)
{
    int attributes = config->data.attributes.count, content = data->set.attributes.count - attributes;
    for (int i = 0; i < k; i++) {
        matches_t matches = count_matches(data, config, target, found[i]);
        precision->attributes += (double)matches.attributes / attributes / k;
        precision->strict += (matches.attributes == attributes) / (double)k;
        if (content) precision->content += (double)matches.content / content / k;
    }
    precision->has_content = content > 0;
    precision->queries++;
}

rg_precision_means_t rg_precision_at_k_means(const rg_precision_at_k_t *precision)
{
    double n = (double)precision->queries;
    rg_precision_means_t means = {.attributes = precision->attributes / n,
                                  .content = precision->has_content ? precision->content / n : NAN,
                                  .strict = precision->strict / n};
    means.average = (means.attributes + means.content) / 2;
    return means;
}
