#include "services/retrieval/exact.h"

#include <assert.h>
#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/hot.h"

// SLAB rows are multiplied with QUERIES queries at a time: the products stay in the second-level cache. In
// blocks of BLOCK products only the least is compared with what was found so far.
enum { SLAB = 1024, QUERIES = 64, BLOCK = 16, DOTS_BELOW = 4 };

// Multiplications from which on a search is shared among threads. Below, one is as fast, and it need not wait
// until a busy machine has run the others.
static const double SHARED_FROM = 1e8;

// ---- the nearest so far of one query, a binary heap with the farthest on top. While it is not full, what is
// missing counts as infinitely far.

typedef struct {
    rg_hit_t *hits; // [k]
    size_t k;
} heap_t;

static int is_nearer(const rg_hit_t *a, const rg_hit_t *b)
{
    if (a->dist_l2sq != b->dist_l2sq) return a->dist_l2sq < b->dist_l2sq;
    return (size_t)a->row < (size_t)b->row; // -1 is farthest
}

static void replace_top(heap_t heap, rg_hit_t hit)
{
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < heap.k; at = child) {
        if (child + 1 < heap.k && is_nearer(&heap.hits[child], &heap.hits[child + 1])) child++;
        if (!is_nearer(&hit, &heap.hits[child])) break;
        heap.hits[at] = heap.hits[child];
    }
    heap.hits[at] = hit;
}

static void offer(heap_t heap, rg_hit_t hit)
{
    if (is_nearer(&hit, heap.hits)) replace_top(heap, hit);
}

static int compare(const void *a, const void *b)
{
    return is_nearer(a, b) ? -1 : is_nearer(b, a);
}

void rg_hits_sort(rg_hit_t *hits, size_t n)
{
    qsort(hits, n, sizeof *hits, compare);
}

static void clear(rg_hit_t *hits, size_t n)
{
    for (size_t i = 0; i < n; i++) hits[i] = (rg_hit_t){.dist_l2sq = INFINITY, .row = -1};
}

// ---- kernels

// out [n] = rows [n,dim] x
RG_HOT static void multiply(float *out, const float *rows, const float *x, size_t n, size_t dim)
{
    for (size_t i = 0; i < n; i++) {
        const float *row = rows + i * dim;
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (size_t d = 0; d < dim; d++) sum += row[d] * x[d];
        out[i] = sum;
    }
}

// Products become distances less the query's norm; least [n/BLOCK] of each block.
RG_HOT static void subtract(float *products, float *least, const float *norms2, size_t n)
{
    for (size_t b = 0; b < n / BLOCK; b++) {
        float *p = products + b * BLOCK, smallest = INFINITY;
        const float *norm = norms2 + b * BLOCK;
#pragma omp simd reduction(min : smallest)
        for (int i = 0; i < BLOCK; i++) {
            p[i] = norm[i] - 2 * p[i];
            smallest = p[i] < smallest ? p[i] : smallest;
        }
        least[b] = smallest;
    }
}

RG_HOT static float difference2(const float *a, const float *b, size_t n)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

float rg_exact_distance(const rg_rows_t *rows, size_t row, const float *query)
{
    const float *vectors = rows->chunks[row / rows->room]->vectors;
    return difference2(vectors + row % rows->room * rows->dim, query, rows->dim);
}

// ---- slabs

typedef struct {
    const rg_rows_t *rows;
    size_t from;
    const rg_marks_t *among;
    const float *queries; // [n,D]
    size_t n, k;
} search_t;

// Rows of one chunk, SLAB of them or fewer.
typedef struct {
    const rg_chunk_t *chunk;
    size_t first, at, n; // first: position in all rows; at: in the chunk
} slab_t;

static size_t slabs_per_chunk(const rg_rows_t *rows)
{
    return (rows->room + SLAB - 1) / SLAB;
}

static slab_t slab_of(const rg_rows_t *rows, size_t i)
{
    size_t chunk = i / slabs_per_chunk(rows), at = i % slabs_per_chunk(rows) * SLAB;
    size_t first = chunk * rows->room + at, end = (chunk + 1) * rows->room;
    if (end > rows->count) end = rows->count;
    if (first >= end) return (slab_t){0};
    size_t n = end - first;
    return (slab_t){rows->chunks[chunk], first, at, n < SLAB ? n : SLAB};
}

