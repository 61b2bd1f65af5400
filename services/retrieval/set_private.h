// Inside the retrieval set: what set.c, set_change.c and set_damage.c share.
#ifndef RG_RETRIEVAL_SET_PRIVATE_H
#define RG_RETRIEVAL_SET_PRIVATE_H

#include <pthread.h>

#include "common/core/log.h"
#include "services/retrieval/set.h"
#include "services/retrieval/snapshot.h"

struct rg_set {
    rg_store_t *store;
    char *factory, *snapshot_path;
    char snapshot_problem[512];  // why the snapshot was not used
    rg_store_state_t state;      // as of the last commit; only the thread that changes the set uses it
    pthread_mutex_t view_lock;   // for the pointer `view`
    rg_view_t *view;             // the published one
    atomic_uint switches;        // how often the current model has changed
    atomic_size_t untrainable;   // rows that were too few to train the index; 0: no such attempt
    pthread_mutex_t damage_lock; // for the next three
    uint64_t *damaged;           // labels, ascending; owned
    size_t n_damaged, damaged_capacity;
    int is_damage_new;
    uint64_t tombstones_swept; // how many were left by the last sweep (set_change.c)
};

// Returns the published view with one more owner. Call rg_view_destroy in the end.
rg_view_t *rg__set_retain_view(rg_set_t *set);

// Publishes this view; takes it.
void rg__set_publish(rg_set_t *set, rg_view_t *view);

// RG_EINVAL, RG_ELIMIT if a model has no name or impossible sizes.
int rg__set_check_model(const rg_store_model_t *model);

// Makes a view of what the transaction sees, as rg_view_load does, and notes the damaged images.
int rg__set_load_view(rg_view_t **view, rg_set_t *set, rg_store_txn_t *txn, const rg_store_state_t *state,
                      const rg_snapshot_t *snapshot, rg_view_progress_t progress);

// How many images the next model of this state has not embedded, without damaged ones; 0 without a next
// model.
int rg__set_count_missing(rg_set_t *set, rg_store_txn_t *txn, const rg_store_state_t *state,
                          uint64_t *missing);

// ---- set_damage.c

void rg__set_damage_init(rg_set_t *set);
void rg__set_damage_fini(rg_set_t *set);

// How many of the damaged images the model of the slot has not embedded.
uint64_t rg__set_damaged_unembedded(rg_set_t *set, rg_store_txn_t *txn, uint32_t slot);

// The image is not damaged any more: it was removed or replaced.
void rg__set_forget_damaged(rg_set_t *set, uint64_t label);

#endif
