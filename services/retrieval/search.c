#include "services/retrieval/search.h"

#include <math.h>

#include "common/core/rng.h"

// Dead rows that an index search leaves room for.
enum { DEAD_MAX = 256 };

static const rg_hit_t MISSING = {.dist_l2sq = INFINITY, .row = -1};

static ptrdiff_t excluded(const rg_search_t *search, size_t i)
{
    return search->exclude ? search->exclude[i] : -1;
}

// ---- exact

// Searches for one more where something is excluded, and leaves that out.
static void find_exact(rg_hit_t *hits, const rg_view_t *view, size_t from, const rg_search_t *search)
{
    const size_t n = search->n, k = search->k + (search->exclude != NULL);
    const rg_marks_t *among = search->among ? search->among : view->alive.words ? &view->alive : NULL;
    rg_hit_t *found = search->exclude ? rg_alloc(n * k * sizeof *found) : hits;
    rg_exact_search(found, &view->rows, from, among, search->queries, n, k, search->threads);
    for (size_t i = 0; i < n && search->exclude; i++) {
        size_t filled = 0;
        for (size_t j = 0; j < k && filled < search->k; j++)
            if (found[i * k + j].row < 0 || found[i * k + j].row != search->exclude[i])
                hits[i * search->k + filled++] = found[i * k + j];
    }
    if (search->exclude) free(found);
}

// ---- with an index

// The k nearest of hits [n] into out [k].
static void keep_nearest(rg_hit_t *out, size_t k, rg_hit_t *hits, size_t n)
{
    rg_hits_sort(hits, n);
    for (size_t i = 0; i < k; i++) out[i] = i < n ? hits[i] : MISSING;
}

// Query i's rows [k] that may be found, with their distances: how many.
static size_t take_rows(rg_hit_t *out, const rg_view_t *view, const rg_search_t *search, size_t i,
                        const int64_t *rows, size_t k)
{
    const float *query = search->queries + i * view->rows.dim;
    size_t n = 0;
    for (size_t j = 0; j < k; j++) {
        if (rows[j] < 0 || rows[j] == excluded(search, i) || !rg_view_is_alive(view, (size_t)rows[j]))
            continue;
        out[n++] = (rg_hit_t){rg_exact_distance(&view->rows, (size_t)rows[j], query), rows[j]};
    }
    return n;
}

// Query i once more, without the index.
static void find_again(rg_hit_t *hits, const rg_view_t *view, const rg_search_t *search, size_t i)
{
    rg_search_t one = *search;
    one.queries += i * view->rows.dim;
    one.n = 1;
    if (one.exclude) one.exclude += i;
    find_exact(hits, view, 0, &one);
}

// As many as there can be.
static size_t most(const rg_view_t *view, const rg_search_t *search, size_t i)
{
    ptrdiff_t skip = excluded(search, i);
    size_t left = rg_view_count(view) - (skip >= 0 && rg_view_is_alive(view, (size_t)skip));
    return search->k < left ? search->k : left;
}

static int find_indexed(rg_hit_t *hits, const rg_view_t *view, const rg_search_t *search)
{
    const size_t n = search->n, k = search->k, dead = view->dead < DEAD_MAX ? view->dead : DEAD_MAX;
    const size_t wide = k + (search->exclude != NULL) + dead;
    int64_t *rows = rg_alloc(n * wide * sizeof *rows);
    rg_hit_t *tail = rg_alloc(n * k * sizeof *tail), *all = rg_alloc((wide + k) * sizeof *all);
    int err = rg_index_search(view->index, rows, search->queries, n, wide, search->effort);
    if (!err) find_exact(tail, view, rg_view_indexed(view), search);
    for (size_t i = 0; i < n && !err; i++) {
        size_t found = take_rows(all, view, search, i, rows + i * wide, wide);
        for (size_t j = i * k; j < (i + 1) * k && tail[j].row >= 0; j++) all[found++] = tail[j];
        if (found >= most(view, search, i))
            keep_nearest(hits + i * k, k, all, found);
        else
            find_again(hits + i * k, view, search, i);
    }
    free(all);
    free(tail);
    free(rows);
    return err;
}

// ---- random

// Positions [*n] of the rows to choose from.
static uint32_t *list_rows(const rg_view_t *view, const rg_search_t *search, uint32_t *n)
{
    const rg_marks_t *among = search->among ? search->among : &view->alive;
    uint32_t *rows = rg_alloc((view->rows.count + 1) * sizeof *rows);
    *n = 0;
    for (uint32_t row = 0; row < view->rows.count; row++)
        if (!among->words || rg_marks_get(among, row)) rows[(*n)++] = row;
    return rows;
}

static int contains(const uint32_t *items, size_t n, uint32_t item)
{
    for (size_t i = 0; i < n; i++)
        if (items[i] == item) return 1;
    return 0;
}

// k distinct positions below n >= k: Robert Floyd's sampling (Bentley, "A sample of brilliance", CACM 1987),
// which draws a uniform subset, then shuffled.
static void sample(rg_rng_t *rng, uint32_t *positions, uint32_t k, uint32_t n)
{
    for (uint32_t i = 0; i < k; i++) {
        uint32_t last = n - k + i, drawn = rg_rng_below(rng, last + 1);
        positions[i] = contains(positions, i, drawn) ? last : drawn;
    }
    rg_rng_shuffle(rng, positions, k);
}

// Position of a row in the ascending list, or n.
static uint32_t place_of(const uint32_t *rows, uint32_t n, ptrdiff_t row)
{
    uint32_t low = 0, high = n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if ((ptrdiff_t)rows[middle] < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && (ptrdiff_t)rows[low] == row ? low : n;
}

static void find_random(rg_hit_t *hits, const rg_view_t *view, const rg_search_t *search)
{
    uint32_t n, *rows = list_rows(view, search, &n);
    uint32_t *positions = rg_alloc(search->k * sizeof *positions);
    for (size_t i = 0; i < search->n; i++) {
        uint32_t skip = place_of(rows, n, excluded(search, i)), left = n - (skip < n);
        uint32_t k = search->k < left ? (uint32_t)search->k : left;
        rg_rng_t rng;
        rg_rng_init(&rng, search->seed, RG_RNG_SEARCH, search->number + i);
        sample(&rng, positions, k, left);
        for (size_t j = 0; j < search->k; j++) {
            rg_hit_t *hit = &hits[i * search->k + j];
            *hit = MISSING;
            if (j < k) hit->row = rows[positions[j] + (positions[j] >= skip)];
        }
    }
    free(positions);
    free(rows);
}

// ---- nearest

static int find_nearest(rg_hit_t *hits, const rg_view_t *view, const rg_search_t *search)
{
    if (view->index && !search->among) return find_indexed(hits, view, search);
    find_exact(hits, view, 0, search);
    return 0;
}

// k of those found among pool [n], nearest first.
static void draw(rg_hit_t *hits, size_t k, const rg_hit_t *pool, size_t n, rg_rng_t *rng)
{
    uint32_t *positions = rg_alloc(k * sizeof *positions);
    size_t found = 0;
    while (found < n && pool[found].row >= 0) found++;
    size_t drawn = k < found ? k : found;
    sample(rng, positions, (uint32_t)drawn, (uint32_t)found);
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
        draw(hits + i * search->k, search->k, pool + i * wide.k, wide.k, &rng);
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
