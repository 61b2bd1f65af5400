#include "services/retrieval/filter.h"

#include "common/core/err.h"

typedef struct {
    const rg_view_t *view;
    rg_marks_t *marks;
} marking_t;

static void mark(void *self, uint64_t label)
{
    const marking_t *marking = self;
    ptrdiff_t row = rg_rows_find(&marking->view->rows, (int64_t)label);
    if (row >= 0 && rg_view_is_alive(marking->view, (size_t)row)) rg_marks_set(marking->marks, (size_t)row);
}

static void mark_living(rg_marks_t *marks, const rg_view_t *view)
{
    rg_marks_init(marks, view->rows.count, 1);
    if (view->alive.words)
        memcpy(marks->words, view->alive.words, rg_marks_words(marks->count) * sizeof *marks->words);
}

static int mark_named(rg_marks_t *marks, const char *prefix, const rg_view_t *view, rg_store_txn_t *txn)
{
    rg_marks_init(marks, view->rows.count, 0);
    return rg_store_named(txn, prefix, mark, &(marking_t){view, marks});
}

static int meets(const Rg__V1__Filter *filter, const rg_row_t *row)
{
    if (filter->annotation == RG__V1__ANNOTATION__ANNOTATED && !row->annotated) return 0;
    if (filter->annotation == RG__V1__ANNOTATION__UNANNOTATED && row->annotated) return 0;
    if (row->added_ms < filter->added_from_ms) return 0;
    return !filter->added_until_ms || row->added_ms < filter->added_until_ms;
}

static int clear_excluded(rg_marks_t *marks, const Rg__V1__Filter *filter, const rg_view_t *view,
                          rg_store_txn_t *txn)
{
    int err = 0;
    for (size_t i = 0; i < filter->n_exclude && !err; i++) {
        uint64_t label;
        if (filter->exclude[i].len != RG_ID_SIZE)
            return rg_fail(RG_EINVAL, "filter.exclude[%zu] has %zu bytes, not %d", i, filter->exclude[i].len,
                           RG_ID_SIZE);
        err = rg_store_find(txn, filter->exclude[i].data, &label);
        ptrdiff_t row = err ? -1 : rg_rows_find(&view->rows, (int64_t)label);
        if (row >= 0) rg_marks_clear(marks, (size_t)row);
        if (err == RG_ENOENT) err = 0;
    }
    return err;
}

static int is_open(const Rg__V1__Filter *filter)
{
    return !filter || (!*filter->name_prefix && filter->annotation == RG__V1__ANNOTATION__ANY &&
                       !filter->added_from_ms && !filter->added_until_ms && !filter->n_exclude);
}

int rg_filter_apply(rg_marks_t *marks, const Rg__V1__Filter *filter, const rg_view_t *view,
                    rg_store_txn_t *txn)
{
    int err = 0;
    *marks = (rg_marks_t){0};
    if (is_open(filter)) return 0;
    if (filter->annotation > RG__V1__ANNOTATION__UNANNOTATED)
        return rg_fail(RG_EINVAL, "filter.annotation %d is unknown", (int)filter->annotation);
    if (*filter->name_prefix)
        err = mark_named(marks, filter->name_prefix, view, txn);
    else
        mark_living(marks, view);
    for (size_t row = 0; row < view->rows.count && !err; row++) {
        if (!rg_marks_get(marks, row)) continue;
        rg_row_t found = rg_rows_at(&view->rows, row);
        if (!meets(filter, &found)) rg_marks_clear(marks, row);
    }
    if (!err) err = clear_excluded(marks, filter, view, txn);
    if (err) rg_marks_fini(marks);
    return err;
}
