// How exact search works.
//
// |x - q|^2 = |x|^2 - 2 x.q + |q|^2. The squared norms |x|^2 are stored with the rows, and |q|^2 does not
// change the order of the rows for one query. So many queries are compared with many rows by one matrix
// product:
//
//            SLAB rows ->
//   queries  [  products = Q X^T, one sgemm  ]  ->  |x|^2 - 2 x.q  ->  one heap of the k nearest per query
//
// A slab is small enough that its products stay in the second-level cache between the steps. Most distances
// are larger than what a heap already holds; therefore only the least distance of each block of BLOCK is
// compared with the heap, and the block is looked at in detail only if that one is smaller.
//
// The products lose digits where vectors are long and close to each other. Therefore the distances of the k
// rows that were found are computed again from the differences, and the hits are sorted by these. With fewer
// than PRODUCTS_FROM queries a product does not pay, and all distances are computed from the differences.
//
// Threads take slabs one after the other from a shared counter. Each thread fills heaps of its own, and the
// caller merges them at the end. Every product runs on one thread.
#include "services/retrieval/exact.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/simd.h"
#include "common/nn/linalg.h"

enum { SLAB = 512, QUERIES = 256, BLOCK = 16, PRODUCTS_FROM = 4 };

// Searches with at least this many multiplications use the pool: about half a millisecond of one thread.
static const double SHARED_FROM = 3e6;

// ---- the heap

// The k nearest rows so far of one query: a binary heap with the farthest hit on top. A new heap is full of
// hits that are infinitely far.
typedef struct {
    rg_hit_t *hits; // [k]
    size_t k;
} heap_t;

static int is_nearer(const rg_hit_t *a, const rg_hit_t *b)
{
    if (a->dist_l2sq != b->dist_l2sq) return a->dist_l2sq < b->dist_l2sq;
    return (size_t)a->row < (size_t)b->row; // -1 becomes the largest value
}

static void heap_replace_top(heap_t heap, rg_hit_t hit)
{
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < heap.k; at = child) {
        if (child + 1 < heap.k && is_nearer(&heap.hits[child], &heap.hits[child + 1])) child++;
        if (!is_nearer(&hit, &heap.hits[child])) break;
        heap.hits[at] = heap.hits[child];
    }
    heap.hits[at] = hit;
}

static void heap_offer(heap_t heap, rg_hit_t hit)
{
    if (is_nearer(&hit, heap.hits)) heap_replace_top(heap, hit);
}

static int compare_hits(const void *a, const void *b)
{
    return is_nearer(a, b) ? -1 : is_nearer(b, a);
}

void rg_hits_sort(rg_hit_t *hits, size_t n)
{
    qsort(hits, n, sizeof *hits, compare_hits);
}

static void clear_hits(rg_hit_t *hits, size_t n)
{
    for (size_t i = 0; i < n; i++) hits[i] = (rg_hit_t){.dist_l2sq = INFINITY, .row = -1};
}

// ---- kernels

RG_HOT static float squared_distance(const float *a, const float *b, size_t n)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

// Writes the distances [n] of rows [n,dim] to x [dim].
RG_HOT static void squared_distances(float *distances, const float *rows, const float *x, size_t n,
                                     size_t dim)
{
    for (size_t i = 0; i < n; i++) {
        const float *row = rows + i * dim;
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (size_t d = 0; d < dim; d++) sum += (row[d] - x[d]) * (row[d] - x[d]);
        distances[i] = sum;
    }
}

// Turns products [n] of rows with a query into |x|^2 - 2 x.q.
RG_HOT static void distances_from_products(float *products, const float *norms2, size_t n)
{
    for (size_t i = 0; i < n; i++) products[i] = norms2[i] - 2 * products[i];
}

// Writes the least distance of each block to least [n/BLOCK].
RG_HOT static void find_block_minima(float *least, const float *distances, size_t n)
{
    for (size_t b = 0; b < n / BLOCK; b++) {
        const float *d = distances + b * BLOCK;
        float smallest = INFINITY;
#pragma omp simd reduction(min : smallest)
        for (int i = 0; i < BLOCK; i++) smallest = d[i] < smallest ? d[i] : smallest;
        least[b] = smallest;
    }
}

float rg_exact_l2sq(const float *a, const float *b, size_t dim)
{
    return squared_distance(a, b, dim);
}

