// Inside the retrieval set: what set.c, change.c and build.c share.
#ifndef RG_RETRIEVAL_SET_PRIVATE_H
#define RG_RETRIEVAL_SET_PRIVATE_H

#include <pthread.h>

#include "services/retrieval/set.h"
#include "services/retrieval/snapshot.h"

struct rg_set {
    rg_store_t *store;
    char *factory, *snapshot;
    char unfit[512];           // why the snapshot was left aside
    rg_state_t state;          // of who changes the set
    pthread_mutex_t swap;      // guards view
    rg_view_t *view;           // what is shown
    atomic_uint switches;      // how often the model changed
    atomic_size_t untrainable; // rows with which the index could not be trained
};

// What is shown at present; destroy it.
rg_view_t *rg__set_view(rg_set_t *set);

// Shows this view (takes it).
void rg__set_show(rg_set_t *set, rg_view_t *view);

// Commits the state with this transaction; only when it is on the disk is it the set's and the view shown.
// Takes the view, which may be NULL: what can be found stays the same.
int rg__set_commit(rg_set_t *set, rg_store_txn_t **txn, const rg_state_t *state, rg_view_t **view);

// If the next model has embedded every image, it takes over with this transaction: *view (dropped if there is
// one) becomes its view, *state its state.
int rg__set_switch_if_complete(rg_store_txn_t *txn, rg_state_t *state, rg_view_t **view);

// An image as a row; it borrows both.
rg_row_t rg__row_of(const rg_image_t *image, const float *vector);

// A view of what this transaction sees, with the snapshot's index, or without one. RG_EFORMAT if the two do
// not fit.
int rg__view_of_store(rg_view_t **view, rg_store_txn_t *txn, const rg_state_t *state,
                      const rg_snapshot_t *snapshot);

// The same with the snapshot on the disk, and the errors of rg_snapshot_read.
int rg__view_of_snapshot(rg_view_t **view, rg_store_txn_t *txn, const rg_set_t *set);

#endif
