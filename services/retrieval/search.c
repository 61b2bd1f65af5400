// How the nearest images are found.
//
//   rows that the index covers   k candidates and more ---------------+
//                                                                      +-> exact distances, sorted, k kept
//   rows behind the index        exact search ------------------------+
//
//   too few candidates alive     the query is searched again, exactly
//   filter, or no index          exact search only
#include "services/retrieval/search.h"

#include <math.h>

#include "common/core/err.h"
#include "common/core/rng.h"
#include "services/retrieval/rank.h"

static const rg_hit_t MISSING = {.dist_l2sq = INFINITY, .row = -1};

static ptrdiff_t excluded_row(const rg_search_t *search, size_t i)
{
    return search->exclude ? search->exclude[i] : -1;
}

// ---- exact

// Where rows are excluded, finds one hit more than needed and drops the excluded one.
static void find_exact(rg_hit_t *hits, const rg_view_t *view, size_t from, const rg_search_t *search)
{
    const size_t n = search->n, k = search->k + (search->exclude != NULL);
    const rg_bitset_t *allowed = search->allowed ? search->allowed : view->alive.words ? &view->alive : NULL;
    rg_hit_t *found = search->exclude ? rg_alloc(n * k * sizeof *found) : hits;
    rg_exact_search(found, &view->rows, from, allowed, search->queries, n, k, search->threads);
    for (size_t i = 0; i < n && search->exclude; i++) {
        size_t filled = 0;
        for (size_t j = 0; j < k && filled < search->k; j++)
            if (found[i * k + j].row < 0 || found[i * k + j].row != search->exclude[i])
                hits[i * search->k + filled++] = found[i * k + j];
    }
    if (search->exclude) free(found);
}

// ---- through the index

// Writes the k nearest of hits [n] to out [k].
static void keep_nearest(rg_hit_t *out, size_t k, rg_hit_t *hits, size_t n)
{
    rg_hits_sort(hits, n);
    for (size_t i = 0; i < k; i++) out[i] = i < n ? hits[i] : MISSING;
}

// Writes those of rows [k], found for query i, that may be found, with their distances. Returns how many.
static size_t collect_hits(rg_hit_t *out, const rg_view_t *view, const rg_search_t *search, size_t i,
                           const int64_t *rows, size_t k)
{
    const float *query = search->queries + i * view->rows.dim;
    size_t n = 0;
    for (size_t j = 0; j < k; j++) {
        if (rows[j] < 0 || rows[j] == excluded_row(search, i) || !rg_view_is_alive(view, (size_t)rows[j]))
            continue;
        out[n++] = (rg_hit_t){rg_exact_distance(&view->rows, (size_t)rows[j], query), rows[j]};
    }
    return n;
}

// Searches query i again, without the index.
static void find_one_exact(rg_hit_t *hits, const rg_view_t *view, const rg_search_t *search, size_t i)
{
    rg_search_t one = *search;
    one.queries += i * view->rows.dim;
    one.n = 1;
    if (one.exclude) one.exclude += i;
    find_exact(hits, view, 0, &one);
}

// How many hits query i has in an exact search.
static size_t hits_possible(const rg_view_t *view, const rg_search_t *search, size_t i)
{
    ptrdiff_t skip = excluded_row(search, i);
    size_t left = rg_view_count(view) - (skip >= 0 && rg_view_is_alive(view, (size_t)skip));
    return search->k < left ? search->k : left;
}

static int find_indexed(rg_hit_t *hits, const rg_view_t *view, const rg_search_t *search)
{
    const size_t n = search->n, k = search->k;
    const size_t wide = rg_index_candidates(view->index, k + (search->exclude != NULL), view->dead);
    const rg_index_query_t query = {.queries = search->queries,
                                    .n = n,
                                    .k = wide,
                                    .effort = search->effort,
                                    .alive = view->alive.words ? &view->alive : NULL,
                                    .threads = search->threads};
    int64_t *rows = rg_alloc(n * wide * sizeof *rows);
    rg_hit_t *tail = rg_alloc(n * k * sizeof *tail), *all = rg_alloc((wide + k) * sizeof *all);
    int err = rg_index_search(view->index, rows, &query);
    if (!err) find_exact(tail, view, rg_view_indexed(view), search);
    for (size_t i = 0; i < n && !err; i++) {
        size_t found = collect_hits(all, view, search, i, rows + i * wide, wide);
        for (size_t j = i * k; j < (i + 1) * k && tail[j].row >= 0; j++) all[found++] = tail[j];
        if (found >= hits_possible(view, search, i))
            keep_nearest(hits + i * k, k, all, found);
        else
            find_one_exact(hits + i * k, view, search, i);
    }
    free(all);
    free(tail);
    free(rows);
    return err;
}

