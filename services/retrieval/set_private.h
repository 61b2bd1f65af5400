// Inside the retrieval set: what set.c, set_change.c, set_rows.c and set_damage.c share.
#ifndef RG_RETRIEVAL_SET_PRIVATE_H
#define RG_RETRIEVAL_SET_PRIVATE_H

#include <pthread.h>

#include "common/core/log.h"
#include "common/core/thread.h"
#include "services/retrieval/set.h"
#include "services/retrieval/snapshot.h"

// The view of the next model while it is made (set_next.c).
typedef struct {
    pthread_mutex_t lock; // for the view
    rg_view_t *view;      // or NULL
    atomic_size_t embedded,
        seen; // images that the next model has embedded; as of the last job of the builder
    atomic_int is_wanted, has_failed; // an addition waits for it; the builder could not make it
    uint64_t *removed;                // labels of images that were removed meanwhile; only for the writer
    size_t n_removed, removed_capacity;
} rg__next_t;

struct rg_set {
    rg_store_t *store;
    char *path, *factory, *snapshot_path;
    char snapshot_problem[512];  // why the snapshot was not used
    rg_store_state_t state;      // as of the last commit; only the thread that changes the set uses it
    pthread_mutex_t view_lock;   // for the pointer `view`
    rg_view_t *view;             // the published one
    atomic_uint switches;        // how often the current model has changed
    atomic_ullong last_file;     // number of the last file of rows (set_rows.c)
    int is_move_failed;          // the last attempt to move rows to the file
    atomic_size_t untrainable;   // rows that were too few to train the index; 0: no such attempt
    pthread_mutex_t damage_lock; // for the next three
    uint64_t *damaged;           // labels, ascending; owned
    size_t n_damaged, damaged_capacity;
    int is_damage_new;
    size_t map_bytes; // largest size of the store
    rg__next_t next;
    uint64_t tombstones_swept; // how many were left by the last sweep (set_change.c)
    rg_courtesy_t courtesy;    // of additions and removals towards searches
};

// Returns the published view with one more owner. Call rg_view_destroy in the end.
rg_view_t *rg__set_retain_view(rg_set_t *set);

// Publishes this view; takes it.
void rg__set_publish(rg_set_t *set, rg_view_t *view);

// RG_EINVAL, RG_ELIMIT if a model has no name or impossible sizes.
int rg__set_check_model(const rg_store_model_t *model);

// Makes a view, as rg_view_load does, and notes the damaged images.
int rg__set_load_view(rg_view_t **view, rg_set_t *set, const rg_view_source_t *source);

// How many images the next model of this state has not embedded, without damaged ones; 0 without a next
// model.
int rg__set_count_missing(rg_set_t *set, rg_store_txn_t *txn, const rg_store_state_t *state,
                          uint64_t *missing);

// Builds an index over the rows of a view that is not published. Too few rows to train it are not a failure.
int rg__set_index_rows(rg_set_t *set, rg_view_t *view, rg_work_t *work);

// ---- set_next.c, for the thread that changes the set

void rg__set_next_init(rg_set_t *set);
void rg__set_next_fini(rg_set_t *set);

// The image of this label is removed in a transaction.
void rg__set_next_note_removed(rg_set_t *set, uint64_t label);

// Counts what the next model has embedded, after a change.
int rg__set_next_count(rg_set_t *set, rg_store_txn_t *txn, const rg_store_state_t *state);

// Before the switch: RG_EBUSY if the builder is not so far.
int rg__set_next_check(rg_set_t *set, rg_store_txn_t *txn, const rg_store_state_t *state);

// The view for a switch in the transaction of the source. RG_ENOENT, without a sentence: all has to be read.
int rg__set_next_take(rg_view_t **view, rg_set_t *set, const rg_view_source_t *source);

// ---- set_rows.c

// The file for a new numbering of rows; NULL if nothing may be written.
rg_rows_file_t *rg__set_new_file(rg_set_t *set, uint32_t dim);

// Opens the file that the store names, or makes a new one, and removes all others. The errors of
// rg_store_rows_file.
int rg__set_open_file(rg_set_t *set, rg_store_txn_t *txn, rg_rows_file_t **file);

// Enters in the transaction that the rows of this view count from now on. When it is committed, call
// rg__set_use_file with the files of the view before and of this one.
int rg__set_record_rows(rg_store_txn_t *txn, const rg_view_t *view);
void rg__set_use_file(rg_rows_file_t *before, rg_rows_file_t *now);

// Kills the row of an image that the transaction removes.
int rg__set_drop_row(rg_set_t *set, rg_view_t *view, rg_store_txn_t *txn, uint64_t label);

// Moves full chunks of the published view to its file. A failure is logged, and they stay in memory.
void rg__set_move_rows(rg_set_t *set);

// ---- set_damage.c

void rg__set_damage_init(rg_set_t *set);
void rg__set_damage_fini(rg_set_t *set);

// How many of the damaged images the model of the slot has not embedded.
uint64_t rg__set_damaged_unembedded(rg_set_t *set, rg_store_txn_t *txn, uint32_t slot);

// The image is not damaged any more: it was removed or replaced.
void rg__set_forget_damaged(rg_set_t *set, uint64_t label);

#endif
