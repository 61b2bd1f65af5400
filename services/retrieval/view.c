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
    view->file = rg_rows_file_retain(of->file);
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
    rg_rows_file_release(&view->file);
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

size_t rg_view_count(const rg_view_t *view)
{
    return view->rows.count - view->dead;
}

size_t rg_view_indexed(const rg_view_t *view)
{
    return view->index ? rg_index_count(view->index) : 0;
}

// ---- loading from the store
//
//   rows of the file                           mapped; those of removed images are dead
//   rows behind them that the snapshot covers  read from the store; its labels say which images they are
//   rows behind these                          read from the store

rg_image_row_t rg_view_row(const rg_store_image_t *image, const float *vector)
{
    return (rg_image_row_t){.label = (int64_t)image->label,
                            .added_ms = image->time_ms,
                            .annotated = image->annotated,
                            .vector = vector};
}

// A view while it is loaded.
typedef struct {
    const rg_view_source_t *source;
    rg_view_t *view;
    const rg_snapshot_t *snapshot; // never NULL
    uint64_t done, total;          // images looked at, and stored
    uint64_t embedded;             // images that the model has embedded
    uint64_t damaged;              // of these, how many were left out
} loading_t;

static int64_t last_label(const rg_view_t *view)
{
    return view->rows.count ? rg_rows_at(&view->rows, view->rows.count - 1).label : -1;
}

static void kill_removed(void *self, uint64_t label)
{
    loading_t *loading = self;
    ptrdiff_t row = rg_rows_find(&loading->view->rows, (int64_t)label);
    if (row >= 0) rg_view_kill(loading->view, (size_t)row);
}

static int fail_snapshot(int64_t label)
{
    return rg_fail(RG_EFORMAT, "the snapshot of the index lacks image %lld: it belongs to another store",
                   (long long)label);
}

// Maps the rows of the file. The labels of the snapshot have to be theirs.
static int load_file_rows(loading_t *loading)
{
    const rg_snapshot_t *snapshot = loading->snapshot;
    rg_view_t *view = loading->view;
    rg_rows_fini(&view->rows);
    rg_rows_file_map(view->file, &view->rows);
    if (snapshot->in_file > view->rows.count ||
        (snapshot->in_file && snapshot->file_number != rg_rows_file_number(view->file)))
        return rg_fail(RG_EFORMAT, "the snapshot of the index belongs to other rows");
    for (size_t row = snapshot->in_file; row < view->rows.count && row < snapshot->rows; row++) {
        int64_t label = rg_rows_at(&view->rows, row).label;
        if (label != snapshot->labels[row - snapshot->in_file]) return fail_snapshot(label);
    }
    loading->done = view->rows.count;
    return rg_store_list_removed(loading->source->txn, kill_removed, loading);
}

// Appends a row. A chunk that is full then moves to the file, unless it may have dead rows, which the set has
// to list first. If the file cannot take the chunk, it stays in memory.
static int append_row(loading_t *loading, const rg_image_row_t *row)
{
    rg_view_t *view = loading->view;
    rg_view_append(view, row);
    if (!view->file || loading->snapshot->rows || view->rows.count % view->rows.chunk_rows) return 0;
    int err = rg_rows_file_take(view->file, &view->rows);
    return err == RG_EFULL ? 0 : err;
}

// Appends dead rows for the labels of the snapshot, behind the present rows, that are less than `below`: these
// images were removed from the store since the snapshot was written.
static int append_removed(loading_t *loading, int64_t below)
{
    const rg_snapshot_t *snapshot = loading->snapshot;
    int err = 0;
    for (size_t at; (at = loading->view->rows.count) < snapshot->rows && !err;) {
        const int64_t label = snapshot->labels[at - snapshot->in_file];
        if (label >= below) break;
        err = append_row(loading, &(rg_image_row_t){.label = label});
    }
    return err;
}

static int append_image(loading_t *loading, const rg_image_row_t *row)
{
    const rg_snapshot_t *snapshot = loading->snapshot;
    int err = append_removed(loading, row->label);
    const size_t at = loading->view->rows.count;
    if (!err && at < snapshot->rows && snapshot->labels[at - snapshot->in_file] != row->label)
        err = fail_snapshot(row->label);
    return err ? err : append_row(loading, row);
}