// ---- random

static int contains_position(const uint32_t *items, size_t n, uint32_t item)
{
    for (size_t i = 0; i < n; i++)
        if (items[i] == item) return 1;
    return 0;
}

// Draws k distinct positions below n, k <= n, in random order: a uniform subset by the algorithm of Robert
// Floyd (Bentley, "A sample of brilliance", CACM 1987), then a shuffle.
static void draw_positions(rg_rng_t *rng, uint32_t *positions, uint32_t k, uint32_t n)
{
    for (uint32_t i = 0; i < k; i++) {
        uint32_t last = n - k + i, drawn = rg_rng_below(rng, last + 1);
        positions[i] = contains_position(positions, i, drawn) ? last : drawn;
    }
    rg_rng_shuffle(rng, positions, k);
}

static void find_random(rg_hit_t *hits, const rg_view_t *view, const rg_search_t *search)
{
    rg_rank_t rows; // to draw from
    uint32_t *positions = rg_alloc(search->k * sizeof *positions);
    rg_rank_init(&rows, search->allowed ? search->allowed : &view->alive, view->rows.count);
    for (size_t i = 0; i < search->n; i++) {
        const ptrdiff_t excluded = excluded_row(search, i);
        uint32_t skip = excluded < 0 ? rows.count : rg_rank_of(&rows, (size_t)excluded);
        uint32_t left = rows.count - (skip < rows.count);
        uint32_t k = search->k < left ? (uint32_t)search->k : left;
        rg_rng_t rng;
        rg_rng_init(&rng, search->seed, RG_RNG_SEARCH, search->number + i);
        draw_positions(&rng, positions, k, left);
        for (size_t j = 0; j < search->k; j++) {
            rg_hit_t *hit = &hits[i * search->k + j];
            *hit = MISSING;
            if (j < k) hit->row = (ptrdiff_t)rg_rank_select(&rows, positions[j] + (positions[j] >= skip));
        }
    }
    free(positions);
    rg_rank_fini(&rows);
}

// ---- nearest

static int find_nearest(rg_hit_t *hits, const rg_view_t *view, const rg_search_t *search)
{
    if (view->index && !search->allowed) return find_indexed(hits, view, search);
    find_exact(hits, view, 0, search);
    return 0;
}

// Draws k of the hits pool [n] and sorts them, nearest first.
static void draw_from_pool(rg_hit_t *hits, size_t k, const rg_hit_t *pool, size_t n, rg_rng_t *rng)
{
    uint32_t *positions = rg_alloc(k * sizeof *positions);
    size_t found = 0;
    while (found < n && pool[found].row >= 0) found++;
    size_t drawn = k < found ? k : found;
    draw_positions(rng, positions, (uint32_t)drawn, (uint32_t)found);
    for (size_t i = 0; i < k; i++) hits[i] = i < drawn ? pool[positions[i]] : MISSING;
    rg_hits_sort(hits, k);
    free(positions);
}

static int find_pooled(rg_hit_t *hits, const rg_view_t *view, const rg_search_t *search)
{
    rg_search_t wide = *search;
    wide.k = search->pool;
    rg_hit_t *pool = rg_alloc(wide.n * wide.k * sizeof *pool);
    int err = find_nearest(pool, view, &wide);
    for (size_t i = 0; i < search->n && !err; i++) {
        rg_rng_t rng;
        rg_rng_init(&rng, search->seed, RG_RNG_SEARCH, search->number + i);
        draw_from_pool(hits + i * search->k, search->k, pool + i * wide.k, wide.k, &rng);
    }
    free(pool);
    return err;
}

int rg_search_run(rg_hit_t *hits, const rg_view_t *view, const rg_search_t *search)
{
    if (search->pool > search->k) return find_pooled(hits, view, search);
    if (!search->random) return find_nearest(hits, view, search);
    find_random(hits, view, search);
    return 0;
}

// ---- the filter of a search request

typedef struct {
    const rg_view_t *view;
    rg_bitset_t *allowed;
} prefix_search_t;

static void allow_label(void *data, uint64_t label)
{
    const prefix_search_t *self = data;
    ptrdiff_t row = rg_rows_find(&self->view->rows, (int64_t)label);
    if (row >= 0 && rg_view_is_alive(self->view, (size_t)row)) rg_bitset_set(self->allowed, (size_t)row);
}

