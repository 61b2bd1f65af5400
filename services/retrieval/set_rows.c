// Where the rows of the set lie: full chunks in the file of rows, the others in memory.
//
//   the store says           number of the file; labels of removed images whose rows it holds
//   the file holds           rows 0 .. n-1 of the view, dead ones included
//   memory holds             rows n .. ; after a start they are read from the store
//
// Every numbering of rows has a file of its own: a build that leaves out dead rows, another model. The file
// becomes that of the set in the transaction that names it; before that, it does not outlive its views. If a
// process is killed between, the next start removes it.
//
// A dead row may move to the file. It is listed as removed first: a start without its entry would take it for
// an image of the store, notice the wrong number, and read all rows again.
#include "services/retrieval/set_private.h"

#include "common/core/err.h"

rg_rows_file_t *rg__set_new_file(rg_set_t *set, uint32_t dim)
{
    if (rg_store_read_only(set->store)) return NULL;
    return rg_rows_file_new(set->path, atomic_fetch_add(&set->last_file, 1) + 1, dim);
}

int rg__set_open_file(rg_set_t *set, rg_store_txn_t *txn, rg_rows_file_t **file)
{
    uint64_t number;
    const uint32_t dim = set->state.model.embed_dim;
    int err = rg_store_rows_file(txn, &number);
    if (err) return err;
    atomic_store(&set->last_file, number);
    if (!rg_store_read_only(set->store)) rg_rows_file_remove_others(set->path, number);
    *file = NULL;
    if (!*set->state.model.name) return 0;
    if (number) err = rg_rows_file_open(file, set->path, number, dim);
    if (!err && *file && rg_store_read_only(set->store))
        err = rg_rows_file_check(*file); // none can replace it
    if (err && err != RG_ENOENT) rg_log(RG_LOG_WARN, "rows-not-used", "reason=\"%s\"", rg_error());
    if (err) rg_rows_file_release(file);
    if (!*file) *file = rg__set_new_file(set, dim);
    return 0;
}

// Lists dead rows from..to-1 of images that are not stored any more.
static int list_dead_rows(rg_store_txn_t *txn, const rg_view_t *view, size_t from, size_t to)
{
    rg_store_image_t image;
    int err = 0;
    for (size_t row = from; row < to && !err; row++) {
        if (rg_view_is_alive(view, row)) continue;
        uint64_t label = (uint64_t)rg_rows_at(&view->rows, row).label;
        if (rg_store_image(txn, label, &image) == RG_ENOENT) err = rg_store_put_removed(txn, label);
    }
    return err;
}

int rg__set_record_rows(rg_store_txn_t *txn, const rg_view_t *view)
{
    const size_t n = rg_rows_file_count(view->file);
    int err = rg_store_set_rows_file(txn, view->file ? rg_rows_file_number(view->file) : 0);
    if (!err && view->dead) err = list_dead_rows(txn, view, 0, n);
    return err;
}

void rg__set_use_file(rg_rows_file_t *before, rg_rows_file_t *now)
{
    if (before) rg_rows_file_set_stays(before, 0);
    if (now) rg_rows_file_set_stays(now, 1);
}

int rg__set_drop_row(rg_set_t *set, rg_view_t *view, rg_store_txn_t *txn, uint64_t label)
{
    ptrdiff_t row = rg_rows_find(&view->rows, (int64_t)label);
    rg__set_next_note_removed(set, label);
    if (row < 0) return 0;
    rg_view_kill(view, (size_t)row);
    return (size_t)row < rg_rows_file_count(view->file) ? rg_store_put_removed(txn, label) : 0;
}

// Writes to the store what it has to know before rows up to `end` move.
static int prepare_move(rg_set_t *set, const rg_view_t *view, size_t end)
{
    const size_t in_file = rg_rows_file_count(view->file);
    rg_store_txn_t *txn = NULL;
    int is_new = !rg_rows_file_stays(view->file);
    if (!is_new && !view->dead) return 0;
    int err = rg_store_begin_write(set->store, &txn);
    if (!err && is_new) err = rg__set_record_rows(txn, view);
    if (!err && view->dead) err = list_dead_rows(txn, view, in_file, end);
    if (!err) err = rg_store_commit(&txn);
    rg_store_abort(&txn);
    if (!err) rg__set_use_file(NULL, view->file);
    return err;
}

void rg__set_move_rows(rg_set_t *set)
{
    const rg_view_t *now = set->view;
    const size_t full = now->file ? now->rows.count / now->rows.chunk_rows * now->rows.chunk_rows : 0;
    if (!full || !rg_store_is_writable(set->store)) return;
    if (rg_rows_file_stays(now->file) && rg_rows_file_count(now->file) >= full) return;
    rg_view_t *view = rg_view_copy(now);
    int err = prepare_move(set, view, full);
    if (!err) err = rg_rows_file_take(view->file, &view->rows);
    if (err && !set->is_move_failed) rg_log(RG_LOG_WARN, "rows-stay-in-memory", "error=\"%s\"", rg_error());
    set->is_move_failed = err != 0;
    rg__set_publish(set, view);
}