// Reads the embedding of an image. RG_ENOENT if the model has not embedded it.
static int load_embedding(const loading_t *loading, const rg_store_image_t *image, rg_store_value_t *value)
{
    const rg_view_source_t *source = loading->source;
    return rg_store_derived(source->txn, image, source->state->slot, RG_DERIVED_EMBEDDING,
                            rg_store_embedding_bytes(&source->state->model), value);
}

// Appends the next image, unless the model has not embedded it, or it is damaged. RG_ENOENT after the last
// one.
static int load_next_image(loading_t *loading, uint64_t from, rg_store_image_t *image)
{
    const rg_view_progress_t *progress = &loading->source->progress;
    rg_store_value_t embedding;
    int err = rg_store_next(loading->source->txn, from, image);
    if (err == RG_ENOENT) return err;
    if (!err && (err = load_embedding(loading, image, &embedding)) == RG_ENOENT) return 0;
    if (err == RG_EFORMAT) {
        loading->damaged++;
        if (progress->damaged) progress->damaged(progress->self, image->label);
        return 0;
    }
    const rg_image_row_t row = rg_view_row(image, embedding.data);
    return err ? err : append_image(loading, &row);
}

static int load_images(loading_t *loading)
{
    const rg_view_progress_t *progress = &loading->source->progress;
    rg_store_image_t image;
    int err = 0;
    for (uint64_t from = (uint64_t)(last_label(loading->view) + 1); !err; from = image.label + 1) {
        if (progress->step && loading->done++ % PROGRESS_EVERY == 0)
            err = progress->step(progress->self, loading->done, loading->total);
        if (!err) err = load_next_image(loading, from, &image);
    }
    if (err != RG_ENOENT) return err;
    return append_removed(loading, INT64_MAX);
}

// An image that was added or removed while another program, or an older version of this one, had the store,
// or an older copy of the store, shows itself by the number of rows.
static int compare_counts(const loading_t *loading)
{
    if (rg_view_count(loading->view) + loading->damaged == loading->embedded) return 0;
    return rg_fail(RG_EFORMAT, "the file of rows has other images than the store");
}

static int load_rows(loading_t *loading)
{
    const rg_view_source_t *source = loading->source;
    int has_file = source->file && rg_rows_file_count(source->file) > 0;
    int err = rg_store_count(source->txn, &loading->total);
    if (!err) err = rg_store_embedded(source->txn, source->state->slot, &loading->embedded);
    if (!err && has_file) err = load_file_rows(loading);
    if (!err) err = load_images(loading);
    return err || !has_file ? err : compare_counts(loading);
}

int rg_view_load(rg_view_t **out, const rg_view_source_t *source)
{
    static const rg_snapshot_t none = {0};
    loading_t loading = {.source = source, .snapshot = source->snapshot ? source->snapshot : &none};
    rg_view_t *view = loading.view = rg_view_new(&source->state->model, source->state->generation);
    view->file = rg_rows_file_retain(source->file);
    int err = *source->state->model.name ? load_rows(&loading) : 0;
    if (!err && loading.snapshot->index) view->index = rg_index_retain(loading.snapshot->index);
    if (err)
        rg_view_destroy(&view);
    else
        *out = view;
    return err;
}

int rg_view_extend(rg_view_t *view, const rg_view_source_t *source, size_t limit, size_t *added)
{
    static const rg_snapshot_t none = {0};
    loading_t loading = {.source = source, .view = view, .snapshot = &none};
    rg_store_image_t image;
    rg_store_value_t embedding;
    int err = 0;
    *added = 0;
    for (uint64_t from = (uint64_t)(last_label(view) + 1); *added < limit && !err; from = image.label + 1) {
        err = rg_store_next(source->txn, from, &image);
        if (err == RG_EFORMAT) {
            err = 0;
            continue;
        }
        if (!err) err = load_embedding(&loading, &image, &embedding);
        if (err == RG_ENOENT || err == RG_EFORMAT) return 0;
        const rg_image_row_t row = rg_view_row(&image, embedding.data);
        if (!err) err = append_row(&loading, &row);
        *added += !err;
    }
    return err;
}
