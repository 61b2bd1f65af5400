#include <sched.h>
#include <stdio.h>

#include "common/core/err.h"
#include "services/retrieval/set_private.h"

enum { EMBED_DIM_MAX = 1 << 14, SIDE_MAX = 1 << 16, FEATURES_BYTES_MAX = 1 << 28, DIM_GUESS = 64 };

// ---- showing a view

rg_view_t *rg__set_view(rg_set_t *set)
{
    pthread_mutex_lock(&set->swap);
    rg_view_t *view = rg_view_share(set->view);
    pthread_mutex_unlock(&set->swap);
    return view;
}

void rg__set_show(rg_set_t *set, rg_view_t *view)
{
    pthread_mutex_lock(&set->swap);
    rg_view_t *old = set->view;
    set->view = view;
    pthread_mutex_unlock(&set->swap);
    rg_view_destroy(&old);
}

int rg__set_commit(rg_set_t *set, rg_store_txn_t **txn, const rg_state_t *state, rg_view_t **view)
{
    int err = rg_store_set_state(*txn, state);
    if (!err) err = rg_store_commit(txn);
    if (err) {
        rg_view_destroy(view);
        return err;
    }
    if (state->slot != set->state.slot) atomic_fetch_add(&set->switches, 1);
    set->state = *state;
    if (*view) rg__set_show(set, *view);
    *view = NULL;
    return 0;
}

// ---- a view from the store

rg_row_t rg__row_of(const rg_image_t *image, const float *vector)
{
    return (rg_row_t){.label = (int64_t)image->label,
                      .added_ms = image->time_ms,
                      .generation = image->generation,
                      .annotated = image->annotated,
                      .id = image->id,
                      .name = image->name,
                      .vector = vector};
}

// What a row is made of; its vector is the transaction's. RG_ENOENT if the model has not seen the image.
static int read_row(rg_store_txn_t *txn, const rg_image_t *image, const rg_model_t *model, uint32_t slot,
                    rg_row_t *row)
{
    rg_span_t embedding;
    int err = rg_store_made(txn, image, slot, RG_MADE_EMBEDDING, rg_model_embedding_bytes(model), &embedding);
    if (err) return err;
    *row = rg__row_of(image, embedding.data);
    return 0;
}

// Rows that the index knows and the store does not: they were removed since the snapshot. at: the first label
// not looked at.
static void append_removed(rg_view_t *view, const rg_snapshot_t *snapshot, size_t *at, int64_t below)
{
    for (; *at < snapshot->rows && snapshot->labels[*at] < below; ++*at)
        rg_view_append(view, &(rg_row_t){.label = snapshot->labels[*at]});
}

// All images that the model has embedded, in the order of the snapshot's rows as far as these go.
static int read_rows(rg_view_t *view, rg_store_txn_t *txn, uint32_t slot, const rg_snapshot_t *snapshot)
{
    rg_image_t image;
    rg_row_t row;
    uint64_t from = 0;
    size_t at = 0;
    int err;
    for (; (err = rg_store_next(txn, from, &image)) == 0; from = image.label + 1) {
        err = read_row(txn, &image, &view->model, slot, &row);
        if (err == RG_ENOENT) continue;
        if (err) return err;
        append_removed(view, snapshot, &at, row.label);
        if (at < snapshot->rows && snapshot->labels[at++] != row.label)
            return rg_fail(RG_EFORMAT, "the snapshot lacks image %lld", (long long)row.label);
        rg_view_append(view, &row);
    }
    if (err == RG_ENOENT) append_removed(view, snapshot, &at, INT64_MAX);
    return err == RG_ENOENT ? 0 : err;
}

int rg__view_of_store(rg_view_t **out, rg_store_txn_t *txn, const rg_state_t *state,
                      const rg_snapshot_t *snapshot)
{
    rg_view_t *view = rg_view_new(&state->model, state->generation);
    int err = *state->model.name ? read_rows(view, txn, state->slot, snapshot) : 0;
    if (!err && snapshot->index) view->index = rg_index_share(snapshot->index);
    if (err)
        rg_view_destroy(&view);
    else
        *out = view;
    return err;
}

// ---- open and close

int rg__view_of_snapshot(rg_view_t **view, rg_store_txn_t *txn, const rg_set_t *set)
{
    rg_snapshot_t snapshot = {0};
    int err = rg_snapshot_read(&snapshot, set->snapshot, &set->state.model, set->factory);
    if (!err) err = rg__view_of_store(view, txn, &set->state, &snapshot);
    rg_snapshot_fini(&snapshot);
    return err;
}

