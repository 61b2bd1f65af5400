#include "services/retrieval/view.h"

#include "common/core/err.h"
#include "services/retrieval/snapshot.h"

enum { PROGRESS_EVERY = 256 }; // images

rg_view_t *rg_view_new(const rg_store_model_t *model, uint64_t generation)
{
    rg_view_t *view = rg_alloc(sizeof *view);
    *view = (rg_view_t){.owners = 1, .model = *model, .generation = generation};
    if (*model->name) rg_rows_init(&view->rows, model->embed_dim);
    return view;
}

rg_view_t *rg_view_copy(const rg_view_t *of)
{
    rg_view_t *view = rg_view_new(&of->model, of->generation);
    rg_rows_retain(&view->rows, &of->rows);
    if (of->index) view->index = rg_index_retain(of->index);
    if (of->alive.words) rg_bitset_copy(&view->alive, &of->alive);
    view->dead = of->dead;
    return view;
}

rg_view_t *rg_view_retain(rg_view_t *view)
{
    atomic_fetch_add(&view->owners, 1);
    return view;
}

void rg_view_destroy(rg_view_t **out)
{
    rg_view_t *view = *out;
    *out = NULL;
    if (!view || atomic_fetch_sub(&view->owners, 1) > 1) return;
    rg_rows_fini(&view->rows);
    rg_bitset_fini(&view->alive);
    rg_index_destroy(&view->index);
    free(view);
}

void rg_view_append(rg_view_t *view, const rg_image_row_t *row)
{
    rg_rows_append(&view->rows, row);
    if (view->alive.words) rg_bitset_grow(&view->alive, view->rows.count);
    if (!row->vector) rg_view_kill(view, view->rows.count - 1);
}

void rg_view_kill(rg_view_t *view, size_t row)
{
    if (!view->alive.words) rg_bitset_init(&view->alive, view->rows.count, 1);
    if (!rg_bitset_get(&view->alive, row)) return;
    rg_bitset_clear(&view->alive, row);
    view->dead++;
}

int rg_view_is_alive(const rg_view_t *view, size_t row)
{
    return !view->alive.words || rg_bitset_get(&view->alive, row);
}

ptrdiff_t rg_view_find_id(const rg_view_t *view, const uint8_t id[RG_ID_SIZE])
{
    for (size_t row = 0; row < view->rows.count; row++)
        if (rg_view_is_alive(view, row) && memcmp(rg_rows_at(&view->rows, row).id, id, RG_ID_SIZE) == 0)
            return (ptrdiff_t)row;
    return -1;
}

size_t rg_view_count(const rg_view_t *view)
{
    return view->rows.count - view->dead;
}

size_t rg_view_indexed(const rg_view_t *view)
{
    return view->index ? rg_index_count(view->index) : 0;
}

// ---- loading from the store

rg_image_row_t rg_view_row(const rg_store_image_t *image, const float *vector)
{
    return (rg_image_row_t){.label = (int64_t)image->label,
                            .added_ms = image->time_ms,
                            .generation = image->generation,
                            .annotated = image->annotated,
                            .id = image->id,
                            .name = image->name,
                            .vector = vector};
}

// Reads an image as a row; the transaction owns its vector. RG_ENOENT if the model has not embedded the
// image.
static int read_image_row(rg_store_txn_t *txn, const rg_store_image_t *image, const rg_store_model_t *model,
                          uint32_t slot, rg_image_row_t *row)
{
    rg_store_value_t embedding;
    int err =
        rg_store_derived(txn, image, slot, RG_DERIVED_EMBEDDING, rg_store_embedding_bytes(model), &embedding);
    if (err) return err;
    *row = rg_view_row(image, embedding.data);
    return 0;
}

// Appends dead rows for the labels of the snapshot from *at on that are less than `below`: these images were
// removed from the store since the snapshot was written. *at moves on.
static void append_removed(rg_view_t *view, const rg_snapshot_t *snapshot, size_t *at, int64_t below)
{
    for (; *at < snapshot->rows && snapshot->labels[*at] < below; ++*at)
        rg_view_append(view, &(rg_image_row_t){.label = snapshot->labels[*at]});
}

// Appends the image of a row. *at: the first row of the snapshot that has not been appended yet.
static int append_image(rg_view_t *view, const rg_snapshot_t *snapshot, size_t *at, const rg_image_row_t *row)
{
    append_removed(view, snapshot, at, row->label);
    if (*at < snapshot->rows && snapshot->labels[(*at)++] != row->label)
        return rg_fail(RG_EFORMAT, "the snapshot of the index lacks image %lld: it belongs to another store",
                       (long long)row->label);
    rg_view_append(view, row);
    return 0;
}

// Reads the next image as a row. RG_ENOENT after the last one, RG_EFORMAT if it is damaged. *embedded: 0 if
// the model has not embedded it.
static int read_next_row(rg_store_txn_t *txn, uint64_t from, const rg_store_model_t *model, uint32_t slot,
                         rg_store_image_t *image, rg_image_row_t *row, int *embedded)
{
    int err = rg_store_next(txn, from, image);
    if (err) return err;
    err = read_image_row(txn, image, model, slot, row);
    *embedded = err != RG_ENOENT;
    return *embedded ? err : 0;
}

// Appends all images that the model has embedded, without damaged ones. The first rows are exactly those of
// the snapshot, because the index finds rows by position.
static int read_image_rows(rg_view_t *view, rg_store_txn_t *txn, uint32_t slot, const rg_snapshot_t *snapshot,
                           rg_view_progress_t progress)
{
    rg_store_image_t image;
    rg_image_row_t row;
    uint64_t from = 0, done = 0, total = 0;
    size_t at = 0;
    int embedded = 0, err = rg_store_count(txn, &total);
    for (; !err; from = image.label + 1) {
        if (progress.step && done++ % PROGRESS_EVERY == 0) err = progress.step(progress.self, done, total);
        if (err) return err;
        err = read_next_row(txn, from, &view->model, slot, &image, &row, &embedded);
        if (err == RG_ENOENT) break;
        if (err == RG_EFORMAT && progress.damaged) progress.damaged(progress.self, image.label);
        if (!err && embedded)
            err = append_image(view, snapshot, &at, &row);
        else if (err == RG_EFORMAT)
            err = 0;
    }
    if (err == RG_ENOENT) append_removed(view, snapshot, &at, INT64_MAX);
    return err == RG_ENOENT ? 0 : err;
}

int rg_view_load(rg_view_t **out, rg_store_txn_t *txn, const rg_store_state_t *state,
                 const rg_snapshot_t *snapshot, rg_view_progress_t progress)
{
    static const rg_snapshot_t none = {0};
    if (!snapshot) snapshot = &none;
    rg_view_t *view = rg_view_new(&state->model, state->generation);
    int err = *state->model.name ? read_image_rows(view, txn, state->slot, snapshot, progress) : 0;
    if (!err && snapshot->index) view->index = rg_index_retain(snapshot->index);
    if (err)
        rg_view_destroy(&view);
    else
        *out = view;
    return err;
}