float rg_exact_distance(const rg_rows_t *rows, size_t row, const float *query)
{
    const float *vectors = rg_rows_chunk(rows, row / rows->chunk_rows)->vectors;
    return squared_distance(vectors + row % rows->chunk_rows * rows->dim, query, rows->dim);
}

// ---- slabs

typedef struct {
    const rg_rows_t *rows;
    size_t from;
    const rg_bitset_t *allowed;
    const float *queries; // [n,D]
    size_t n, k;
} exact_search_t;

// Up to SLAB neighbouring rows of one chunk.
typedef struct {
    const rg_rows_chunk_t *chunk;
    size_t first; // position of the first row among all rows
    size_t at;    // position of the first row in its chunk
    size_t n;     // rows; 0: there is nothing to search
} slab_t;

static size_t slabs_per_chunk(const rg_rows_t *rows)
{
    return (rows->chunk_rows + SLAB - 1) / SLAB;
}

// Looks at whole words, so it may also see bits beside these rows.
static int is_any_allowed(const rg_bitset_t *allowed, size_t first, size_t n)
{
    uint64_t any = 0;
    for (size_t word = first / 64; word <= (first + n - 1) / 64; word++) any |= allowed->words[word];
    return any != 0;
}

// A slab without rows that may be found counts as empty: its vectors are not even read.
static slab_t slab_of(const exact_search_t *s, size_t i)
{
    const rg_rows_t *rows = s->rows;
    size_t chunk = i / slabs_per_chunk(rows), at = i % slabs_per_chunk(rows) * SLAB;
    size_t first = chunk * rows->chunk_rows + at, end = (chunk + 1) * rows->chunk_rows;
    if (end > rows->count) end = rows->count;
    if (first >= end) return (slab_t){0};
    size_t n = end - first < SLAB ? end - first : SLAB;
    if (s->allowed && !is_any_allowed(s->allowed, first, n)) return (slab_t){0};
    return (slab_t){rg_rows_chunk(rows, chunk), first, at, n};
}

static void offer_row(const exact_search_t *s, heap_t heap, size_t row, float distance)
{
    if (row < s->from || (s->allowed && !rg_bitset_get(s->allowed, row))) return;
    heap_offer(heap, (rg_hit_t){distance, (ptrdiff_t)row});
}

// Offers the rows of a slab to the heap of one query. distances [slab->n] may all be less by the same number.
static void offer_slab(const exact_search_t *s, heap_t heap, const slab_t *slab, const float *distances)
{
    float least[SLAB / BLOCK];
    size_t whole = slab->n / BLOCK * BLOCK;
    find_block_minima(least, distances, whole);
    for (size_t b = 0; b < whole / BLOCK; b++) {
        if (least[b] > heap.hits->dist_l2sq) continue;
        for (size_t i = b * BLOCK; i < (b + 1) * BLOCK; i++)
            offer_row(s, heap, slab->first + i, distances[i]);
    }
    for (size_t i = whole; i < slab->n; i++) offer_row(s, heap, slab->first + i, distances[i]);
}

// Writes distances [m,SLAB] of the rows of a slab to m queries [m,D]; those of one query may all be less by
// |q|^2.
static void compute_distances(float *distances, const slab_t *slab, const float *queries, size_t m,
                              size_t dim)
{
    const float *vectors = slab->chunk->vectors + slab->at * dim;
    if (m < PRODUCTS_FROM) {
        for (size_t i = 0; i < m; i++)
            squared_distances(distances + i * SLAB, vectors, queries + i * dim, slab->n, dim);
        return;
    }
    rg_matmul_nt_f32(distances, SLAB, queries, vectors, m, slab->n, dim);
    for (size_t i = 0; i < m; i++)
        distances_from_products(distances + i * SLAB, slab->chunk->norms2 + slab->at, slab->n);
}

// Returns 1 if less than half of the rows of a slab may be found. Looks at whole words.
static int is_sparse(const rg_bitset_t *allowed, const slab_t *slab)
{
    size_t n = 0;
    for (size_t word = slab->first / 64; word <= (slab->first + slab->n - 1) / 64; word++)
        n += (size_t)__builtin_popcountll(allowed->words[word]);
    return 2 * n < slab->n;
}

