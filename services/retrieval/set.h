// The retrieval set: the store, and the view of it that is searched.
//
// One embedding model is current. Another one becomes the next one: what it makes of the images is stored
// beside what is there, which goes on being searched, and with the last missing image the set switches, so
// that embeddings of two models never mix. The generation grows whenever what can be found changes: a batch
// that added something, a removal, another model. What an acknowledged add brought is durable, and every
// later search sees it. View and index live in memory and are caches: they are built from the store.
//
// Threads: any may look at the set and build; of those that change it (use_model, add, remove, take, reload)
// one at a time. A look never waits for them longer than it takes to exchange two pointers.
#ifndef RG_RETRIEVAL_SET_H
#define RG_RETRIEVAL_SET_H

#include "services/retrieval/view.h"

typedef struct rg_set rg_set_t;

typedef struct {
    const char *path;   // store folder
    const char *index;  // FAISS index_factory string
    uint32_t embed_dim; // to check that string before the first model says its size
    size_t map_bytes;   // upper bound of the store
} rg_set_options_t;

// Opens or makes the set. RG_ECONFIG for a bad factory string, RG_ELIMIT for a
// stored model of impossible sizes, and the errors of rg_store_open. The index
// comes from its snapshot if that fits; rg_set_unfit says why it doesn't.
int rg_set_open(rg_set_t **set, const rg_set_options_t *options);
void rg_set_close(rg_set_t **set);

const char *rg_set_unfit(const rg_set_t *set); // "" if the snapshot fitted, or there was none

// ---- looking

// A view and the store as it was in the view's generation.
typedef struct {
    rg_view_t *view;
    rg_store_txn_t *txn;
    uint32_t slot; // of the view's model
} rg_look_t;

// RG_EIO. End it on the same thread.
int rg_set_look(rg_set_t *set, rg_look_t *look);
void rg_look_end(rg_look_t *look);

// That model is the view's: RG_EMODEL, saying how far the next one is if it is that.
int rg_look_check(const rg_look_t *look, const char *model);

// Images that the next model has not embedded yet, 0 if there is none.
int rg_look_missing(const rg_look_t *look, uint64_t *missing);

// The first at most limit images from label `from` on, n of them; with `missing` only those the next model
// has not embedded. *next: where to go on, 0 after the last.
int rg_look_list(const rg_look_t *look, uint64_t from, int missing, rg_image_t *images, size_t limit,
                 size_t *n, uint64_t *next);

// The image of that content id. RG_ENOENT (without a sentence) if it is not stored.
int rg_look_image(const rg_look_t *look, const uint8_t id[RG_ID_SIZE], rg_image_t *image);

rg_store_t *rg_set_store(rg_set_t *set);

// ---- changing

// Makes a model current at once if no image is stored, the next one otherwise; the current one again: there
// is no next one any more. missing: images it has not embedded yet. RG_EINVAL for a name that is empty or too
// long, RG_ELIMIT for sizes that are zero or absurd, RG_ESHAPE if a model of that name has other sizes.
int rg_set_use_model(rg_set_t *set, const rg_model_t *model, uint64_t *missing);

// The current or next model of that name. RG_EMODEL.
int rg_set_find_model(const rg_set_t *set, const char *name, const rg_model_t **model);

// One image to add, borrowed. D, h, w, C are those of the model.
typedef struct {
    const uint8_t *id;      // [RG_ID_SIZE] content id
    const char *name;       // 1..RG_TEXT_MAX bytes, or the item is refused
    const float *embedding; // [D], finite, or the item is refused
    const void *features;   // [h,w,C] f16
    rg_span_t thumbnail;    // JPEG; empty: refused, unless the model is the next one
    int annotated;
} rg_set_item_t;

typedef struct {
    Rg__V1__Fate fate;
    char reason[160]; // of a refusal
} rg_outcome_t;

// Adds n images in one transaction; outcomes [n]. An image that is there is DUPLICATE and keeps its name and
// thumbnail. For the next model only images that are there are taken. RG_EMODEL if the model is neither,
// RG_EFULL, RG_EIO: nothing of the batch is stored.
int rg_set_add(rg_set_t *set, const char *model, const rg_set_item_t *items, size_t n,
               rg_outcome_t *outcomes);

// Removes images; ids [n,RG_ID_SIZE], those not there are passed over. RG_EFULL, RG_EIO: as before.
int rg_set_remove(rg_set_t *set, const uint8_t *ids, size_t n, size_t *removed);

uint64_t rg_set_generation(const rg_set_t *set);

// ---- building: an index over the rows there are, and rows without the dead ones

typedef struct rg_build rg_build_t;

// 1 if a build is worth its time: so much was added since the last one, or is dead.
int rg_set_is_due(rg_set_t *set);

// Builds from the view, or from the store; *stop nonzero ends it. Changes nothing until it is taken.
// RG_ESTOPPED, RG_EIO, RG_EFORMAT.
int rg_set_build(rg_set_t *set, int from_store, const atomic_int *stop, rg_build_t **build);

// Shows what was built, with all that happened since; drops it if the model has changed since. Takes *build.
void rg_set_take(rg_set_t *set, rg_build_t **build);

// Drops a build that will not be taken.
void rg_build_destroy(rg_build_t **build);

// ---- the index on the disk

// Writes the present index. RG_EFULL, RG_EIO: the last snapshot stays. restore: everything as if the set had
// just been opened, but the snapshot must fit: RG_ENOENT, RG_EFORMAT, RG_EVERSION, RG_EMODEL, otherwise the
// set is as before.
int rg_set_save(rg_set_t *set);
int rg_set_restore(rg_set_t *set);

// The snapshot can be read and is of the view's model: how many rows it covers. The errors of restore.
int rg_set_check_snapshot(const rg_set_t *set, const rg_view_t *view, size_t *rows);

#endif
