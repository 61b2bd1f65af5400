// The view of the next model, which is made while the images are embedded again, so that the switch is short.
//
//   builder   rg_set_prepare   appends rows for the images in the order of their labels, up to the first one that the
//                              next model has not embedded, and builds an index over them
//   writer    the switch       takes the view, kills the rows of images that were removed since their rows were read,
//                              and appends what is left
//
// If much is left when the last image is embedded, the writer refuses that addition as busy: its client sends it
// again, until the builder is so far. If the builder cannot make the view, or what it made does not fit the store,
// the writer reads all embeddings.
#include "common/core/err.h"
#include "services/retrieval/set_private.h"

// Images that the builder reads in one transaction; that are worth a job; that the writer may read.
enum { PIECE = 2048, WORTH = 4096, LEFT_MAX = 16384 };

void rg__set_next_init(rg_set_t *set)
{
    pthread_mutex_init(&set->next.lock, NULL);
}

void rg__set_next_fini(rg_set_t *set)
{
    rg_view_destroy(&set->next.view);
    pthread_mutex_destroy(&set->next.lock);
    free(set->next.removed);
}

void rg__set_next_note_removed(rg_set_t *set, uint64_t label)
{
    rg__next_t *next = &set->next;
    if (!*set->state.next.name) return;
    if (next->n_removed == next->removed_capacity) {
        next->removed_capacity = 2 * next->removed_capacity + 64;
        next->removed = rg_realloc(next->removed, next->removed_capacity * sizeof *next->removed);
    }
    next->removed[next->n_removed++] = label;
}

// ---- the builder

static int is_of_model(const rg_view_t *view, const rg_store_model_t *model)
{
    return view && strcmp(view->model.name, model->name) == 0;
}

static rg_view_t *new_view(rg_set_t *set, const rg_store_model_t *model)
{
    rg_view_t *view = rg_view_new(model, 0);
    view->file = rg__set_new_file(set, model->embed_dim);
    return view;
}

// Appends the next rows. Writes their number.
static int extend_next(rg_set_t *set, size_t *added)
{
    rg__next_t *next = &set->next;
    rg_store_state_t state;
    rg_view_source_t source = {.state = &state};
    *added = 0;
    int err = rg_store_begin_read(set->store, &source.txn);
    if (!err) err = rg_store_state(source.txn, &state);
    pthread_mutex_lock(&next->lock);
    if (!err && !is_of_model(next->view, &state.next)) rg_view_destroy(&next->view);
    if (!err && *state.next.name) {
        if (!next->view) next->view = new_view(set, &state.next);
        state.model = state.next;
        state.slot ^= 1;
        err = rg_view_extend(next->view, &source, PIECE, added);
    }
    pthread_mutex_unlock(&next->lock);
    rg_store_abort(&source.txn);
    return err;
}

// Builds an index over the rows so far; they are shared with a copy, so that the lock is free meanwhile.
static int index_next(rg_set_t *set, rg_work_t *work)
{
    rg__next_t *next = &set->next;
    pthread_mutex_lock(&next->lock);
    rg_view_t *copy = next->view ? rg_view_copy(next->view) : NULL;
    pthread_mutex_unlock(&next->lock);
    if (!copy) return 0;
    const size_t rows = copy->rows.count;
    int err = 0;
    if (rg_index_is_due(set->factory, rows, rg_view_indexed(copy))) err = rg__set_index_rows(set, copy, work);
    pthread_mutex_lock(&next->lock);
    const int is_same = is_of_model(next->view, &copy->model) && next->view->file == copy->file;
    if (!err && is_same && copy->index) {
        rg_index_destroy(&next->view->index);
        next->view->index = rg_index_retain(copy->index);
    }
    pthread_mutex_unlock(&next->lock);
    rg_view_destroy(&copy);
    return err;
}

