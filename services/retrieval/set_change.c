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
    rg_rows_file_t *before = set->view->file;
    int is_renumbered = *view && (*view)->file != before;
    int err = rg_store_set_state(*txn, state);
    if (!err) err = rg__set_next_count(set, *txn, state);
    if (!err && is_renumbered) err = rg__set_record_rows(*txn, *view);
    if (!err) err = rg_store_commit(txn);
    if (err) {
        rg_view_destroy(view);
        return err;
    }
    if (state->slot != set->state.slot) atomic_fetch_add(&set->switches, 1);
    set->state = *state;
    if (is_renumbered) rg__set_use_file(before, (*view)->file);
    if (*view) rg__set_publish(set, *view);
    *view = NULL;
    rg__set_move_rows(set);
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
static int switch_models(rg_set_t *set, rg_store_txn_t *txn, rg_store_state_t *state, rg_view_t **view)
{
    int err = rg_store_clear_slot(txn, state->slot);
    state->model = state->next;
    state->next = (rg_store_model_t){0};
    state->slot ^= 1;
    state->generation++;
    if (err) return err;
    rg_view_source_t source = {.txn = txn, .state = state};
    err = rg__set_next_take(view, set, &source);
    if (err != RG_ENOENT) return err;
    source.file = rg__set_new_file(set, state->model.embed_dim);
    err = rg__set_load_view(view, set, &source);
    rg_rows_file_release(&source.file);
    return err;
}

// Switches to the next model if it has embedded every image; *view is replaced then.
static int switch_if_complete(rg_set_t *set, rg_store_txn_t *txn, rg_store_state_t *state, rg_view_t **view)
{
    uint64_t missing;
    int err = rg__set_count_missing(set, txn, state, &missing);
    if (err || missing || !*state->next.name) return err;
    err = rg__set_next_check(set, txn, state);
    if (err) return err;
    rg_view_destroy(view);
    return switch_models(set, txn, state, view);
}

// Announces the model in this transaction.
static int announce_model(rg_set_t *set, rg_store_txn_t *txn, const rg_store_model_t *model,
                          rg_store_state_t *state, rg_view_t **view)
{
    int known = is_model(&state->model, model), is_next = known ? 0 : is_model(&state->next, model);
    if (known < 0 || is_next < 0) return known < 0 ? known : is_next;
    if (is_next) return 0;
    int err = rg_store_clear_slot(txn, state->slot ^ 1);
    state->next = known ? (rg_store_model_t){0} : *model;
    return err ? err : switch_if_complete(set, txn, state, view);
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
    if (!err) err = announce_model(set, txn, model, &state, &view);
    if (!err) err = rg__set_count_missing(set, txn, &state, missing);
    if (!err)
        err = commit_change(set, &txn, &state, &view);
    else
        rg_view_destroy(&view);
    rg_store_abort(&txn);
    return err;
}

// ---- tombstones
//
// A link sends a request again when a connection breaks, and the first copy may arrive late: an encoder was
// suspended, and meanwhile another one has added the image, and a user has removed it. The late copy must not
// bring the image back. So a removal leaves a tombstone: the id, and when the client asked for the removal.
// An addition that was asked for before that is refused. Times are the clients', not those of arrival,
// because how long a request was held is known to nobody but its sender. They are in microseconds, so that a
// client can add an image right after it has removed it.
//
// A late copy of a removal must not undo a later addition either. So the store keeps when the last addition of
// a stored image was asked for, also when that found it stored already and was acknowledged as a duplicate. A
// removal that was asked for before leaves the image where it is. At the same time, the removal counts.
//
// A removal leaves a tombstone for an image that is not stored, too: its addition may be on the way, from a
// client that was killed, and must not undo the removal.
//
// A tombstone is kept for TOMBSTONE_US. Additions that were asked for longer ago are refused without one, so
// a tombstone is not missed when it is gone: nothing has to be assumed about how late a request can be. A
// sweep deletes old tombstones when their number has doubled since the last sweep; so removals pay for it. The
// time of an addition is kept as long as its image. A request from the future, of a client whose clock is wrong,
// counts as one from CLOCK_ERROR_US ahead at most.
//
// Removals of any number of ids, stored or not, must not fill the store. So there is at most one tombstone
// per TOMBSTONE_SHARE bytes of the store's largest size. If there are more, the older half is forgotten, and
// the store remembers the time of the newest of these: additions that were asked for until then are refused
// as if they had a tombstone. Only additions that are on the way during such a flood meet this refusal.
enum { TOMBSTONES_MIN = 1024, TOMBSTONE_SHARE = 16 << 10 };
static const uint64_t TOMBSTONE_US = 7 * 86400 * 1000000ull, CLOCK_ERROR_US = 3600 * 1000000ull;

