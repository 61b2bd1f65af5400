// What a search sees of the retrieval set: the rows of one generation, which of them are alive, and the index
// over the first of them. A view never changes; the next one shares its rows and index.
#ifndef RG_RETRIEVAL_VIEW_H
#define RG_RETRIEVAL_VIEW_H

#include "services/retrieval/index.h"
#include "services/retrieval/marks.h"
#include "services/retrieval/store.h"

typedef struct {
    atomic_int owners;
    rg_model_t model; // "" before the first one: then there are no rows
    uint64_t generation;
    rg_rows_t rows;
    rg_marks_t alive;  // no words: all rows are
    size_t dead;       // rows that are not alive
    rg_index_t *index; // over the first rows, or NULL
} rg_view_t;

// An empty view, and a copy of another that may be changed until it is shown to others.
rg_view_t *rg_view_new(const rg_model_t *model, uint64_t generation);
rg_view_t *rg_view_next(const rg_view_t *of);

rg_view_t *rg_view_share(rg_view_t *view); // one more owner
void rg_view_destroy(rg_view_t **view);    // ends one's ownership

// Appends a row, dead if it has no vector.
void rg_view_append(rg_view_t *view, const rg_row_t *row);

// The row at this position is found no more.
void rg_view_kill(rg_view_t *view, size_t row);

int rg_view_is_alive(const rg_view_t *view, size_t row);
size_t rg_view_count(const rg_view_t *view);   // of the living
size_t rg_view_indexed(const rg_view_t *view); // rows that the index covers

#endif
