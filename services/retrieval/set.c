#include "services/retrieval/set.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/rng.h"
#include "services/retrieval/index.h"
#include "services/retrieval/labels.h"

enum {
    EMBED_DIM_MAX = 1 << 14,
    SIDE_MAX = 1 << 16,
    CONTENT_BYTES_MAX = 1 << 28,
    CHUNK = 256,
    PROBE_DIM = 64
};

// Distances of vectors up to this squared norm are finite in float.
static const double NORM2_MAX = 1e37;

// What can be found. Empty (no index) before the first model and after a failure; catch_up fills it.
typedef struct {
    rg_index_t *index;
    rg_labels_t labels; // in the index
    uint64_t next;      // images of the store below this label have been looked at
} view_t;

struct rg_set {
    rg_store_t *store;
    char *factory;
    rg_state_t state;
    view_t view;
    uint64_t stale_from; // no image below this label is stale
};

static void drop(view_t *view)
{
    rg_index_destroy(&view->index);
    rg_labels_fini(&view->labels);
    view->next = 0;
}

// ---- building the index from the store

static int index_chunk(view_t *view, const float *vectors, const int64_t *labels, size_t n)
{
    int err = rg_index_add(view->index, vectors, labels, n);
    for (size_t i = 0; i < n && !err; i++) rg_labels_append(&view->labels, labels[i]);
    return err;
}

// Adds the images of this model that the view has not looked at yet.
static int index_new_images(view_t *view, rg_store_txn_t *txn, const rg_model_t *model)
{
    size_t bytes = rg_model_embedding_bytes(model), n = 0;
    char *vectors = rg_alloc(CHUNK * bytes);
    int64_t labels[CHUNK];
    rg_image_t image;
    rg_span_t embedding;
    int err = 0;
    while (!err && (err = rg_store_next(txn, view->next, &image)) == 0) {
        view->next = image.label + 1;
        if (strcmp(image.model, model->name) != 0) continue;
        err = rg_store_bulk(txn, &image, RG_BULK_EMBEDDING, bytes, &embedding);
        if (err) break;
        memcpy(vectors + n * bytes, embedding.data, bytes);
        labels[n++] = (int64_t)image.label;
        if (n < CHUNK) continue;
        err = index_chunk(view, (const float *)vectors, labels, n);
        n = 0;
    }
    if (err == RG_ENOENT) err = index_chunk(view, (const float *)vectors, labels, n);
    free(vectors);
    return err;
}

// Brings the view up to date with the store; on failure it is empty.
static int catch_up(rg_set_t *set, view_t *view, const rg_model_t *model)
{
    rg_store_txn_t *txn = NULL;
    int err = view->index ? 0 : rg_index_new(&view->index, set->factory, model->embed_dim);
    if (!err) err = rg_store_read(set->store, &txn);
    if (!err) err = index_new_images(view, txn, model);
    rg_store_abort(&txn);
    if (err) drop(view);
    return err;
}

// ---- open and close

static int read_state(rg_set_t *set)
{
    rg_store_txn_t *txn = NULL;
    int err = rg_store_read(set->store, &txn);
    if (!err) err = rg_store_state(txn, &set->state);
    rg_store_abort(&txn);
    return err;
}

// Before the first model there is no size yet: a bad factory string is told all the same.
static int check_factory(const char *factory)
{
    rg_index_t *probe = NULL;
    int err = rg_index_new(&probe, factory, PROBE_DIM);
    rg_index_destroy(&probe);
    return err;
}

int rg_set_open(rg_set_t **out, const rg_set_options_t *options)
{
    rg_set_t *set = rg_alloc(sizeof *set);
    set->factory = rg_strdup(options->index);
    int err = check_factory(set->factory);
    if (!err) err = rg_store_open(&set->store, options->path, options->map_bytes);
    if (!err) err = read_state(set);
    if (!err && *set->state.model.name) err = catch_up(set, &set->view, &set->state.model);
    if (err)
        rg_set_close(&set);
    else
        *out = set;
    return err;
}

void rg_set_close(rg_set_t **set)
{
    if (!*set) return;
    drop(&(*set)->view);
    rg_store_close(&(*set)->store);
    free((*set)->factory);
    free(*set);
    *set = NULL;
}