// The time that counts for a request.
static uint64_t request_time(uint64_t asked_us, uint64_t now_us)
{
    const uint64_t last_us = now_us + CLOCK_ERROR_US;
    return !asked_us ? now_us : asked_us < last_us ? asked_us : last_us;
}

static int forget_older_half(rg_set_t *set, rg_store_txn_t *txn, uint64_t now_us)
{
    uint64_t until_us;
    int err = rg_store_median_tombstone(txn, &until_us);
    if (!err) err = rg_store_drop_tombstones(txn, until_us, &set->tombstones_swept);
    return err ? err : rg_store_set_forgotten(txn, until_us < now_us ? until_us : now_us);
}

static int sweep_tombstones(rg_set_t *set, rg_store_txn_t *txn, uint64_t now_us)
{
    const uint64_t most = set->map_bytes / TOMBSTONE_SHARE;
    rg_store_entries_t entries;
    int err = rg_store_entries(txn, &entries);
    if (err ||
        (entries.tombstones < 2 * set->tombstones_swept + TOMBSTONES_MIN && entries.tombstones <= most))
        return err;
    err = rg_store_drop_tombstones(txn, now_us - TOMBSTONE_US, &set->tombstones_swept);
    return !err && set->tombstones_swept > most ? forget_older_half(set, txn, now_us) : err;
}

// The later one of two removals counts.
static int put_tombstone(rg_store_txn_t *txn, const uint8_t *id, uint64_t asked_us)
{
    uint64_t before_us = 0;
    int err = rg_store_tombstone(txn, id, &before_us);
    if (err && err != RG_ENOENT) return err;
    return rg_store_put_tombstone(txn, id, asked_us > before_us ? asked_us : before_us);
}

// ---- add

