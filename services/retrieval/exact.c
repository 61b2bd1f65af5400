#include "services/retrieval/exact.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/hot.h"
#include "common/nn/linalg.h"

// SLAB rows are compared with QUERIES queries at a time: the distances stay in the second-level cache. In
// blocks of BLOCK distances only the least is compared with what was found so far. Fewer than PRODUCTS_FROM
// queries are compared one by one.
enum { SLAB = 512, QUERIES = 256, BLOCK = 16, PRODUCTS_FROM = 4 };

// Multiplications from which on a search is shared with the pool: about half a millisecond of one thread.
static const double SHARED_FROM = 3e6;

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

RG_HOT static float difference2(const float *a, const float *b, size_t n)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

// distances [n] of rows [n,dim] to x
RG_HOT static void compare_all(float *distances, const float *rows, const float *x, size_t n, size_t dim)
{
    for (size_t i = 0; i < n; i++) {
        const float *row = rows + i * dim;
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (size_t d = 0; d < dim; d++) sum += (row[d] - x[d]) * (row[d] - x[d]);
        distances[i] = sum;
    }
}

// Products of rows with a query become distances, less the query's norm.
RG_HOT static void subtract(float *products, const float *norms2, size_t n)
{
    for (size_t i = 0; i < n; i++) products[i] = norms2[i] - 2 * products[i];
}

// least [n/BLOCK] of each block.
RG_HOT static void find_least(float *least, const float *distances, size_t n)
{
    for (size_t b = 0; b < n / BLOCK; b++) {
        const float *d = distances + b * BLOCK;
        float smallest = INFINITY;
#pragma omp simd reduction(min : smallest)
        for (int i = 0; i < BLOCK; i++) smallest = d[i] < smallest ? d[i] : smallest;
        least[b] = smallest;
    }
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

// distances [slab->n] to one query, or all of them less the same number.
static void take(const search_t *s, heap_t heap, const slab_t *slab, const float *distances)
{
    float least[SLAB / BLOCK];
    size_t whole = slab->n / BLOCK * BLOCK;
    find_least(least, distances, whole);
    for (size_t b = 0; b < whole / BLOCK; b++) {
        if (least[b] > heap.hits->dist_l2sq) continue;
        for (size_t i = b * BLOCK; i < (b + 1) * BLOCK; i++)
            offer_row(s, heap, slab->first + i, distances[i]);
    }
    for (size_t i = whole; i < slab->n; i++) offer_row(s, heap, slab->first + i, distances[i]);
}

// distances [m,SLAB] of the slab's rows to m queries [m,D], each query's less the same number.
static void measure(float *distances, const slab_t *slab, const float *queries, size_t m, size_t dim)
{
    const float *vectors = slab->chunk->vectors + slab->at * dim;
    if (m < PRODUCTS_FROM) {
        for (size_t i = 0; i < m; i++)
            compare_all(distances + i * SLAB, vectors, queries + i * dim, slab->n, dim);
        return;
    }
    rg_matmul_nt_f32(distances, SLAB, queries, vectors, m, slab->n, dim);
    for (size_t i = 0; i < m; i++) subtract(distances + i * SLAB, slab->chunk->norms2 + slab->at, slab->n);
}

// distances [min(n,QUERIES),SLAB] is room to work in. hits [n,k].
static void search_slab(const search_t *s, rg_hit_t *hits, const slab_t *slab, float *distances)
{
    for (size_t q = 0, m; q < s->n; q += m) {
        m = s->n - q < QUERIES ? s->n - q : QUERIES;
        measure(distances, slab, s->queries + q * s->rows->dim, m, s->rows->dim);
        for (size_t i = 0; i < m; i++)
            take(s, (heap_t){hits + (q + i) * s->k, s->k}, slab, distances + i * SLAB);
    }
}

// What several threads share: the slabs that none has taken yet. Each keeps hits of its own.
typedef struct {
    const search_t *search;
    rg_hit_t *hits; // [threads,n,k]
    atomic_size_t next;
} sharing_t;

static void search_slabs(void *self, int thread)
{
    sharing_t *sharing = self;
    const search_t *s = sharing->search;
    const size_t end = s->rows->n_chunks * slabs_per_chunk(s->rows);
    float *distances = rg_alloc_lines((s->n < QUERIES ? s->n : QUERIES) * SLAB * sizeof *distances);
    rg_linalg_threads(1); // the threads of the pool share the slabs; each product runs on one thread
    for (size_t i; (i = atomic_fetch_add(&sharing->next, 1)) < end;) {
        slab_t slab = slab_of(s->rows, i);
        if (slab.n && slab.first + slab.n > s->from)
            search_slab(s, sharing->hits + (size_t)thread * s->n * s->k, &slab, distances);
    }
    free(distances);
}

static void search_all(const search_t *s, rg_hit_t *hits, rg_thread_pool_t *pool)
{
    const size_t size = s->n * s->k, threads = pool ? (size_t)rg_thread_pool_size(pool) : 1;
    rg_hit_t *all = threads > 1 ? rg_alloc(threads * size * sizeof *all) : hits;
    sharing_t sharing = {.search = s, .hits = all};
    atomic_init(&sharing.next, s->from / s->rows->room * slabs_per_chunk(s->rows));
    int linalg_threads = rg_linalg_threads(1);
    clear(all, threads * size);
    if (pool)
        rg_thread_pool_run(pool, search_slabs, &sharing);
    else
        search_slabs(&sharing, 0);
    rg_linalg_threads(linalg_threads);
    for (size_t i = size; i < threads * size; i++)
        offer((heap_t){all + i % size / s->k * s->k, s->k}, all[i]);
    if (all == hits) return;
    memcpy(hits, all, size * sizeof *hits);
    free(all);
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
                     const float *queries, size_t n, size_t k, rg_thread_pool_t *pool)
{
    const search_t s = {rows, from, among, queries, n, k};
    assert(k >= 1);
    if (from >= rows->count) {
        clear(hits, n * k);
        return;
    }
    double work = (double)n * (double)(rows->count - from) * rows->dim;
    search_all(&s, hits, work < SHARED_FROM ? NULL : pool);
    finish(&s, hits);
}