static int check_model(const rg_model_t *model)
{
    if (!*model->name) return rg_fail(RG_EINVAL, "the model has no name");
    if (model->embed_dim < 1 || model->embed_dim > EMBED_DIM_MAX)
        return rg_fail(RG_ELIMIT, "embeddings of %u dims: 1 to %d are possible", model->embed_dim,
                       EMBED_DIM_MAX);
    const uint32_t *s = model->features_shape;
    int bad = rg_model_features_bytes(model) > FEATURES_BYTES_MAX;
    for (int i = 0; i < 3; i++) bad |= s[i] < 1 || s[i] > SIDE_MAX;
    if (bad)
        return rg_fail(RG_ELIMIT, "features of %ux%ux%u: sides are 1 to %d, %d bytes in all", s[0], s[1],
                       s[2], SIDE_MAX, FEATURES_BYTES_MAX);
    return 0;
}

// Of a state that may come from a damaged disk.
static int check_state(const rg_state_t *state)
{
    int err = *state->model.name ? check_model(&state->model) : 0;
    return err || !*state->next.name ? err : check_model(&state->next);
}

static int open_view(rg_set_t *set)
{
    rg_store_txn_t *txn = NULL;
    int err = rg_store_read(set->store, &txn);
    if (!err) err = rg_store_state(txn, &set->state);
    if (!err) err = check_state(&set->state);
    if (!err) {
        err = rg__view_of_snapshot(&set->view, txn, set);
        if (err && err != RG_ENOENT) snprintf(set->unfit, sizeof set->unfit, "%s", rg_error());
        if (err) err = rg__view_of_store(&set->view, txn, &set->state, &(rg_snapshot_t){0});
    }
    rg_store_abort(&txn);
    return err;
}

int rg_set_open(rg_set_t **out, const rg_set_options_t *options)
{
    rg_set_t *set = rg_alloc(sizeof *set);
    pthread_mutex_init(&set->swap, NULL);
    set->factory = rg_strdup(options->index);
    set->snapshot = rg_format("%s/index.snapshot", options->path);
    int err = rg_index_check(set->factory, options->embed_dim ? options->embed_dim : DIM_GUESS);
    if (!err) err = rg_store_open(&set->store, options->path, options->map_bytes);
    if (!err) err = open_view(set);
    if (err)
        rg_set_close(&set);
    else
        *out = set;
    return err;
}

void rg_set_close(rg_set_t **set)
{
    if (!*set) return;
    rg_view_destroy(&(*set)->view);
    rg_store_close(&(*set)->store);
    pthread_mutex_destroy(&(*set)->swap);
    free((*set)->factory);
    free((*set)->snapshot);
    free(*set);
    *set = NULL;
}

const char *rg_set_unfit(const rg_set_t *set)
{
    return set->unfit;
}

rg_store_t *rg_set_store(rg_set_t *set)
{
    return set->store;
}

uint64_t rg_set_generation(const rg_set_t *set)
{
    return set->state.generation;
}

// ---- looking

// Between a commit and the showing of its view the two are of different generations: only for a moment.
int rg_set_look(rg_set_t *set, rg_look_t *look)
{
    for (;;) {
        rg_store_txn_t *txn = NULL;
        rg_state_t state;
        int err = rg_store_read(set->store, &txn);
        if (!err) err = rg_store_state(txn, &state);
        if (err) {
            rg_store_abort(&txn);
            return err;
        }
        *look = (rg_look_t){rg__set_view(set), txn, state.slot};
        if (look->view->generation == state.generation) return 0;
        rg_look_end(look);
        sched_yield();
    }
}

void rg_look_end(rg_look_t *look)
{
    rg_view_destroy(&look->view);
    rg_store_abort(&look->txn);
}

// How many images the next model of this state has not embedded.
static int count_missing(rg_store_txn_t *txn, const rg_state_t *state, uint64_t *missing)
{
    uint64_t all, embedded;
    *missing = 0;
    if (!*state->next.name) return 0;
    int err = rg_store_count(txn, &all);
    if (!err) err = rg_store_embedded(txn, state->slot ^ 1, &embedded);
    if (!err) *missing = all - embedded;
    return err;
}

int rg_look_missing(const rg_look_t *look, uint64_t *missing)
{
    rg_state_t state;
    int err = rg_store_state(look->txn, &state);
    return err ? err : count_missing(look->txn, &state, missing);
}

int rg_look_check(const rg_look_t *look, const char *model)
{
    const char *current = look->view->model.name;
    rg_state_t state;
    uint64_t missing;
    if (!*current) return rg_fail(RG_EMODEL, "no model is current yet: nothing can be added or searched");
    if (strcmp(model, current) == 0) return 0;
    int err = rg_store_state(look->txn, &state);
    if (!err) err = count_missing(look->txn, &state, &missing);
    if (err) return err;
    if (strcmp(model, state.next.name) == 0)
        return rg_fail(RG_EMODEL, "model %.80s has %llu images still to embed; until then %.80s serves",
                       model, (unsigned long long)missing, current);
    return rg_fail(RG_EMODEL, "model %.80s is not the current one, %.80s", model, current);
}

