// Sets of pictures whose vectors are so wide that a chunk of rows has 128 of them.
#ifndef RG_TEST_RETRIEVAL_WIDE_H
#define RG_TEST_RETRIEVAL_WIDE_H

#include "tests/unit/retrieval/sets.h"

#include "tests/unit/retrieval/process.h"

enum { WIDE = 1 << 13, CHUNK = 128, WIDE_MAP = 256 << 20 };

static const rg_store_model_t WIDE_MODELS[] = {{.name = "m", .embed_dim = WIDE, .features_shape = {H, W, C}},
                                               {.name = "n", .embed_dim = WIDE, .features_shape = {H, W, C}}};

static inline rg_set_t *open_wide(const char *path, const char *index)
{
    rg_linalg_threads(1);
    rg_set_t *set = NULL;
    const rg_set_options_t options = {.path = path, .index = index, .map_bytes = WIDE_MAP};
    CHECK(rg_set_open(&set, &options) == 0);
    return set;
}

// The embedding of picture n is n, n + 1, 0, 0, ...; times 2 for model n.
static inline int add_wide(rg_set_t *set, int model, unsigned first, unsigned n)
{
    picture_t *pictures = rg_alloc(n * sizeof *pictures);
    rg_set_item_t *items = rg_alloc(n * sizeof *items);
    rg_set_outcome_t *outcomes = rg_alloc(n * sizeof *outcomes);
    float *vectors = rg_alloc((size_t)n * WIDE * sizeof *vectors);
    for (unsigned i = 0; i < n; i++) {
        picture(&pictures[i], first + i);
        items[i] = item_of(&pictures[i]);
        items[i].embedding = vectors + (size_t)i * WIDE;
        vectors[(size_t)i * WIDE] = (float)((first + i) << model);
        vectors[(size_t)i * WIDE + 1] = (float)((first + i + 1) << model);
    }
    int err = rg_set_add(set, WIDE_MODELS[model].name, items, n, outcomes);
    free(vectors);
    free(pictures);
    free(items);
    free(outcomes);
    return err;
}

static inline void use_wide(rg_set_t *set, int model)
{
    uint64_t missing;
    CHECK(rg_set_use_model(set, &WIDE_MODELS[model], &missing) == 0);
}

static inline rg_set_t *filled_wide(const char *path, unsigned n)
{
    rg_set_t *set = open_wide(path, "Flat");
    use_wide(set, 0);
    CHECK(add_wide(set, 0, 0, n) == 0);
    return set;
}

static inline void remove_one(rg_set_t *set, unsigned n)
{
    assert_int_equal(take_out(set, n, 1), 1);
}

// The number of the nearest picture to where picture n is, or would be.
static inline int nearest_wide(rg_set_t *set, int model, unsigned n)
{
    static float query[WIDE];
    near_t near;
    query[0] = (float)(n << model);
    query[1] = (float)((n + 1) << model);
    nearest_to(set, query, -1, 1, &near);
    return near.number;
}

#endif