// ---- the model

static int check_model(const rg_model_t *model)
{
    if (!*model->name) return rg_fail(RG_EINVAL, "the model has no name");
    if (model->embed_dim < 1 || model->embed_dim > EMBED_DIM_MAX)
        return rg_fail(RG_ELIMIT, "embeddings of %u dims: 1 to %d are possible", model->embed_dim,
                       EMBED_DIM_MAX);
    const uint32_t *s = model->content_shape;
    int bad = rg_model_content_bytes(model) > CONTENT_BYTES_MAX;
    for (int i = 0; i < 3; i++) bad |= s[i] < 1 || s[i] > SIDE_MAX;
    if (bad)
        return rg_fail(RG_ELIMIT, "content maps of %ux%ux%u: sides are 1 to %d, %d bytes in all", s[0], s[1],
                       s[2], SIDE_MAX, CONTENT_BYTES_MAX);
    return 0;
}

static int same_sizes(const rg_model_t *a, const rg_model_t *b)
{
    return a->embed_dim == b->embed_dim &&
           memcmp(a->content_shape, b->content_shape, sizeof a->content_shape) == 0;
}

// Stores the state with this transaction; only when it is on the disk is it the set's.
static int commit(rg_set_t *set, rg_store_txn_t **txn, const rg_state_t *state)
{
    int err = rg_store_set_state(*txn, state);
    if (!err) err = rg_store_commit(txn);
    if (!err) set->state = *state;
    return err;
}

int rg_set_check(rg_set_t *set, const char *model)
{
    const char *current = set->state.model.name;
    if (!*current) return rg_fail(RG_EMODEL, "no model is current yet: nothing can be added or searched");
    if (strcmp(model, current) != 0)
        return rg_fail(RG_EMODEL, "model %.80s is not the current one, %.80s", model, current);
    return set->view.index ? 0 : catch_up(set, &set->view, &set->state.model);
}

int rg_set_use_model(rg_set_t *set, const rg_model_t *model)
{
    int err = check_model(model);
    if (err) return err;
    if (strcmp(model->name, set->state.model.name) == 0) {
        if (same_sizes(model, &set->state.model)) return rg_set_check(set, model->name);
        return rg_fail(RG_ESHAPE, "model %.80s is current with other sizes", model->name);
    }
    view_t view = {0};
    rg_store_txn_t *txn = NULL;
    const rg_state_t state = {.model = *model, .generation = set->state.generation + 1};
    err = catch_up(set, &view, model);
    if (!err) err = rg_store_write(set->store, &txn);
    if (!err) err = commit(set, &txn, &state);
    rg_store_abort(&txn);
    if (err) {
        drop(&view);
        return err;
    }
    drop(&set->view);
    set->view = view;
    set->stale_from = 0;
    return 0;
}

// ---- add

static int check_vector(const float *vector, size_t dim)
{
    double norm2 = 0;
    for (size_t i = 0; i < dim; i++) norm2 += (double)vector[i] * vector[i];
    return norm2 < NORM2_MAX ? 0 : RG_ENUMERIC; // false for NaN too
}

static const char *objection(const rg_set_t *set, const rg_set_item_t *item)
{
    size_t length = strlen(item->name);
    if (length == 0) return "it has no name";
    if (length > RG_TEXT_MAX) return "its name is longer than 255 bytes";
    if (item->thumbnail.size == 0) return "its thumbnail is empty";
    if (check_vector(item->embedding, set->state.model.embed_dim) != 0) return "its embedding is not finite";
    return NULL;
}