static void offer_row(const search_t *s, heap_t heap, size_t row, float distance)
{
    if (row < s->from || (s->among && !rg_marks_get(s->among, row))) return;
    offer(heap, (rg_hit_t){distance, (ptrdiff_t)row});
}

// products [slab->n] of one query.
static void take(const search_t *s, heap_t heap, const slab_t *slab, float *products)
{
    const float *norms2 = slab->chunk->norms2 + slab->at;
    float least[SLAB / BLOCK];
    size_t whole = slab->n / BLOCK * BLOCK;
    subtract(products, least, norms2, whole);
    for (size_t b = 0; b < whole / BLOCK; b++) {
        if (least[b] > heap.hits->dist_l2sq) continue;
        for (size_t i = b * BLOCK; i < (b + 1) * BLOCK; i++) offer_row(s, heap, slab->first + i, products[i]);
    }
    for (size_t i = whole; i < slab->n; i++) offer_row(s, heap, slab->first + i, norms2[i] - 2 * products[i]);
}

// products [min(n,QUERIES),SLAB] is room to work in. hits [n,k].
static void search_slab(const search_t *s, rg_hit_t *hits, const slab_t *slab, float *products)
{
    const size_t dim = s->rows->dim;
    const float *vectors = slab->chunk->vectors + slab->at * dim;
    for (size_t q = 0, m; q < s->n; q += m) {
        m = s->n - q < QUERIES ? s->n - q : QUERIES;
        const float *queries = s->queries + q * dim;
        if (m < DOTS_BELOW)
            for (size_t i = 0; i < m; i++)
                multiply(products + i * SLAB, vectors, queries + i * dim, slab->n, dim);
        else
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)slab->n, (int)dim, 1, queries,
                        (int)dim, vectors, (int)dim, 0, products, SLAB);
        for (size_t i = 0; i < m; i++)
            take(s, (heap_t){hits + (q + i) * s->k, s->k}, slab, products + i * SLAB);
    }
}

// Every `stride`th slab from `start` on.
static void search_slabs(const search_t *s, rg_hit_t *hits, size_t start, size_t stride)
{
    float *products = rg_alloc_lines((s->n < QUERIES ? s->n : QUERIES) * SLAB * sizeof *products);
    size_t first = s->from / s->rows->room * slabs_per_chunk(s->rows);
    size_t end = s->rows->n_chunks * slabs_per_chunk(s->rows);
    for (size_t i = first + start; i < end; i += stride) {
        slab_t slab = slab_of(s->rows, i);
        if (slab.n && slab.first + slab.n > s->from) search_slab(s, hits, &slab, products);
    }
    free(products);
}

// hits [threads,n,k]: each thread keeps its own.
static void search_shared(const search_t *s, rg_hit_t *hits, int threads)
{
    const size_t size = s->n * s->k;
#pragma omp parallel num_threads(threads)
    search_slabs(s, hits + (size_t)omp_get_thread_num() * size, (size_t)omp_get_thread_num(),
                 (size_t)omp_get_num_threads());
    for (int t = 1; t < threads; t++)
        for (size_t i = 0; i < size; i++)
            offer((heap_t){hits + i / s->k * s->k, s->k}, hits[(size_t)t * size + i]);
}

static void finish(const search_t *s, rg_hit_t *hits)
{
    for (size_t i = 0; i < s->n; i++) {
        for (rg_hit_t *hit = hits + i * s->k; hit < hits + (i + 1) * s->k; hit++) {
            if (hit->row < 0) continue;
            hit->dist_l2sq = rg_exact_distance(s->rows, (size_t)hit->row, s->queries + i * s->rows->dim);
        }
        rg_hits_sort(hits + i * s->k, s->k);
    }
}

void rg_exact_search(rg_hit_t *hits, const rg_rows_t *rows, size_t from, const rg_marks_t *among,
                     const float *queries, size_t n, size_t k, int threads)
{
    const search_t s = {rows, from, among, queries, n, k};
    assert(k >= 1);
    if (from >= rows->count || (double)n * (double)(rows->count - from) * rows->dim < SHARED_FROM)
        threads = 1;
    clear(hits, n * k);
    if (threads == 1) {
        search_slabs(&s, hits, 0, 1);
    } else {
        rg_hit_t *all = rg_alloc((size_t)threads * n * k * sizeof *all);
        clear(all, (size_t)threads * n * k);
        search_shared(&s, all, threads);
        memcpy(hits, all, n * k * sizeof *hits);
        free(all);
    }
    finish(&s, hits);
}
