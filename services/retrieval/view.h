// A view: one version of the retrieval set in memory, as a search sees it.
//
//   rows    0 .......... indexed .......... count    all images of one model, in the order of their labels
//           |-- index --||-- exact search --|        the index covers the first rows
//   alive   1 1 0 1 1 1   1 1 0 1                    0: the image was removed, its row is dead
//
// A view that has been published never changes. A change makes a copy that shares the rows and the index
// (rg_view_copy), changes the copy, and publishes it. Views are counted by owners; the last one frees the
// view.
#ifndef RG_RETRIEVAL_VIEW_H
#define RG_RETRIEVAL_VIEW_H

#include "services/retrieval/bitset.h"
#include "services/retrieval/index.h"
#include "services/retrieval/rows_file.h"
#include "services/retrieval/store.h"

typedef struct {
    atomic_int owners;
    rg_store_model_t model; // of the embeddings; name "": no model yet, and no rows
    uint64_t generation;    // version of the set
    rg_rows_t rows;
    rg_rows_file_t *file; // that takes full chunks; also stands for this numbering of rows; NULL: memory only
    rg_bitset_t alive;    // without words: all rows are alive
    size_t dead;          // rows that are not alive
    rg_index_t *index;    // over the first rows, or NULL
} rg_view_t;

// new makes an empty view. copy makes a copy that may be changed until it is published.
rg_view_t *rg_view_new(const rg_store_model_t *model, uint64_t generation);
rg_view_t *rg_view_copy(const rg_view_t *of);

// retain adds an owner and returns the same view. destroy ends one ownership.
rg_view_t *rg_view_retain(rg_view_t *view);
void rg_view_destroy(rg_view_t **view);

// Called now and then while a set is read: `done` of `total` images were looked at. A result that is not 0
// ends the reading with this error.
typedef struct {
    int (*step)(void *self, uint64_t done, uint64_t total); // NULL: nobody wants to know
    void (*damaged)(void *self, uint64_t label); // an image was left out, rg_error() says why; or NULL
    void *self;
} rg_view_progress_t;

// What a view is loaded from.
struct rg_snapshot;
typedef struct {
    rg_store_txn_t *txn;
    const rg_store_state_t *state; // as the transaction sees it, or will see it
    rg_rows_file_t *file; // the rows that it holds are not read again; takes full chunks. NULL: memory
    const struct rg_snapshot *snapshot; // or NULL
    rg_view_progress_t progress;
} rg_view_source_t;

// Reads all images that the model of the state has embedded into a new view, except those whose rows lie in
// the file. The index of the snapshot becomes the index of the view, and images that only the index knows
// become dead rows. Damaged images are left out. RG_EFORMAT if file and store differ in the number of images,
// or if the snapshot lacks an image that it would have to cover; the errors of store.h.
int rg_view_load(rg_view_t **view, const rg_view_source_t *source);

// Appends rows for the next images, at most `limit`, up to the first one that the model of the state has not
// embedded. The view is not published and has no dead rows; its own file takes full chunks. Writes the number of
// rows to *added. Images whose records are damaged are left out. The errors of store.h.
int rg_view_extend(rg_view_t *view, const rg_view_source_t *source, size_t limit, size_t *added);

// An image as a row. The row borrows from both.
rg_image_row_t rg_view_row(const rg_store_image_t *image, const float *vector);

void rg_view_append(rg_view_t *view, const rg_image_row_t *row); // without a vector, the row is dead
void rg_view_kill(rg_view_t *view, size_t row);                  // searches do not find the row any longer

int rg_view_is_alive(const rg_view_t *view, size_t row);

size_t rg_view_count(const rg_view_t *view);   // rows that are alive
size_t rg_view_indexed(const rg_view_t *view); // rows that the index covers

#endif
