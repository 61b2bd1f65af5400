#include "services/retrieval/view.h"

rg_view_t *rg_view_new(const rg_model_t *model, uint64_t generation)
{
    rg_view_t *view = rg_alloc(sizeof *view);
    *view = (rg_view_t){.owners = 1, .model = *model, .generation = generation};
    if (*model->name) rg_rows_init(&view->rows, model->embed_dim);
    return view;
}

rg_view_t *rg_view_next(const rg_view_t *of)
{
    rg_view_t *view = rg_view_new(&of->model, of->generation);
    rg_rows_share(&view->rows, &of->rows);
    if (of->index) view->index = rg_index_share(of->index);
    if (of->alive.words) {
        rg_marks_init(&view->alive, of->alive.count, 1);
        memcpy(view->alive.words, of->alive.words, rg_marks_words(of->alive.count) * sizeof *of->alive.words);
    }
    view->dead = of->dead;
    return view;
}

rg_view_t *rg_view_share(rg_view_t *view)
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
    rg_marks_fini(&view->alive);
    rg_index_destroy(&view->index);
    free(view);
}

void rg_view_append(rg_view_t *view, const rg_row_t *row)
{
    rg_rows_append(&view->rows, row);
    if (view->alive.words) rg_marks_grow(&view->alive, view->rows.count);
    if (!row->vector) rg_view_kill(view, view->rows.count - 1);
}

void rg_view_kill(rg_view_t *view, size_t row)
{
    if (!view->alive.words) rg_marks_init(&view->alive, view->rows.count, 1);
    if (!rg_marks_get(&view->alive, row)) return;
    rg_marks_clear(&view->alive, row);
    view->dead++;
}

int rg_view_is_alive(const rg_view_t *view, size_t row)
{
    return !view->alive.words || rg_marks_get(&view->alive, row);
}

size_t rg_view_count(const rg_view_t *view)
{
    return view->rows.count - view->dead;
}

size_t rg_view_indexed(const rg_view_t *view)
{
    return view->index ? rg_index_count(view->index) : 0;
}
