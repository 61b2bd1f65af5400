// Changes of the set: models, additions, removals. Each is one transaction of the store: a change writes to
// the transaction and to a copy of the view, commits, and publishes the copy (set.c).
#include "services/retrieval/set_private.h"

#include <stdio.h>

#include "common/core/clock.h"
#include "common/core/err.h"

// Commits the transaction with this state. When it is on the disk, the state becomes that of the set and
// *view is published. *view may be NULL if searches find the same as before. Takes *view.
static int commit_change(rg_set_t *set, rg_store_txn_t **txn, const rg_store_state_t *state, rg_view_t **view)
{
    int err = rg_store_set_state(*txn, state);
    if (!err) err = rg_store_commit(txn);
    if (err) {
        rg_view_destroy(view);
        return err;
    }
    if (state->slot != set->state.slot) atomic_fetch_add(&set->switches, 1);
    set->state = *state;
    if (*view) rg__set_publish(set, *view);
    *view = NULL;
    return 0;
}

// ---- the model

// Returns 1 if `known` is this model, 0 if its name differs, RG_ESHAPE if only its sizes differ.
static int is_model(const rg_store_model_t *known, const rg_store_model_t *model)
{
    if (strcmp(known->name, model->name) != 0) return 0;
    if (known->embed_dim == model->embed_dim &&
        memcmp(known->features_shape, model->features_shape, sizeof known->features_shape) == 0)
        return 1;
    return rg_fail(RG_ESHAPE,
                   "model %.80s is known with other sizes: a model with other sizes needs another name",
                   model->name);
}

int rg_set_find_model(const rg_set_t *set, const char *name, const rg_store_model_t **model)
{
    const rg_store_state_t *state = &set->state;
    if (!*state->model.name)
        return rg_fail(RG_EMODEL, "no model is current yet: start an encoder, which announces its model");
    if (strcmp(name, state->model.name) == 0)
        *model = &state->model;
    else if (*state->next.name && strcmp(name, state->next.name) == 0)
        *model = &state->next;
    else
        return rg_fail(RG_EMODEL, "model %.80s is not the current model, which is %.80s", name,
                       state->model.name);
    return 0;
}

// Makes the next model current in this transaction and clears the slot of the old one. *view becomes its
// view.
static int switch_models(rg_store_txn_t *txn, rg_store_state_t *state, rg_view_t **view)
{
    int err = rg_store_clear_slot(txn, state->slot);
    state->model = state->next;
    state->next = (rg_store_model_t){0};
    state->slot ^= 1;
    state->generation++;
    return err ? err : rg_view_load(view, txn, state, NULL, (rg_view_progress_t){0});
}

// Switches to the next model if it has embedded every image; *view is replaced then.
static int switch_if_complete(rg_store_txn_t *txn, rg_store_state_t *state, rg_view_t **view)
{
    uint64_t missing;
    int err = rg__set_count_missing(txn, state, &missing);
    if (err || missing || !*state->next.name) return err;
    rg_view_destroy(view);
    return switch_models(txn, state, view);
}

// Announces the model in this transaction.
static int announce_model(rg_store_txn_t *txn, const rg_store_model_t *model, rg_store_state_t *state,
                          rg_view_t **view)
{
    int known = is_model(&state->model, model), is_next = known ? 0 : is_model(&state->next, model);
    if (known < 0 || is_next < 0) return known < 0 ? known : is_next;
    if (is_next) return 0;
    int err = rg_store_clear_slot(txn, state->slot ^ 1);
    state->next = known ? (rg_store_model_t){0} : *model;
    return err ? err : switch_if_complete(txn, state, view);
}

int rg_set_use_model(rg_set_t *set, const rg_store_model_t *model, uint64_t *missing)
{
    rg_store_txn_t *txn = NULL;
    rg_view_t *view = NULL;
    rg_store_state_t state = set->state;
    int err = rg__set_check_model(model);
    if (!err && rg_store_read_only(set->store) && is_model(&state.model, model) == 1) {
        *missing = 0;
        return 0;
    }
    if (!err) err = rg_store_begin_write(set->store, &txn);
    if (!err) err = announce_model(txn, model, &state, &view);
    if (!err) err = rg__set_count_missing(txn, &state, missing);
    if (!err)
        err = commit_change(set, &txn, &state, &view);
    else
        rg_view_destroy(&view);
    rg_store_abort(&txn);
    return err;
}

// ---- add

// A batch of additions.
typedef struct {
    rg_store_txn_t *txn;
    const rg_store_model_t *model; // that made the embeddings
    uint32_t slot;                 // of that model
    int next;                      // that model is the next one
    uint64_t generation;           // in which searches find what is added
    uint64_t now_ms;
    rg_view_t *view; // to be published; NULL as long as nothing has changed
    rg_set_t *set;
} adding_t;

// Returns why an item cannot be added, or NULL.
static const char *item_problem(const adding_t *adding, const rg_set_item_t *item)
{
    if (!*item->name) return "it has no name";
    if (!adding->next && item->thumbnail.size == 0) return "its thumbnail is empty";
    if (!rg_vector_is_finite(item->embedding, adding->model->embed_dim)) return "its embedding is not finite";
    return NULL;
}

static void refuse_item(rg_set_outcome_t *outcome, const char *reason)
{
    outcome->fate = RG__V1__FATE__REFUSED;
    snprintf(outcome->reason, sizeof outcome->reason, "%s", reason);
}