void rg_search_allow_alive(rg_bitset_t *allowed, const rg_view_t *view)
{
    if (view->alive.words)
        rg_bitset_copy(allowed, &view->alive);
    else
        rg_bitset_init(allowed, view->rows.count, 1);
}

static int allow_prefix(rg_bitset_t *allowed, const char *prefix, const rg_view_t *view, rg_store_txn_t *txn)
{
    char escaped[RG_TEXT_NAME + 1]; // as names are stored, and none is longer
    rg_text_escape(prefix, escaped, sizeof escaped);
    rg_bitset_init(allowed, view->rows.count, 0);
    return rg_store_find_prefix(txn, escaped, allow_label, &(prefix_search_t){view, allowed});
}

// A bit for each of n rows of a chunk, n <= 64: 1 if its annotation and its time meet the filter.
static uint64_t meet_filter(const Rg__V1__Filter *filter, const rg_rows_chunk_t *chunk, size_t at, size_t n)
{
    const int any = filter->annotation == RG__V1__ANNOTATION__ANY,
              wanted = filter->annotation == RG__V1__ANNOTATION__ANNOTATED;
    const uint64_t from = filter->added_from_ms,
                   last = filter->added_until_ms ? filter->added_until_ms - 1 : UINT64_MAX;
    uint64_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        const uint64_t added_ms = chunk->added_ms[at + i];
        const int meets =
            (any | (chunk->annotated[at + i] == wanted)) & (added_ms >= from) & (added_ms <= last);
        bits |= (uint64_t)meets << i;
    }
    return bits;
}

// Clears the bits of rows whose annotation or time does not meet the filter. A chunk begins with a word.
static void clear_unmet(rg_bitset_t *allowed, const Rg__V1__Filter *filter, const rg_rows_t *rows)
{
    if (filter->annotation == RG__V1__ANNOTATION__ANY && !filter->added_from_ms && !filter->added_until_ms)
        return;
    for (size_t row = 0; row < rows->count; row += 64) {
        const size_t n = rows->count - row < 64 ? rows->count - row : 64;
        uint64_t *word = &allowed->words[row / 64];
        if (*word)
            *word &=
                meet_filter(filter, rg_rows_chunk(rows, row / rows->chunk_rows), row % rows->chunk_rows, n);
    }
}

int rg_search_find_row(ptrdiff_t *row, const uint8_t id[RG_ID_SIZE], const rg_view_t *view,
                       rg_store_txn_t *txn)
{
    uint64_t label;
    int err = rg_store_find(txn, id, &label);
    if (err == RG_EFORMAT) err = rg_store_find_record(txn, id, &label);
    *row = err ? -1 : rg_rows_find(&view->rows, (int64_t)label);
    return err == RG_ENOENT ? 0 : err;
}

static int clear_excluded(rg_bitset_t *allowed, const Rg__V1__Filter *filter, const rg_view_t *view,
                          rg_store_txn_t *txn)
{
    int err = 0;
    for (size_t i = 0; i < filter->n_exclude && !err; i++) {
        ptrdiff_t row = -1;
        if (filter->exclude[i].len != RG_ID_SIZE)
            return rg_fail(RG_EINVAL, "filter.exclude[%zu] has %zu bytes, not %d", i, filter->exclude[i].len,
                           RG_ID_SIZE);
        err = rg_search_find_row(&row, filter->exclude[i].data, view, txn);
        if (row >= 0) rg_bitset_clear(allowed, (size_t)row);
    }
    return err;
}

static int has_no_condition(const Rg__V1__Filter *filter)
{
    return !filter || (!*filter->name_prefix && filter->annotation == RG__V1__ANNOTATION__ANY &&
                       !filter->added_from_ms && !filter->added_until_ms && !filter->n_exclude);
}

int rg_search_filter(rg_bitset_t *allowed, const Rg__V1__Filter *filter, const rg_view_t *view,
                     rg_store_txn_t *txn)
{
    int err = 0;
    *allowed = (rg_bitset_t){0};
    if (has_no_condition(filter)) return 0;
    if (filter->annotation > RG__V1__ANNOTATION__UNANNOTATED)
        return rg_fail(RG_EINVAL, "filter.annotation %d is unknown: use ANY, ANNOTATED or UNANNOTATED",
                       (int)filter->annotation);
    if (*filter->name_prefix)
        err = allow_prefix(allowed, filter->name_prefix, view, txn);
    else
        rg_search_allow_alive(allowed, view);
    if (!err) clear_unmet(allowed, filter, &view->rows);
    if (!err) err = clear_excluded(allowed, filter, view, txn);
    if (err) rg_bitset_fini(allowed);
    return err;
}