// 1 if the image is stored and current, 0 if it has to be stored, or an error.
static int is_current(const rg_set_t *set, rg_store_txn_t *txn, const uint8_t *id)
{
    uint64_t label;
    rg_image_t image;
    int err = rg_store_find(txn, id, &label);
    if (err == RG_ENOENT) return 0;
    if (!err) err = rg_store_image(txn, label, &image);
    return err ? err : strcmp(image.model, set->state.model.name) == 0;
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int add_one(rg_set_t *set, rg_store_txn_t *txn, const rg_set_item_t *item, rg_outcome_t *outcome)
{
    const char *reason = objection(set, item);
    if (reason) {
        outcome->fate = RG__V1__FATE__REFUSED;
        strcpy(outcome->reason, reason);
        return 0;
    }
    const rg_model_t *model = &set->state.model;
    int current = is_current(set, txn, item->id);
    if (current < 0) return current;
    outcome->fate = current ? RG__V1__FATE__DUPLICATE : RG__V1__FATE__ADDED;
    if (current) return 0;
    rg_image_t image = {.generation = set->state.generation + 1, .time_ms = now_ms()};
    memcpy(image.id, item->id, sizeof image.id);
    strcpy(image.name, item->name);
    strcpy(image.model, model->name);
    const rg_span_t bulk[RG_BULKS] = {{item->embedding, rg_model_embedding_bytes(model)},
                                      {item->content, rg_model_content_bytes(model)},
                                      item->thumbnail};
    return rg_store_put(txn, &image, bulk);
}

int rg_set_add(rg_set_t *set, const char *model, const rg_set_item_t *items, size_t n, rg_outcome_t *outcomes)
{
    rg_store_txn_t *txn = NULL;
    size_t added = 0;
    int err = rg_set_check(set, model);
    if (!err) err = rg_store_write(set->store, &txn);
    for (size_t i = 0; i < n && !err; i++) {
        outcomes[i] = (rg_outcome_t){0};
        err = add_one(set, txn, &items[i], &outcomes[i]);
        added += outcomes[i].fate == RG__V1__FATE__ADDED;
    }
    if (!err && added) {
        rg_state_t state = set->state;
        state.generation++;
        err = commit(set, &txn, &state);
        if (!err) err = catch_up(set, &set->view, &set->state.model);
    }
    rg_store_abort(&txn);
    return err;
}

// ---- search

// excluded [n]: labels, -1 for none.
static int find_excluded(rg_set_t *set, const rg_query_t *query, int64_t *excluded)
{
    rg_store_txn_t *txn = NULL;
    uint64_t label;
    int err = rg_store_read(set->store, &txn);
    for (size_t i = 0; i < query->n && !err; i++) {
        excluded[i] = -1;
        if (!query->exclude) continue;
        err = rg_store_find(txn, query->exclude + i * RG_ID_SIZE, &label);
        if (!err)
            excluded[i] = (int64_t)label;
        else if (err == RG_ENOENT)
            err = 0;
    }
    rg_store_abort(&txn);
    return err;
}

// Searches for one more where something is excluded, and leaves that out.
static int find_nearest(rg_set_t *set, const rg_query_t *query, const int64_t *excluded, rg_found_t *found)
{
    size_t k = query->k + (query->exclude != NULL);
    int64_t *labels = rg_alloc(query->n * k * sizeof *labels);
    float *dists = rg_alloc(query->n * k * sizeof *dists);
    int err = rg_index_search(set->view.index, labels, dists, query->queries, query->n, k);
    for (size_t i = 0; i < query->n && !err; i++) {
        rg_found_t *row = found + i * query->k;
        size_t filled = 0;
        for (size_t j = i * k; j < (i + 1) * k && filled < query->k; j++) {
            if (labels[j] >= 0 && labels[j] != excluded[i]) row[filled++] = (rg_found_t){labels[j], dists[j]};
        }
        for (; filled < query->k; filled++) row[filled] = (rg_found_t){.label = -1};
    }
    free(labels);
    free(dists);
    return err;
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

static void find_random(rg_set_t *set, const rg_query_t *query, const int64_t *excluded, rg_found_t *found)
{
    const rg_labels_t *labels = &set->view.labels;
    uint32_t *positions = rg_alloc(query->k * sizeof *positions);
    for (size_t i = 0; i < query->n; i++) {
        ptrdiff_t skip = rg_labels_find(labels, excluded[i]);
        size_t among = labels->count - (skip >= 0), k = query->k < among ? query->k : among;
        rg_rng_t rng;
        rg_rng_init(&rng, query->seed, RG_RNG_SEARCH, i);
        sample(&rng, positions, (uint32_t)k, (uint32_t)among);
        for (size_t j = 0; j < query->k; j++) {
            rg_found_t *one = &found[i * query->k + j];
            *one = (rg_found_t){.label = -1};
            if (j >= k) continue;
            size_t at = positions[j];
            one->label = labels->items[skip >= 0 && at >= (size_t)skip ? at + 1 : at];
        }
    }
    free(positions);
}

int rg_set_search(rg_set_t *set, const char *model, const rg_query_t *query, rg_found_t *found)
{
    int err = rg_set_check(set, model);
    if (err) return err;
    size_t dim = set->state.model.embed_dim;
    for (size_t i = 0; i < query->n && !query->random; i++) {
        if (check_vector(query->queries + i * dim, dim) != 0)
            return rg_fail(RG_ENUMERIC, "query %zu is not finite", i);
    }
    int64_t *excluded = rg_alloc(query->n * sizeof *excluded);
    err = find_excluded(set, query, excluded);
    if (!err && query->random)
        find_random(set, query, excluded, found);
    else if (!err)
        err = find_nearest(set, query, excluded, found);
    free(excluded);
    return err;
}

// ---- remove

// labels [n] of those that were there.
static int delete_all(rg_store_txn_t *txn, const uint8_t *ids, size_t n, int64_t *labels, size_t *count)
{
    int err = 0;
    *count = 0;
    for (size_t i = 0; i < n && !err; i++) {
        uint64_t label;
        err = rg_store_find(txn, ids + i * RG_ID_SIZE, &label);
        if (!err) err = rg_store_delete(txn, label);
        if (!err)
            labels[(*count)++] = (int64_t)label;
        else if (err == RG_ENOENT)
            err = 0;
    }
    return err;
}

// Not every kind of index can forget: then it is built anew.
static int forget(rg_set_t *set, const int64_t *labels, size_t n)
{
    if (!set->view.index) return 0;
    if (rg_index_remove(set->view.index, labels, n) != 0) {
        drop(&set->view);
        return catch_up(set, &set->view, &set->state.model);
    }
    for (size_t i = 0; i < n; i++) rg_labels_remove(&set->view.labels, labels[i]);
    return 0;
}

int rg_set_remove(rg_set_t *set, const uint8_t *ids, size_t n, size_t *removed)
{
    rg_store_txn_t *txn = NULL;
    int64_t *labels = rg_alloc(n * sizeof *labels);
    size_t count = 0;
    int err = rg_store_write(set->store, &txn);
    if (!err) err = delete_all(txn, ids, n, labels, &count);
    if (!err && count) {
        rg_state_t state = set->state;
        state.generation++;
        err = commit(set, &txn, &state);
        if (!err) err = forget(set, labels, count);
    }
    if (!err) *removed = count;
    rg_store_abort(&txn);
    free(labels);
    return err;
}

// ---- stale images and numbers

static int count_stale(const rg_set_t *set, rg_store_txn_t *txn, uint64_t *stale)
{
    uint64_t all;
    int err = rg_store_count(txn, &all);
    if (!err) *stale = all - rg_set_count(set);
    return err;
}

int rg_set_stale(rg_set_t *set, rg_store_txn_t *txn, rg_image_t *images, size_t limit, size_t *n,
                 uint64_t *stale)
{
    uint64_t all = 0, next = set->stale_from;
    size_t count = 0;
    int err = count_stale(set, txn, &all);
    while (!err && count < limit && count < all && (err = rg_store_next(txn, next, &images[count])) == 0) {
        next = images[count].label + 1;
        if (strcmp(images[count].model, set->state.model.name) == 0) continue;
        if (count++ == 0) set->stale_from = images[0].label;
    }
    if (err && err != RG_ENOENT) return err;
    *n = count;
    *stale = all;
    return 0;
}

int rg_set_stats(rg_set_t *set, rg_set_stats_t *stats)
{
    rg_store_txn_t *txn = NULL;
    uint64_t stale;
    int err = rg_store_read(set->store, &txn);
    if (!err) err = count_stale(set, txn, &stale);
    rg_store_abort(&txn);
    if (err) return err;
    *stats = (rg_set_stats_t){
        .images = rg_set_count(set), .stale = stale, .store_bytes = rg_store_bytes(set->store)};
    return 0;
}

const rg_state_t *rg_set_state(const rg_set_t *set)
{
    return &set->state;
}

size_t rg_set_count(const rg_set_t *set)
{
    return set->view.labels.count;
}

rg_store_t *rg_set_store(rg_set_t *set)
{
    return set->store;
}