// 1 if the slot's model has not embedded it, 0 if it has, or an error.
static int is_missing(const rg_look_t *look, const rg_image_t *image, uint32_t slot, size_t bytes)
{
    rg_span_t made;
    int err = rg_store_made(look->txn, image, slot, RG_MADE_EMBEDDING, bytes, &made);
    return err == RG_ENOENT ? 1 : err;
}

int rg_look_list(const rg_look_t *look, uint64_t from, int missing, rg_image_t *images, size_t limit,
                 size_t *n, uint64_t *next)
{
    rg_state_t state;
    size_t count = 0, bytes = 0;
    int err = rg_store_state(look->txn, &state);
    if (!err) bytes = rg_model_embedding_bytes(&state.next);
    int listed = !missing || *state.next.name;
    while (!err && listed && count < limit && (err = rg_store_next(look->txn, from, &images[count])) == 0) {
        from = images[count].label + 1;
        int wanted = missing ? is_missing(look, &images[count], state.slot ^ 1, bytes) : 1;
        if (wanted < 0) return wanted;
        count += (size_t)wanted;
    }
    if (err && err != RG_ENOENT) return err;
    *n = count;
    *next = err || !listed ? 0 : from;
    return 0;
}

int rg_look_image(const rg_look_t *look, const uint8_t id[RG_ID_SIZE], rg_image_t *image)
{
    uint64_t label;
    int err = rg_store_find(look->txn, id, &label);
    return err ? err : rg_store_image(look->txn, label, image);
}

// ---- the model

// 1 if known is this model, RG_ESHAPE if it only has its name.
static int is_model(const rg_model_t *known, const rg_model_t *model)
{
    if (strcmp(known->name, model->name) != 0) return 0;
    if (known->embed_dim == model->embed_dim &&
        memcmp(known->features_shape, model->features_shape, sizeof known->features_shape) == 0)
        return 1;
    return rg_fail(RG_ESHAPE, "model %.80s is known with other sizes", model->name);
}

int rg_set_find_model(const rg_set_t *set, const char *name, const rg_model_t **model)
{
    const rg_state_t *state = &set->state;
    if (!*state->model.name)
        return rg_fail(RG_EMODEL, "no model is current yet: nothing can be added or searched");
    if (strcmp(name, state->model.name) == 0)
        *model = &state->model;
    else if (*state->next.name && strcmp(name, state->next.name) == 0)
        *model = &state->next;
    else
        return rg_fail(RG_EMODEL, "model %.80s is not the current one, %.80s", name, state->model.name);
    return 0;
}

// The next model takes over with this transaction: the old one's slot is given back.
static int switch_models(rg_store_txn_t *txn, rg_state_t *state, rg_view_t **view)
{
    int err = rg_store_clear(txn, state->slot);
    state->model = state->next;
    state->next = (rg_model_t){0};
    state->slot ^= 1;
    state->generation++;
    return err ? err : rg__view_of_store(view, txn, state, &(rg_snapshot_t){0});
}

int rg__set_switch_if_complete(rg_store_txn_t *txn, rg_state_t *state, rg_view_t **view)
{
    uint64_t missing;
    int err = count_missing(txn, state, &missing);
    if (err || missing || !*state->next.name) return err;
    rg_view_destroy(view);
    return switch_models(txn, state, view);
}

// Announces it in this transaction.
static int announce(rg_store_txn_t *txn, const rg_model_t *model, rg_state_t *state, rg_view_t **view)
{
    int known = is_model(&state->model, model), is_next = known ? 0 : is_model(&state->next, model);
    if (known < 0 || is_next < 0) return known < 0 ? known : is_next;
    if (is_next) return 0;
    int err = rg_store_clear(txn, state->slot ^ 1);
    state->next = known ? (rg_model_t){0} : *model;
    return err ? err : rg__set_switch_if_complete(txn, state, view);
}

int rg_set_use_model(rg_set_t *set, const rg_model_t *model, uint64_t *missing)
{
    rg_store_txn_t *txn = NULL;
    rg_view_t *view = NULL;
    rg_state_t state = set->state;
    int err = check_model(model);
    if (!err && rg_store_read_only(set->store) && is_model(&state.model, model) == 1) {
        *missing = 0;
        return 0;
    }
    if (!err) err = rg_store_write(set->store, &txn);
    if (!err) err = announce(txn, model, &state, &view);
    if (!err) err = count_missing(txn, &state, missing);
    if (!err)
        err = rg__set_commit(set, &txn, &state, &view);
    else
        rg_view_destroy(&view);
    rg_store_abort(&txn);
    return err;
}
