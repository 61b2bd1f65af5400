// Retrieval sets of pictures, and looks into them by the pictures' numbers.
#ifndef RG_TEST_RETRIEVAL_SETS_H
#define RG_TEST_RETRIEVAL_SETS_H

#include "common/nn/linalg.h"
#include "services/retrieval/search.h"
#include "services/retrieval/set.h"
#include "tests/unit/retrieval/pictures.h"

// A graph that several threads build is another one each time, and may leave a vector out of reach.
static inline rg_set_t *open_indexed(const char *path, const char *index)
{
    rg_linalg_threads(1);
    rg_set_t *set = NULL;
    const rg_set_options_t options = {.path = path, .index = index, .embed_dim = D, .map_bytes = MAP_BYTES};
    assert_ok(rg_set_open(&set, &options));
    return set;
}

static inline rg_set_t *open_set(const char *path)
{
    return open_indexed(path, "Flat");
}

// Images that the model has not embedded.
static inline uint64_t use(rg_set_t *set, const char *name)
{
    const rg_store_model_t model = model_of(name);
    uint64_t missing = UINT64_MAX;
    assert_ok(rg_set_use_model(set, &model, &missing));
    return missing;
}

static inline rg_set_item_t item_of(const picture_t *p)
{
    return (rg_set_item_t){.id = p->id,
                           .name = p->name,
                           .embedding = p->embedding,
                           .features = p->features,
                           .thumbnail = {p->thumbnail, sizeof p->thumbnail}};
}

// Adds pictures first..first+n-1 with embeddings `times` theirs; the fates go to fates [n] where it is not
// NULL.
static inline int add_scaled(rg_set_t *set, const char *model, unsigned first, unsigned n, float times,
                             Rg__V1__Fate *fates)
{
    picture_t *pictures = rg_alloc(n * sizeof *pictures);
    rg_set_item_t *items = rg_alloc(n * sizeof *items);
    rg_set_outcome_t *outcomes = rg_alloc(n * sizeof *outcomes);
    for (unsigned i = 0; i < n; i++) {
        picture(&pictures[i], first + i);
        items[i] = item_of(&pictures[i]);
        for (int d = 0; d < D; d++) pictures[i].embedding[d] *= times;
    }
    int err = rg_set_add(set, model, items, n, outcomes);
    for (unsigned i = 0; i < n && fates && !err; i++) fates[i] = outcomes[i].fate;
    free(pictures);
    free(items);
    free(outcomes);
    return err;
}

static inline int add(rg_set_t *set, const char *model, unsigned first, unsigned n, Rg__V1__Fate *fates)
{
    return add_scaled(set, model, first, n, 1, fates);
}

// How many of pictures first..first+n-1 there were.
static inline size_t take_out(rg_set_t *set, unsigned first, unsigned n)
{
    uint8_t *ids = rg_alloc(n * RG_ID_SIZE);
    size_t removed;
    for (unsigned i = 0; i < n; i++) {
        picture_t p;
        picture(&p, first + i);
        memcpy(ids + i * RG_ID_SIZE, p.id, RG_ID_SIZE);
    }
    assert_ok(rg_set_remove(set, ids, n, &removed));
    free(ids);
    return removed;
}

static inline rg_read_view_t read_view_of(rg_set_t *set)
{
    rg_read_view_t read;
    assert_ok(rg_read_view_begin(&read, set));
    return read;
}

static inline size_t count_of(rg_set_t *set)
{
    rg_read_view_t read = read_view_of(set);
    size_t n = rg_view_count(read.view);
    rg_read_view_end(&read);
    return n;
}

static inline size_t indexed_of(rg_set_t *set)
{
    rg_read_view_t read = read_view_of(set);
    size_t n = rg_view_indexed(read.view);
    rg_read_view_end(&read);
    return n;
}

static inline uint64_t missing_of(rg_set_t *set)
{
    rg_read_view_t read = read_view_of(set);
    uint64_t missing;
    assert_ok(rg_read_view_missing(&read, &missing));
    rg_read_view_end(&read);
    return missing;
}

// Number of the picture in that row, -1 for none.
static inline int number_in(const rg_read_view_t *read, ptrdiff_t row)
{
    rg_store_image_t image;
    if (row < 0) return -1;
    assert_ok(rg_store_image(read->txn, (uint64_t)rg_rows_at(&read->view->rows, (size_t)row).label, &image));
    return atoi(image.name);
}

static inline ptrdiff_t row_of(const rg_read_view_t *read, unsigned n)
{
    picture_t p;
    uint64_t label;
    picture(&p, n);
    return rg_store_find(read->txn, p.id, &label) ? -1 : rg_rows_find(&read->view->rows, (int64_t)label);
}

typedef struct {
    int number; // -1: none
    float dist_l2sq;
} near_t;

// The k nearest of an embedding [D], without picture number `without` (-1: all).
static inline void nearest_to(rg_set_t *set, const float *query, int without, size_t k, near_t *near)
{
    rg_read_view_t read = read_view_of(set);
    rg_hit_t *hits = rg_alloc(k * sizeof *hits);
    const ptrdiff_t exclude = without < 0 ? -1 : row_of(&read, (unsigned)without);
    const rg_search_t search = {.queries = query,
                                .n = 1,
                                .k = k,
                                .exclude = without < 0 ? NULL : &exclude,
                                .effort = {.nprobe = 64, .ef_search = 512}};
    assert_ok(rg_search_run(hits, read.view, &search));
    for (size_t i = 0; i < k; i++) near[i] = (near_t){number_in(&read, hits[i].row), hits[i].dist_l2sq};
    free(hits);
    rg_read_view_end(&read);
}

static inline void nearest(rg_set_t *set, unsigned n, int without, size_t k, near_t *near)
{
    picture_t p;
    picture(&p, n);
    nearest_to(set, p.embedding, without, k, near);
}

static inline int nearest_number(rg_set_t *set, unsigned n)
{
    near_t near;
    nearest(set, n, -1, 1, &near);
    return near.number;
}

// Picture n is found at distance 0.
static inline int is_found(rg_set_t *set, unsigned n)
{
    near_t near;
    nearest(set, n, -1, 1, &near);
    return near.number == (int)n && near.dist_l2sq == 0;
}

// Pictures first..first+n-1 and no others are found, each once.
static inline void assert_found(rg_set_t *set, unsigned first, unsigned n)
{
    near_t *near = rg_alloc((n + 1) * sizeof *near);
    uint8_t *seen = rg_alloc(n + 1);
    nearest(set, first, -1, n + 1, near);
    for (unsigned i = 0; i < n; i++) {
        assert_in_range(near[i].number, first, first + n - 1);
        assert_int_equal(seen[(unsigned)near[i].number - first]++, 0);
    }
    assert_int_equal(near[n].number, -1);
    free(near);
    free(seen);
}

#endif
