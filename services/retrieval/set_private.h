// Inside the retrieval set: what set.c and set_change.c share.
#ifndef RG_RETRIEVAL_SET_PRIVATE_H
#define RG_RETRIEVAL_SET_PRIVATE_H

#include <pthread.h>

#include "services/retrieval/set.h"
#include "services/retrieval/snapshot.h"

struct rg_set {
    rg_store_t *store;
    char *factory, *snapshot_path;
    char snapshot_problem[512]; // why the snapshot was not used
    rg_store_state_t state;     // as of the last commit; only the thread that changes the set uses it
    pthread_mutex_t view_lock;  // for the pointer `view`
    rg_view_t *view;            // the published one
    atomic_uint switches;       // how often the current model has changed
    atomic_size_t untrainable;  // rows that were too few to train the index; 0: no such attempt
};

// Returns the published view with one more owner. Call rg_view_destroy in the end.
rg_view_t *rg__set_retain_view(rg_set_t *set);

// Publishes this view; takes it.
void rg__set_publish(rg_set_t *set, rg_view_t *view);

// RG_EINVAL, RG_ELIMIT if a model has no name or impossible sizes.
int rg__set_check_model(const rg_store_model_t *model);

// How many images the next model of this state has not embedded; 0 without a next model.
int rg__set_count_missing(rg_store_txn_t *txn, const rg_store_state_t *state, uint64_t *missing);

#endif