// Offers those rows of a slab that may be found to the heaps of all queries, and reads no others.
static void search_sparse_slab(const exact_search_t *s, rg_hit_t *hits, const slab_t *slab)
{
    const size_t dim = s->rows->dim;
    for (size_t row = 0; row < slab->n; row++) {
        if (!rg_bitset_get(s->allowed, slab->first + row)) continue;
        const float *vector = slab->chunk->vectors + (slab->at + row) * dim;
        for (size_t i = 0; i < s->n; i++)
            offer_row(s, (heap_t){hits + i * s->k, s->k}, slab->first + row,
                      squared_distance(vector, s->queries + i * dim, dim));
    }
}

// Offers one slab to the heaps hits [n,k]. distances [min(n,QUERIES),SLAB] is scratch memory.
static void search_slab(const exact_search_t *s, rg_hit_t *hits, const slab_t *slab, float *distances)
{
    if (s->allowed && s->n < PRODUCTS_FROM && is_sparse(s->allowed, slab)) {
        search_sparse_slab(s, hits, slab);
        return;
    }
    for (size_t q = 0, m; q < s->n; q += m) {
        m = s->n - q < QUERIES ? s->n - q : QUERIES;
        compute_distances(distances, slab, s->queries + q * s->rows->dim, m, s->rows->dim);
        for (size_t i = 0; i < m; i++)
            offer_slab(s, (heap_t){hits + (q + i) * s->k, s->k}, slab, distances + i * SLAB);
    }
}

// What the threads of one search share.
typedef struct {
    const exact_search_t *search;
    rg_hit_t *hits;     // [threads,n,k]
    atomic_size_t next; // slab that no thread has taken yet
} shared_search_t;

static void exact_search_slabs(void *self, int thread)
{
    shared_search_t *shared = self;
    const exact_search_t *s = shared->search;
    const size_t end = s->rows->n_chunks * slabs_per_chunk(s->rows);
    float *distances = rg_alloc_lines((s->n < QUERIES ? s->n : QUERIES) * SLAB * sizeof *distances);
    rg_linalg_threads(1); // the threads of the pool share the slabs; each product runs on one thread
    for (size_t i; (i = atomic_fetch_add(&shared->next, 1)) < end;) {
        slab_t slab = slab_of(s, i);
        if (slab.n && slab.first + slab.n > s->from)
            search_slab(s, shared->hits + (size_t)thread * s->n * s->k, &slab, distances);
    }
    free(distances);
}

static void exact_search_all(const exact_search_t *s, rg_hit_t *hits, rg_thread_pool_t *pool)
{
    const size_t size = s->n * s->k, threads = pool ? (size_t)rg_thread_pool_size(pool) : 1;
    rg_hit_t *all = threads > 1 ? rg_alloc(threads * size * sizeof *all) : hits;
    shared_search_t shared = {.search = s, .hits = all};
    atomic_init(&shared.next, s->from / s->rows->chunk_rows * slabs_per_chunk(s->rows));
    int linalg_threads = rg_linalg_threads(1);
    clear_hits(all, threads * size);
    if (pool)
        rg_thread_pool_run(pool, exact_search_slabs, &shared);
    else
        exact_search_slabs(&shared, 0);
    rg_linalg_threads(linalg_threads);
    for (size_t i = size; i < threads * size; i++)
        heap_offer((heap_t){all + i % size / s->k * s->k, s->k}, all[i]);
    if (all == hits) return;
    memcpy(hits, all, size * sizeof *hits);
    free(all);
}

// Computes the distances of the hits again, from the differences.
static void remeasure_hits(const exact_search_t *s, rg_hit_t *hits)
{
    for (size_t i = 0; i < s->n; i++) {
        for (rg_hit_t *hit = hits + i * s->k; hit < hits + (i + 1) * s->k; hit++) {
            if (hit->row < 0) continue;
            hit->dist_l2sq = rg_exact_distance(s->rows, (size_t)hit->row, s->queries + i * s->rows->dim);
        }
        rg_hits_sort(hits + i * s->k, s->k);
    }
}

void rg_exact_search(rg_hit_t *hits, const rg_rows_t *rows, size_t from, const rg_bitset_t *allowed,
                     const float *queries, size_t n, size_t k, rg_thread_pool_t *pool)
{
    const exact_search_t s = {rows, from, allowed, queries, n, k};
    assert(k >= 1);
    if (from >= rows->count) {
        clear_hits(hits, n * k);
        return;
    }
    double work = (double)n * (double)(rows->count - from) * rows->dim;
    exact_search_all(&s, hits, work < SHARED_FROM ? NULL : pool);
    remeasure_hits(&s, hits);
}
