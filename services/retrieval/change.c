#include <stdio.h>

#include "common/core/clock.h"
#include "common/core/err.h"
#include "services/retrieval/set_private.h"

// ---- add

// A batch of adds under way.
typedef struct {
    rg_store_txn_t *txn;
    const rg_model_t *model; // that made the embeddings
    uint32_t slot;           // its
    int next;                // it is the next one
    uint64_t generation;     // in which what is added is found
    uint64_t now_ms;
    rg_view_t *view; // to come; NULL as long as nothing changed
    rg_set_t *set;
} adding_t;

static const char *objection(const adding_t *adding, const rg_set_item_t *item)
{
    size_t length = strlen(item->name);
    if (length == 0) return "it has no name";
    if (length > RG_TEXT_MAX) return "its name is longer than 255 bytes";
    if (!adding->next && item->thumbnail.size == 0) return "its thumbnail is empty";
    if (!rg_vector_is_finite(item->embedding, adding->model->embed_dim)) return "its embedding is not finite";
    return NULL;
}

static void refuse(rg_outcome_t *outcome, const char *reason)
{
    outcome->fate = RG__V1__FATE__REFUSED;
    snprintf(outcome->reason, sizeof outcome->reason, "%s", reason);
}

// 1 if the image is stored and the model has embedded it, 0 if not; *label 0 if it is not stored at all, be
// its id known.
static int is_made(const adding_t *adding, const uint8_t *id, uint64_t *label)
{
    rg_image_t image;
    rg_span_t made;
    *label = 0;
    int err = rg_store_find(adding->txn, id, label);
    if (err) return err == RG_ENOENT ? 0 : err;
    err = rg_store_image(adding->txn, *label, &image);
    if (err == RG_ENOENT) *label = 0;
    if (!err)
        err = rg_store_made(adding->txn, &image, adding->slot, RG_MADE_EMBEDDING,
                            rg_model_embedding_bytes(adding->model), &made);
    return err == RG_ENOENT ? 0 : err ? err : 1;
}

static int store_made(const adding_t *adding, const rg_set_item_t *item, uint64_t label)
{
    const rg_span_t made[RG_MADES] = {{item->embedding, rg_model_embedding_bytes(adding->model)},
                                      {item->features, rg_model_features_bytes(adding->model)}};
    return rg_store_make(adding->txn, label, adding->slot, made);
}

// A row's label is larger than all before it: an image that lost its embedding gets a new one.
static int store_image(adding_t *adding, const rg_set_item_t *item, uint64_t old)
{
    rg_image_t image = {
        .generation = adding->generation, .time_ms = adding->now_ms, .annotated = item->annotated};
    memcpy(image.id, item->id, sizeof image.id);
    strcpy(image.name, item->name);
    int err = old ? rg_store_delete(adding->txn, old) : 0;
    if (!err) err = rg_store_put(adding->txn, &image, item->thumbnail);
    if (!err) err = store_made(adding, item, image.label);
    if (err) return err;
    if (!adding->view) {
        adding->view = rg_view_next(adding->set->view);
        adding->view->generation = adding->generation;
    }
    const rg_row_t row = rg__row_of(&image, item->embedding);
    rg_view_append(adding->view, &row);
    return 0;
}

static int add_one(adding_t *adding, const rg_set_item_t *item, rg_outcome_t *outcome)
{
    const char *reason = objection(adding, item);
    uint64_t label;
    *outcome = (rg_outcome_t){0};
    if (reason) {
        refuse(outcome, reason);
        return 0;
    }
    int made = is_made(adding, item->id, &label);
    if (made < 0) return made;
    if (adding->next && !label) {
        refuse(outcome, "it is not stored: only stored images are embedded anew");
        return 0;
    }
    outcome->fate = made ? RG__V1__FATE__DUPLICATE : RG__V1__FATE__ADDED;
    if (made) return 0;
    return adding->next ? store_made(adding, item, label) : store_image(adding, item, label);
}

// The view of the adding is complete, and whatever follows from it.
static int finish_add(rg_set_t *set, adding_t *adding)
{
    rg_state_t state = set->state;
    if (adding->view) state.generation = adding->generation;
    int err = adding->next ? rg__set_switch_if_complete(adding->txn, &state, &adding->view) : 0;
    return err ? err : rg__set_commit(set, &adding->txn, &state, &adding->view);
}

int rg_set_add(rg_set_t *set, const char *model, const rg_set_item_t *items, size_t n, rg_outcome_t *outcomes)
{
    adding_t adding = {.generation = set->state.generation + 1, .now_ms = rg_clock_wall_ms(), .set = set};
    size_t added = 0;
    int err = rg_set_find_model(set, model, &adding.model);
    if (err) return err;
    adding.next = adding.model == &set->state.next;
    adding.slot = set->state.slot ^ (uint32_t)adding.next;
    err = rg_store_write(set->store, &adding.txn);
    for (size_t i = 0; i < n && !err; i++) {
        err = add_one(&adding, &items[i], &outcomes[i]);
        added += outcomes[i].fate == RG__V1__FATE__ADDED;
    }
    if (!err && added) err = finish_add(set, &adding);
    rg_view_destroy(&adding.view);
    rg_store_abort(&adding.txn);
    return err;
}

// ---- remove

// The view without them, and how many there were.
static int delete_all(rg_store_txn_t *txn, const uint8_t *ids, size_t n, rg_view_t *view, size_t *count)
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
    rg_state_t state = set->state;
    rg_view_t *view = rg_view_next(set->view);
    size_t count = 0;
    view->generation = ++state.generation;
    int err = rg_store_write(set->store, &txn);
    if (!err) err = delete_all(txn, ids, n, view, &count);
    if (!err && count) err = rg__set_switch_if_complete(txn, &state, &view);
    if (!err && count) err = rg__set_commit(set, &txn, &state, &view);
    if (!err) *removed = count;
    rg_view_destroy(&view);
    rg_store_abort(&txn);
    return err;
}
