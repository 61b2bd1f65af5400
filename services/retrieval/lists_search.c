// How a search goes through the lists:
//
//   queries ->  products with all centroids, one sgemm per GROUP  ->  the nprobe nearest cells of each
//           ->  codes of their lists, in all segments             ->  a heap of the k nearest rows
//
// The distance of a query q to code c of a list is step^2 sum_d (t_d - c_d)^2 with
// t_d = (q_d - centroid_d) / step + ZERO.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/simd.h"
#include "common/nn/linalg.h"
#include "services/retrieval/exact.h"
#include "services/retrieval/lists_private.h"

enum { GROUP = 32, BLOCK = 128 };

// Writes the distances [n] of codes [n,width] to t [width], times `scale`.
RG_HOT static void code_distances(float *distances, const uint8_t *codes, const float *t, size_t n,
                                  size_t width, float scale)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t *code = codes + i * width;
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (size_t d = 0; d < width; d++) sum += (t[d] - (float)code[d]) * (t[d] - (float)code[d]);
        distances[i] = scale * sum;
    }
}

// A search of some queries.
typedef struct {
    const rg_lists_t *lists;
    int64_t *rows;
    const float *queries;
    size_t n, k;
    uint32_t nprobe;
    const rg_bitset_t *alive;
    atomic_size_t next; // query that no thread has taken yet
} lists_search_t;

// Scratch memory of one thread.
typedef struct {
    float *products;  // [GROUP,L]
    rg_hit_t *cells;  // [nprobe]
    rg_hit_t *hits;   // [k]
    float *t;         // [width]
    float *distances; // [BLOCK]
} scratch_t;

// Keeps the hit if it is nearer than the farthest of the heap.
static void offer(rg_hit_t *heap, size_t size, rg_hit_t hit)
{
    size_t at = 0;
    if (hit.dist_l2sq >= heap->dist_l2sq) return;
    for (size_t child; (child = 2 * at + 1) < size; at = child) {
        child += child + 1 < size && heap[child + 1].dist_l2sq > heap[child].dist_l2sq;
        if (heap[child].dist_l2sq <= hit.dist_l2sq) break;
        heap[at] = heap[child];
    }
    heap[at] = hit;
}

static void clear(rg_hit_t *heap, size_t size)
{
    for (size_t i = 0; i < size; i++) heap[i] = (rg_hit_t){.dist_l2sq = INFINITY, .row = -1};
}

static void visit_list(const lists_search_t *s, scratch_t *scratch, const rg__segment_t *segment,
                       uint32_t list)
{
    const rg__list_view_t view = rg__lists_view(segment, list);
    const uint32_t width = segment->head.width;
    const float step = segment->steps[list];
    for (size_t at = 0, n; at < view.rows; at += n) {
        n = view.rows - at < BLOCK ? view.rows - at : BLOCK;
        code_distances(scratch->distances, view.codes + at * width, scratch->t, n, width, step * step);
        for (size_t i = 0; i < n; i++) {
            if (scratch->distances[i] >= scratch->hits->dist_l2sq) continue;
            const uint32_t row = view.positions[at + i];
            if (s->alive && !rg_bitset_get(s->alive, row)) continue;
            offer(scratch->hits, s->k, (rg_hit_t){scratch->distances[i], row});
        }
    }
}

// Writes the query in steps of the list to t.
static void scale_query(float *t, const float *query, const rg__segment_t *segment, uint32_t list)
{
    const size_t dim = segment->head.dim;
    const float *centroid = segment->centroids + list * dim, scale = 1 / segment->steps[list];
    for (size_t d = 0; d < dim; d++) t[d] = (query[d] - centroid[d]) * scale + RG__LISTS_ZERO;
}

static void search_one(const lists_search_t *s, scratch_t *scratch, const float *products, size_t i)
{
    const rg__segment_t *first = s->lists->segments[0];
    const rg__lists_head_t *head = &first->head;
    const float *query = s->queries + i * head->dim;
    clear(scratch->cells, s->nprobe);
    clear(scratch->hits, s->k);
    for (uint32_t list = 0; list < head->lists; list++)
        offer(scratch->cells, s->nprobe, (rg_hit_t){first->norms2[list] - 2 * products[list], list});
    rg_hits_sort(scratch->cells, s->nprobe);
    for (uint32_t c = 0; c < s->nprobe && scratch->cells[c].row >= 0; c++) {
        const uint32_t list = (uint32_t)scratch->cells[c].row;
        scale_query(scratch->t, query, first, list);
        for (size_t j = 0; j < s->lists->n; j++) visit_list(s, scratch, s->lists->segments[j], list);
    }
    rg_hits_sort(scratch->hits, s->k);
    for (size_t j = 0; j < s->k; j++) s->rows[i * s->k + j] = scratch->hits[j].row;
}

static void search_some(void *self, int thread)
{
    lists_search_t *s = self;
    const rg__segment_t *first = s->lists->segments[0];
    const size_t lists = first->head.lists, dim = first->head.dim, group = s->n < GROUP ? 1 : GROUP / 4;
    scratch_t scratch = {rg_alloc_lines(group * lists * sizeof(float)),
                         rg_alloc(s->nprobe * sizeof(rg_hit_t)), rg_alloc(s->k * sizeof(rg_hit_t)),
                         rg_alloc_lines(first->head.width * sizeof(float)),
                         rg_alloc_lines(BLOCK * sizeof(float))};
    (void)thread;
    rg_linalg_threads(1); // the threads share the queries
    for (size_t i; (i = atomic_fetch_add(&s->next, group)) < s->n;) {
        const size_t n = s->n - i < group ? s->n - i : group;
        rg_matmul_nt_f32(scratch.products, lists, s->queries + i * dim, first->centroids, n, lists, dim);
        for (size_t j = 0; j < n; j++) search_one(s, &scratch, scratch.products + j * lists, i + j);
    }
    free(scratch.products);
    free(scratch.cells);
    free(scratch.hits);
    free(scratch.t);
    free(scratch.distances);
}

void rg_lists_search(const rg_lists_t *lists, int64_t *rows, const float *queries, size_t n, size_t k,
                     uint32_t nprobe, const rg_bitset_t *alive, rg_thread_pool_t *pool)
{
    lists_search_t s = {.lists = lists, .rows = rows, .queries = queries, .n = n, .k = k, .alive = alive};
    const uint32_t all = lists->segments[0]->head.lists;
    if (!nprobe) nprobe = lists->nprobe;
    s.nprobe = nprobe < all ? nprobe : all;
    int threads = rg_linalg_threads(1);
    if (pool && n > 1)
        rg_thread_pool_run(pool, search_some, &s);
    else
        search_some(&s, 0);
    rg_linalg_threads(threads);
}