int rg_set_prepare(rg_set_t *set, rg_work_t *work)
{
    size_t added = 1, all = 0;
    int err = 0;
    while (!err && added) {
        err =
            rg_work_step(work, "reading the next model's embeddings", all, atomic_load(&set->next.embedded));
        if (!err) err = extend_next(set, &added);
        all += added;
    }
    if (!err) err = index_next(set, work);
    atomic_store(&set->next.is_wanted, 0);
    atomic_store(&set->next.seen, atomic_load(&set->next.embedded));
    if (err && err != RG_ESTOPPED) atomic_store(&set->next.has_failed, 1);
    return err;
}

int rg_set_is_prepare_due(rg_set_t *set)
{
    rg__next_t *next = &set->next;
    if (atomic_load(&next->has_failed)) return 0;
    return atomic_load(&next->is_wanted) || atomic_load(&next->embedded) >= atomic_load(&next->seen) + WORTH;
}

// ---- the writer

int rg__set_next_count(rg_set_t *set, rg_store_txn_t *txn, const rg_store_state_t *state)
{
    uint64_t embedded = 0;
    int err = *state->next.name ? rg_store_embedded(txn, state->slot ^ 1, &embedded) : 0;
    if (!err && embedded < atomic_load(&set->next.embedded)) { // another model
        atomic_store(&set->next.seen, 0);
        atomic_store(&set->next.has_failed, 0);
        set->next.n_removed = 0;
    }
    if (!err) atomic_store(&set->next.embedded, (size_t)embedded);
    return err;
}

// Returns 1 if the view of the next model lacks so little that the writer can add it.
static int is_prepared(rg_set_t *set, const rg_store_model_t *model, uint64_t embedded)
{
    rg__next_t *next = &set->next;
    if (embedded <= LEFT_MAX) return 1;
    pthread_mutex_lock(&next->lock);
    const rg_view_t *view = is_of_model(next->view, model) ? next->view : NULL;
    const size_t rows = view ? view->rows.count : 0, indexed = view ? rg_view_indexed(view) : 0;
    pthread_mutex_unlock(&next->lock);
    return rows + LEFT_MAX >= embedded &&
           (rg_index_is_exact(set->factory, rows) || indexed + 2 * (size_t)LEFT_MAX >= rows);
}

int rg__set_next_check(rg_set_t *set, rg_store_txn_t *txn, const rg_store_state_t *state)
{
    uint64_t embedded;
    int err = rg_store_embedded(txn, state->slot ^ 1, &embedded);
    if (err || atomic_load(&set->next.has_failed) || is_prepared(set, &state->next, embedded)) return err;
    atomic_store(&set->next.is_wanted, 1);
    return rg_fail(RG_EBUSY, "the rows of model %.80s are still being read: try again", state->next.name);
}

// Kills the rows of images that are not stored any more.
static void kill_removed(rg_set_t *set, rg_view_t *view, rg_store_txn_t *txn)
{
    rg_store_image_t image;
    for (size_t i = 0; i < set->next.n_removed; i++) {
        const uint64_t label = set->next.removed[i];
        const ptrdiff_t row = rg_rows_find(&view->rows, (int64_t)label);
        if (row >= 0 && rg_store_image(txn, label, &image) == RG_ENOENT) rg_view_kill(view, (size_t)row);
    }
}

int rg__set_next_take(rg_view_t **out, rg_set_t *set, const rg_view_source_t *source)
{
    rg__next_t *next = &set->next;
    uint64_t embedded;
    size_t added;
    pthread_mutex_lock(&next->lock);
    rg_view_t *view = next->view;
    next->view = NULL;
    pthread_mutex_unlock(&next->lock);
    if (!is_of_model(view, &source->state->model)) {
        rg_view_destroy(&view);
        return RG_ENOENT;
    }
    view->generation = source->state->generation;
    int err = rg_store_embedded(source->txn, source->state->slot, &embedded);
    if (!err) err = rg_view_extend(view, source, SIZE_MAX, &added);
    if (!err) kill_removed(set, view, source->txn);
    if (!err && rg_view_count(view) != embedded) err = RG_ENOENT; // damaged images, for example
    if (err)
        rg_view_destroy(&view);
    else
        *out = view;
    return err;
}
