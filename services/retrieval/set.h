// The retrieval set: the store, the index over what the current model embedded, and the generation.
//
// One embedding model is current. What another one embedded stays stored but is stale: not searched, listed
// by rg_set_stale until it is added again. The generation grows whenever what can be found changes: a batch
// that added something, a removal, another model. What an acknowledged add brought is durable, and every
// later search sees it. The index lives in memory and is a cache: it is built from the store at open and
// after a failure.
#ifndef RG_RETRIEVAL_SET_H
#define RG_RETRIEVAL_SET_H

#include "services/retrieval/store.h"

typedef struct rg_set rg_set_t;

typedef struct {
    const char *path;  // store folder
    const char *index; // FAISS index_factory string
    size_t map_bytes;  // upper bound of the store
} rg_set_options_t;

// Opens or makes the set. RG_ECONFIG for a bad factory string, and the errors of rg_store_open.
int rg_set_open(rg_set_t **set, const rg_set_options_t *options);
void rg_set_close(rg_set_t **set);

// Makes a model current and builds its index; nothing happens if it is current already. RG_EINVAL for a name
// that is empty or too long, RG_ELIMIT for sizes that are zero or absurd, RG_ESHAPE if the current model has
// other sizes under the same name. On failure the set is as before.
int rg_set_use_model(rg_set_t *set, const rg_model_t *model);

// That model is the current one, and the index is there: RG_EMODEL, or why the index cannot be built.
int rg_set_check(rg_set_t *set, const char *model);

// One image to add, borrowed. D, h, w, C are those of the current model.
typedef struct {
    const uint8_t *id;      // [RG_ID_SIZE] content id
    const char *name;       // 1..RG_TEXT_MAX bytes, or the item is refused
    const float *embedding; // [D], finite, or the item is refused
    const void *content;    // [h,w,C] f16
    rg_span_t thumbnail;    // JPEG, not empty, or the item is refused
} rg_set_item_t;

typedef struct {
    Rg__V1__Fate fate;
    char reason[160]; // of a refusal
} rg_outcome_t;

// Adds n images in one transaction; outcomes [n]. An image that is there is DUPLICATE and keeps its name,
// unless another model embedded it: then it is replaced and ADDED. RG_EMODEL if model is not the current one,
// RG_EFULL, RG_EIO: nothing of the batch is stored.
int rg_set_add(rg_set_t *set, const char *model, const rg_set_item_t *items, size_t n,
               rg_outcome_t *outcomes);

// n searches for k images.
typedef struct {
    const float *queries;   // [n,D], finite; not read where random is set
    const uint8_t *exclude; // [n,RG_ID_SIZE] an image each search must not find, or NULL
    size_t n, k;
    int random;    // k distinct images drawn uniformly instead of the nearest
    uint64_t seed; // of random
} rg_query_t;

typedef struct {
    int64_t label;   // of the store, -1: there are fewer than k
    float dist_l2sq; // 0 where label is -1 and where random
} rg_found_t;

// found [n,k], nearest first. The labels are valid until the next change of the set. RG_EMODEL, RG_ENUMERIC
// naming the query.
int rg_set_search(rg_set_t *set, const char *model, const rg_query_t *query, rg_found_t *found);

// Removes images, stale ones too; ids [n,RG_ID_SIZE], those not there are passed over. RG_EFULL, RG_EIO: as
// before.
int rg_set_remove(rg_set_t *set, const uint8_t *ids, size_t n, size_t *removed);

// The first at most limit stale images: images [limit], n of them; stale: how many there are in all. For
// reading their bulk data txn is the caller's.
int rg_set_stale(rg_set_t *set, rg_store_txn_t *txn, rg_image_t *images, size_t limit, size_t *n,
                 uint64_t *stale);

typedef struct {
    uint64_t images; // searchable
    uint64_t stale;
    uint64_t store_bytes; // on disk
} rg_set_stats_t;

int rg_set_stats(rg_set_t *set, rg_set_stats_t *stats);

// The current model and generation, and the number of searchable images.
const rg_state_t *rg_set_state(const rg_set_t *set);
size_t rg_set_count(const rg_set_t *set);

// For reading what was found.
rg_store_t *rg_set_store(rg_set_t *set);

#endif