// Returns 1 if the image is stored and the model has embedded it, 0 if not, or an error. *label: of the
// image; 0 if it is not stored.
static int is_embedded(const adding_t *adding, const uint8_t *id, uint64_t *label)
{
    rg_store_image_t image;
    rg_store_value_t embedding;
    *label = 0;
    int err = rg_store_find(adding->txn, id, label);
    if (err) return err == RG_ENOENT ? 0 : err;
    err = rg_store_image(adding->txn, *label, &image);
    if (err == RG_ENOENT) *label = 0;
    if (!err)
        err = rg_store_derived(adding->txn, &image, adding->slot, RG_DERIVED_EMBEDDING,
                               rg_store_embedding_bytes(adding->model), &embedding);
    return err == RG_ENOENT ? 0 : err ? err : 1;
}

static int store_derived(const adding_t *adding, const rg_set_item_t *item, uint64_t label)
{
    const rg_store_value_t values[RG_DERIVED_KINDS] = {
        {item->embedding, rg_store_embedding_bytes(adding->model)},
        {item->features, rg_store_features_bytes(adding->model)}};
    return rg_store_put_derived(adding->txn, label, adding->slot, values);
}

// old: label under which the image is stored without an embedding, or 0. Such an image gets a new label,
// because the label of a new row must be larger than all labels before.
static int add_image(adding_t *adding, const rg_set_item_t *item, uint64_t old)
{
    rg_store_image_t image = {
        .generation = adding->generation, .time_ms = adding->now_ms, .annotated = item->annotated};
    memcpy(image.id, item->id, sizeof image.id);
    rg_text_name(item->name, image.name);
    int err = old ? rg_store_delete(adding->txn, old) : 0;
    if (!err) err = rg_store_put(adding->txn, &image, item->thumbnail);
    if (!err) err = store_derived(adding, item, image.label);
    if (err) return err;
    if (!adding->view) {
        adding->view = rg_view_copy(adding->set->view);
        adding->view->generation = adding->generation;
    }
    const rg_image_row_t row = rg_view_row(&image, item->embedding);
    rg_view_append(adding->view, &row);
    return 0;
}

static int add_set_item(adding_t *adding, const rg_set_item_t *item, rg_set_outcome_t *outcome)
{
    const char *reason = item_problem(adding, item);
    uint64_t label;
    *outcome = (rg_set_outcome_t){0};
    if (reason) {
        refuse_item(outcome, reason);
        return 0;
    }
    int embedded = is_embedded(adding, item->id, &label);
    if (embedded < 0) return embedded;
    if (adding->next && !label) {
        refuse_item(outcome, "it is not stored: the next model accepts only images that are stored already");
        return 0;
    }
    outcome->fate = embedded ? RG__V1__FATE__DUPLICATE : RG__V1__FATE__ADDED;
    if (embedded) return 0;
    return adding->next ? store_derived(adding, item, label) : add_image(adding, item, label);
}

// Commits the batch; switches models if the next one is complete now.
static int finish_batch(rg_set_t *set, adding_t *adding)
{
    rg_store_state_t state = set->state;
    if (adding->view) state.generation = adding->generation;
    int err = adding->next ? switch_if_complete(adding->txn, &state, &adding->view) : 0;
    return err ? err : commit_change(set, &adding->txn, &state, &adding->view);
}

int rg_set_add(rg_set_t *set, const char *model, const rg_set_item_t *items, size_t n,
               rg_set_outcome_t *outcomes)
{
    adding_t adding = {.generation = set->state.generation + 1, .now_ms = rg_clock_wall_ms(), .set = set};
    size_t added = 0;
    int err = rg_set_find_model(set, model, &adding.model);
    if (err) return err;
    adding.next = adding.model == &set->state.next;
    adding.slot = set->state.slot ^ (uint32_t)adding.next;
    err = rg_store_begin_write(set->store, &adding.txn);
    for (size_t i = 0; i < n && !err; i++) {
        err = add_set_item(&adding, &items[i], &outcomes[i]);
        added += outcomes[i].fate == RG__V1__FATE__ADDED;
    }
    if (!err && added) err = finish_batch(set, &adding);
    rg_view_destroy(&adding.view);
    rg_store_abort(&adding.txn);
    return err;
}

// ---- remove

// Deletes the images from the store and kills their rows in the view. Writes how many were stored to *count.
static int delete_images(rg_store_txn_t *txn, const uint8_t *ids, size_t n, rg_view_t *view, size_t *count)
{
    int err = 0;
    *count = 0;
    for (size_t i = 0; i < n && !err; i++) {
        uint64_t label;
        err = rg_store_find(txn, ids + i * RG_ID_SIZE, &label);
        if (!err) err = rg_store_delete(txn, label);
        if (err == RG_ENOENT) {
            err = 0;
            continue;
        }
        ptrdiff_t row = err ? -1 : rg_rows_find(&view->rows, (int64_t)label);
        if (row >= 0) rg_view_kill(view, (size_t)row);
        ++*count;
    }
    return err;
}

int rg_set_remove(rg_set_t *set, const uint8_t *ids, size_t n, size_t *removed)
{
    rg_store_txn_t *txn = NULL;
    rg_store_state_t state = set->state;
    rg_view_t *view = rg_view_copy(set->view);
    size_t count = 0;
    view->generation = ++state.generation;
    int err = rg_store_begin_write(set->store, &txn);
    if (!err) err = delete_images(txn, ids, n, view, &count);
    if (!err && count) err = switch_if_complete(txn, &state, &view);
    if (!err && count) err = commit_change(set, &txn, &state, &view);
    if (!err) *removed = count;
    rg_view_destroy(&view);
    rg_store_abort(&txn);
    return err;
}
