#include "common/core/err.h"
#include "services/retrieval/set_private.h"

// A build is due when the rows without index are this many and a quarter of those with, and when the dead are
// this many and a tenth of the living.
enum { TAIL_MIN = 4096, TAIL_SHARE = 4, DEAD_MIN = 1024, DEAD_SHARE = 10 };

struct rg_build {
    rg_view_t *view;   // what was built
    int64_t last;      // label of the last row it looked at
    unsigned switches; // of the set before it looked
    int shares_rows;   // with the view it was built from: the first of them, dead ones and all
};

static int64_t last_label(const rg_view_t *view)
{
    return view->rows.count ? rg_rows_at(&view->rows, view->rows.count - 1).label : -1;
}

int rg_set_is_due(rg_set_t *set)
{
    rg_view_t *view = rg__set_view(set);
    size_t rows = view->rows.count, indexed = rg_view_indexed(view), alive = rg_view_count(view);
    int due = view->dead >= DEAD_MIN && view->dead >= alive / DEAD_SHARE;
    if (!rg_index_is_exact(set->factory) && rows >= 2 * atomic_load(&set->untrainable))
        due |= rows - indexed >= TAIL_MIN && rows - indexed >= indexed / TAIL_SHARE;
    rg_view_destroy(&view);
    return due;
}

static rg_view_t *without_dead(const rg_view_t *view)
{
    rg_view_t *made = rg_view_new(&view->model, view->generation);
    for (size_t i = 0; i < view->rows.count; i++) {
        rg_row_t row = rg_rows_at(&view->rows, i);
        if (rg_view_is_alive(view, i)) rg_view_append(made, &row);
    }
    return made;
}

// Its rows, to be indexed.
static int begin_build(rg_set_t *set, int from_store, rg_build_t *build)
{
    rg_look_t look;
    rg_state_t state;
    build->switches = atomic_load(&set->switches);
    int err = rg_set_look(set, &look);
    if (err) return err;
    build->last = last_label(look.view);
    if (from_store) {
        err = rg_store_state(look.txn, &state);
        if (!err) err = rg__view_of_store(&build->view, look.txn, &state, &(rg_snapshot_t){0});
    } else if (look.view->dead) {
        build->view = without_dead(look.view);
    } else {
        build->view = rg_view_next(look.view);
        build->shares_rows = 1;
    }
    rg_look_end(&look);
    return err;
}

// Too few rows to train an index are no failure: they are searched exactly until there are twice as many.
static int index_rows(rg_set_t *set, rg_view_t *view, const atomic_int *stop)
{
    rg_index_destroy(&view->index);
    if (rg_index_is_exact(set->factory) || !view->rows.count) return 0;
    int err = rg_index_build(&view->index, set->factory, &view->rows, stop);
    if (err == RG_ELIMIT) atomic_store(&set->untrainable, view->rows.count);
    return err == RG_ELIMIT ? 0 : err;
}

int rg_set_build(rg_set_t *set, int from_store, const atomic_int *stop, rg_build_t **out)
{
    rg_build_t *build = rg_alloc(sizeof *build);
    int err = begin_build(set, from_store, build);
    if (!err) err = index_rows(set, build->view, stop);
    if (err)
        rg_build_destroy(&build);
    else
        *out = build;
    return err;
}

void rg_build_destroy(rg_build_t **build)
{
    if (!*build) return;
    rg_view_destroy(&(*build)->view);
    free(*build);
    *build = NULL;
}

// Kills what died since, and appends what came since.
static void catch_up(rg_view_t *built, const rg_view_t *now, int64_t last)
{
    for (size_t i = 0; i < built->rows.count; i++) {
        ptrdiff_t row = rg_rows_find(&now->rows, rg_rows_at(&built->rows, i).label);
        if (row < 0 || !rg_view_is_alive(now, (size_t)row)) rg_view_kill(built, i);
    }
    for (size_t i = 0; i < now->rows.count; i++) {
        rg_row_t row = rg_rows_at(&now->rows, i);
        if (row.label > last && rg_view_is_alive(now, i)) rg_view_append(built, &row);
    }
}

// The rows that were indexed are still the first ones of the view.
static int are_first(const rg_rows_t *rows, const rg_rows_t *of)
{
    int same = rows->count <= of->count;
    for (size_t i = 0; i < rows->n_chunks && same; i++) same = rows->chunks[i] == of->chunks[i];
    return same;
}

static rg_view_t *with_index(const rg_view_t *now, rg_index_t *index)
{
    rg_view_t *view = rg_view_next(now);
    rg_index_destroy(&view->index);
    if (index) view->index = rg_index_share(index);
    return view;
}

void rg_set_take(rg_set_t *set, rg_build_t **out)
{
    rg_build_t *build = *out;
    rg_view_t *now = set->view, *built = build->view;
    int fits = build->switches == atomic_load(&set->switches);
    if (fits && build->shares_rows && are_first(&built->rows, &now->rows)) {
        rg__set_show(set, with_index(now, built->index));
    } else if (fits && !build->shares_rows) {
        catch_up(built, now, build->last);
        built->generation = now->generation;
        rg__set_show(set, rg_view_share(built));
    }
    rg_build_destroy(out);
}

// ---- the index on the disk

int rg_set_save(rg_set_t *set)
{
    rg_view_t *view = rg__set_view(set);
    int err = rg_snapshot_write(set->snapshot, view, set->factory);
    rg_view_destroy(&view);
    return err;
}

int rg_set_restore(rg_set_t *set)
{
    rg_store_txn_t *txn = NULL;
    rg_view_t *view = NULL;
    int err = rg_store_read(set->store, &txn);
    if (!err) err = rg__view_of_snapshot(&view, txn, set);
    rg_store_abort(&txn);
    if (!err) rg__set_show(set, view);
    return err;
}

int rg_set_check_snapshot(const rg_set_t *set, const rg_view_t *view, size_t *rows)
{
    rg_snapshot_t snapshot = {0};
    int err = rg_snapshot_read(&snapshot, set->snapshot, &view->model, set->factory);
    if (!err) *rows = snapshot.rows;
    rg_snapshot_fini(&snapshot);
    return err;
}