// A batch of additions.
typedef struct {
    rg_store_txn_t *txn;
    const rg_store_model_t *model; // that made the embeddings
    uint32_t slot;                 // of that model
    int next;                      // that model is the next one
    uint64_t generation;           // in which searches find what is added
    uint64_t now_us;
    uint64_t forgotten_us; // what was asked for until then is refused
    rg_view_t *view;       // to be published; NULL as long as nothing has changed
    rg_set_t *set;
    int has_changed; // what is stored
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

// Returns 1 if the image is stored, sound, and the model has embedded it, 0 if not, or an error. *label: of
// the image; 0 if it is not stored.
static int is_embedded(const adding_t *adding, const uint8_t *id, uint64_t *label)
{
    rg_store_image_t image;
    *label = 0;
    int err = rg_store_find(adding->txn, id, label);
    if (err) return err == RG_ENOENT ? 0 : err;
    err = rg_store_image(adding->txn, *label, &image);
    if (err == RG_ENOENT) *label = 0;
    if (!err) err = rg_store_check_image(adding->txn, &image, adding->slot, adding->model);
    return err == RG_ENOENT || err == RG_EFORMAT ? 0 : err ? err : 1;
}

static int store_derived(const adding_t *adding, const rg_set_item_t *item, uint64_t label)
{
    const rg_store_value_t values[RG_DERIVED_KINDS] = {
        {item->embedding, rg_store_embedding_bytes(adding->model)},
        {item->features, rg_store_features_bytes(adding->model)}};
    return rg_store_put_derived(adding->txn, label, adding->slot, values);
}

// The view that will be published with the batch.
static rg_view_t *changed_view(adding_t *adding)
{
    if (adding->view) return adding->view;
    adding->view = rg_view_copy(adding->set->view);
    adding->view->generation = adding->generation;
    return adding->view;
}

// Deletes an image that is stored without an embedding, or damaged.
static int delete_old(adding_t *adding, uint64_t label)
{
    int err = rg_store_delete(adding->txn, label);
    if (!err) err = rg__set_drop_row(adding->set, changed_view(adding), adding->txn, label);
    rg__set_forget_damaged(adding->set, label);
    return err;
}

// old: label of the image that this one replaces, or 0. The image gets a new label, because the label of a
// new row must be larger than all labels before.
static int add_image(adding_t *adding, const rg_set_item_t *item, uint64_t old)
{
    rg_store_image_t image = {
        .generation = adding->generation, .time_ms = adding->now_us / 1000, .annotated = item->annotated};
    memcpy(image.id, item->id, sizeof image.id);
    rg_text_name(item->name, image.name);
    int err = old ? delete_old(adding, old) : 0;
    if (!err) err = rg_store_put(adding->txn, &image, item->thumbnail);
    if (!err) err = store_derived(adding, item, image.label);
    if (err) return err;
    const rg_image_row_t row = rg_view_row(&image, item->embedding);
    rg_view_append(changed_view(adding), &row);
    return 0;
}

// Finds why an item that is not stored is refused; *reason stays NULL if it is not.
static int find_refusal(const adding_t *adding, const rg_set_item_t *item, uint64_t label,
                        const char **reason)
{
    uint64_t removed_us = 0;
    if (adding->next) {
        if (!label) *reason = "it is not stored: the next model accepts only images that are stored already";
        return 0;
    }
    if (!item->asked_us) return 0;
    if (item->asked_us < adding->now_us - TOMBSTONE_US)
        *reason =
            "the request was made more than seven days ago: add it again, or set the clock of the client";
    else if (item->asked_us <= adding->forgotten_us)
        *reason =
            "the request was made before so many removals that not all of them are remembered: add it again";
    int err = rg_store_tombstone(adding->txn, item->id, &removed_us);
    if (!err && item->asked_us <= removed_us)
        *reason =
            "it was removed after the request was made: add it again; if that is refused, set the clocks of "
            "the machines that add and remove";
    return err == RG_ENOENT ? 0 : err;
}

// Adds an image of the current model unless it is stored and sound. label: of the stored image, or 0. The last
// one of several additions counts, also if the image is damaged and replaced.
static int add_or_keep(adding_t *adding, const rg_set_item_t *item, int is_sound, uint64_t label)
{
    uint64_t asked_us = request_time(item->asked_us, adding->now_us), before_us = 0;
    int err = label ? rg_store_asked(adding->txn, item->id, &before_us) : 0;
    if (!err && !is_sound) err = add_image(adding, item, label);
    if (asked_us < before_us) asked_us = before_us;
    if (err || (is_sound && asked_us == before_us)) return err;
    adding->has_changed = 1;
    return rg_store_set_asked(adding->txn, item->id, asked_us);
}

static int add_set_item(adding_t *adding, const rg_set_item_t *item, rg_set_outcome_t *outcome)
{
    const char *reason = item_problem(adding, item);
    uint64_t label = 0;
    int embedded = reason ? 0 : is_embedded(adding, item->id, &label), err = 0;
    *outcome = (rg_set_outcome_t){0};
    if (embedded == RG_EFORMAT)
        reason = rg_error();
    else if (embedded < 0)
        return embedded;
    if (!reason && !embedded) err = find_refusal(adding, item, label, &reason);
    if (err) return err;
    if (reason) {
        refuse_item(outcome, reason);
        return 0;
    }
    outcome->fate = embedded ? RG__V1__FATE__DUPLICATE : RG__V1__FATE__ADDED;
    if (!adding->next) return add_or_keep(adding, item, embedded, label);
    adding->has_changed |= !embedded;
    return embedded ? 0 : store_derived(adding, item, label);
}

// For a client that sends an image only if it is not stored.
static int keep_item(adding_t *adding, const rg_set_item_t *item, rg_set_outcome_t *outcome)
{
    uint64_t label;
    int is_sound = is_embedded(adding, item->id, &label);
    if (is_sound == RG_EFORMAT) is_sound = 0;
    if (is_sound < 0) return is_sound;
    *outcome = (rg_set_outcome_t){.fate = is_sound ? RG__V1__FATE__DUPLICATE : RG__V1__FATE__REFUSED};
    return is_sound ? add_or_keep(adding, item, 1, label) : 0;
}

// Commits the batch; switches models if the next one is complete now.
static int finish_batch(rg_set_t *set, adding_t *adding)
{
    rg_store_state_t state = set->state;
    if (adding->view) state.generation = adding->generation;
    int err = adding->next ? switch_if_complete(set, adding->txn, &state, &adding->view) : 0;
    return err ? err : commit_change(set, &adding->txn, &state, &adding->view);
}

int rg_set_add(rg_set_t *set, const char *model, const rg_set_item_t *items, size_t n,
               rg_set_outcome_t *outcomes)
{
    adding_t adding = {.generation = set->state.generation + 1, .now_us = rg_clock_wall_us(), .set = set};
    int err = 0;
    adding.model = &set->state.model;
    if (model) err = rg_set_find_model(set, model, &adding.model);
    if (err) return err;
    adding.next = adding.model == &set->state.next;
    adding.slot = set->state.slot ^ (uint32_t)adding.next;
    err = rg_store_begin_write(set->store, &adding.txn);
    if (!err) err = rg_store_forgotten(adding.txn, &adding.forgotten_us);
    for (size_t i = 0; i < n && !err; i++) {
        err = model ? add_set_item(&adding, &items[i], &outcomes[i])
                    : keep_item(&adding, &items[i], &outcomes[i]);
        rg_give_way(&set->courtesy);
    }
    if (!err && adding.has_changed) err = finish_batch(set, &adding);
    rg_view_destroy(&adding.view);
    rg_store_abort(&adding.txn);
    return err;
}

// ---- remove

// A removal.
typedef struct {
    rg_set_t *set;
    rg_store_txn_t *txn;
    rg_view_t *view;   // to be published
    uint64_t asked_us; // for the tombstones
    rg_set_removal_t done;
} removing_t;

// Deletes an image from the store and kills its row in the view.
static int delete_image(removing_t *removing, uint64_t label)
{
    int err = rg_store_delete(removing->txn, label);
    if (!err) err = rg__set_drop_row(removing->set, removing->view, removing->txn, label);
    if (err) return err;
    rg__set_forget_damaged(removing->set, label);
    removing->done.removed++;
    return 0;
}

static int remove_id(removing_t *removing, const uint8_t *id)
{
    uint64_t label, added_us;
    int err = put_tombstone(removing->txn, id, removing->asked_us);
    if (!err) err = rg_store_find(removing->txn, id, &label);
    if (!err) err = rg_store_asked(removing->txn, id, &added_us);
    if (!err && added_us <= removing->asked_us)
        err = delete_image(removing, label);
    else if (!err)
        removing->done.newer++;
    return err == RG_ENOENT ? 0 : err;
}

// Searches find the same as before if no image was stored.
static int finish_removal(removing_t *removing, uint64_t now_us)
{
    rg_set_t *set = removing->set;
    rg_store_state_t state = set->state;
    int err = sweep_tombstones(set, removing->txn, now_us);
    if (removing->done.removed)
        removing->view->generation = ++state.generation;
    else
        rg_view_destroy(&removing->view);
    if (!err && removing->done.removed) err = switch_if_complete(set, removing->txn, &state, &removing->view);
    return err ? err : commit_change(set, &removing->txn, &state, &removing->view);
}

int rg_set_remove(rg_set_t *set, const uint8_t *ids, size_t n, uint64_t asked_us, rg_set_removal_t *removal)
{
    const uint64_t now_us = rg_clock_wall_us();
    removing_t removing = {
        .set = set, .view = rg_view_copy(set->view), .asked_us = request_time(asked_us, now_us)};
    int err = rg_store_begin_write(set->store, &removing.txn);
    for (size_t i = 0; i < n && !err; i++) {
        err = remove_id(&removing, ids + i * RG_ID_SIZE);
        rg_give_way(&set->courtesy);
    }
    if (!err) err = finish_removal(&removing, now_us);
    if (!err) *removal = removing.done;
    rg_view_destroy(&removing.view);
    rg_store_abort(&removing.txn);
    return err;
}
