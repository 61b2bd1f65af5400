// Retrieval sets of pictures; what they hold and what searches find is told by the numbers of the pictures.
#ifndef RG_TEST_RETRIEVAL_SETS_H
#define RG_TEST_RETRIEVAL_SETS_H

#include "common/nn/linalg.h"
#include "services/retrieval/search.h"
#include "services/retrieval/set.h"
#include "tests/unit/retrieval/pictures.h"

// For rg_set_build and rg_verify: go on, or stop.
static __attribute__((unused)) rg_work_t GO;
static inline rg_work_t *stopped(void)
{
    static rg_work_t work = {.is_stopped = 1};
    return &work;
}

// Builds on one thread: a graph that several threads build differs each time, and may leave a vector out of
// reach. One thread also allows the process to fork afterwards.
static inline rg_set_t *open_indexed(const char *path, const char *index)
{
    rg_linalg_threads(1);
    rg_set_t *set = NULL;
    const rg_set_options_t options = {.path = path, .index = index, .map_bytes = MAP_BYTES};
    assert_ok(rg_set_open(&set, &options));
    return set;
}

static inline rg_set_t *open_set(const char *path)
{
    return open_indexed(path, "Flat");
}

// Announces a model. Returns the number of images that it has not embedded.
static inline uint64_t use(rg_set_t *set, const char *name)
{
    const rg_store_model_t model = model_of(name);
    uint64_t missing = UINT64_MAX;
    assert_ok(rg_set_use_model(set, &model, &missing));
    return missing;
}

// Adds pictures first..first+n-1, their embeddings multiplied by `times`. Writes fates [n] unless it is NULL.
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

// A set with pictures 0..n-1 of this model.
static inline rg_set_t *filled_set(const char *path, const char *index, const char *model, unsigned n)
{
    rg_set_t *set = open_indexed(path, index);
    use(set, model);
    assert_ok(add(set, model, 0, n, NULL));
    return set;
}

static inline rg_set_build_t *build(rg_set_t *set, int from_store)
{
    rg_set_build_t *built = NULL;
    assert_ok(rg_set_build(set, from_store, &GO, &built));
    return built;
}

static inline void build_and_publish(rg_set_t *set, int from_store)
{
    rg_set_build_t *built = build(set, from_store);
    assert_ok(rg_set_publish_build(set, &built));
    assert_null(built);
}

// Removes pictures first..first+n-1. Returns how many were stored.
static inline size_t take_out(rg_set_t *set, unsigned first, unsigned n)
{
    unsigned *numbers = rg_alloc(n * sizeof *numbers);
    for (unsigned i = 0; i < n; i++) numbers[i] = first + i;
    uint8_t *ids = ids_of(numbers, n);
    rg_set_removal_t removal;
    assert_ok(rg_set_remove(set, ids, n, 0, &removal));
    assert_int_equal(removal.newer, 0);
    free(ids);
    free(numbers);
    return removal.removed;
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

// The number of the picture in a row; -1 for row -1.
static inline int number_in(const rg_read_view_t *read, ptrdiff_t row)
{
    rg_store_image_t image;
    if (row < 0) return -1;
    assert_ok(rg_store_image(read->txn, (uint64_t)rg_rows_at(&read->view->rows, (size_t)row).label, &image));
    return atoi(image.name);
}

// The row of picture n, or -1.
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

// Finds the k nearest pictures to an embedding [D], except picture `without` (-1: none is excluded).
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

// 1 if picture n is found at distance 0 by its embedding multiplied by `times`.
static inline int is_found_at(rg_set_t *set, unsigned n, float times)
{
    picture_t p;
    near_t near;
    picture(&p, n);
    for (int d = 0; d < D; d++) p.embedding[d] *= times;
    nearest_to(set, p.embedding, -1, 1, &near);
    return near.number == (int)n && near.dist_l2sq == 0;
}

static inline int is_found(rg_set_t *set, unsigned n)
{
    return is_found_at(set, n, 1);
}

#endif
