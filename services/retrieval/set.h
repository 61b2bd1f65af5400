// The retrieval set: all images that a search can find, on disk (store.h) and in memory (view.h).
//
// The generation is the version number of the set. It grows with every change of what searches find: a batch
// that adds images, a removal, another model. An addition that was acknowledged is durable, and every later
// search finds it. View, file of rows and index are caches; they are built from the store.
//
// One embedding model is current. Any other model that is announced becomes the next model: its embeddings
// are stored beside the current ones, which are still searched. When the last image is embedded, the set
// switches to the next model at once. So a search never mixes embeddings of two models.
//
// Threads: any thread may read and build at any time. Functions that change the set (use_model, add, remove,
// publish_build, restore, leave_out) are called from one thread at a time. set.c explains how they work
// together.
#ifndef RG_RETRIEVAL_SET_H
#define RG_RETRIEVAL_SET_H

#include "services/retrieval/view.h"

typedef struct rg_set rg_set_t;

typedef struct {
    const char *path;            // folder of the store
    const char *index;           // factory string that rg_index_check has passed
    size_t map_bytes;            // largest size of the store
    rg_view_progress_t progress; // of reading the images
} rg_set_options_t;

// Opens the set, or creates it. The index comes from its snapshot if that fits; otherwise
// rg_set_snapshot_problem says why. RG_ELIMIT for a stored model of impossible sizes, and the errors of rg_store_open.
int rg_set_open(rg_set_t **set, const rg_set_options_t *options);
void rg_set_close(rg_set_t **set);

// The check of a large store in steps (store.h): outline and finish for the thread that changes the set, step for
// any other thread. Until the outline is checked, the set can be read, but not changed.
int rg_set_check_outline(rg_set_t *set);
int rg_set_check_step(rg_set_t *set, double *share);
int rg_set_check_finish(rg_set_t *set);

// "" if the snapshot was used, or if there was none.
const char *rg_set_snapshot_problem(const rg_set_t *set);

rg_store_t *rg_set_store(rg_set_t *set);
uint64_t rg_set_generation(const rg_set_t *set);

// ---- reading

// A read view: a view and a read transaction of the store, both of the same generation. Changes of the set do
// not affect it.
typedef struct {
    rg_view_t *view;
    rg_store_txn_t *txn;
    uint32_t slot; // of the view's model in the store
    rg_set_t *set; // borrowed
} rg_read_view_t;

// Begin and end on the same thread. RG_EIO.
int rg_read_view_begin(rg_read_view_t *read, rg_set_t *set);
void rg_read_view_end(rg_read_view_t *read);

// RG_EMODEL unless the named model is current. If it is the next model, the sentence says how many images are
// missing.
int rg_read_view_check_model(const rg_read_view_t *read, const char *model);

// The number of images that the next model has not embedded yet, without damaged ones; 0 without a next
// model.
int rg_read_view_missing(const rg_read_view_t *read, uint64_t *missing);

// Lists at most `limit` images from label `from` on, without damaged ones; with `missing` only those that the
// next model has not embedded. Writes their number to *n, and the label to go on from to *next; 0 after the
// last image.
int rg_read_view_list(const rg_read_view_t *read, uint64_t from, int missing, rg_store_image_t *images,
                      size_t limit, size_t *n, uint64_t *next);

// The image of a content id. RG_EFORMAT if its record is damaged; RG_ENOENT, without a sentence, if it is not
// stored.
int rg_read_view_image(const rg_read_view_t *read, const uint8_t id[RG_ID_SIZE], rg_store_image_t *image);

// ---- damaged images

// An image is damaged if something that is stored of it is not what was written. It is left out of searches
// and lists, and stays in the store until it is removed or added again. Damage is noticed when something is
// read, and for records and embeddings of images whose rows are not in the file, when the set is opened:
// whoever gets RG_EFORMAT for an image notes it. note logs rg_error() once per image. Any thread.
void rg_set_note_damaged(rg_set_t *set, uint64_t label);
size_t rg_set_damaged(rg_set_t *set);

// 1 if images were noted that published views still have: then call leave_out, which publishes a view
// without them. is_damage_new: any thread.
int rg_set_is_damage_new(rg_set_t *set);
void rg_set_leave_out_damaged(rg_set_t *set);

// ---- changing

// Announces a model. It becomes current at once if no image is stored, otherwise the next model. If it is the
// current model, a next model is dropped. Writes the number of images that it has not embedded to *missing. The
// switch may have to wait for rg_set_prepare: then a change that would complete the next model gives RG_EBUSY,
// here as in rg_set_add and rg_set_remove. RG_EINVAL for a name that is empty, RG_ELIMIT for impossible sizes,
// RG_ESHAPE if a model of that name has other sizes.
int rg_set_use_model(rg_set_t *set, const rg_store_model_t *model, uint64_t *missing);

// The current or the next model of that name. RG_EMODEL.
int rg_set_find_model(const rg_set_t *set, const char *name, const rg_store_model_t **model);

// One image to add. All pointers are borrowed. D, h, w, C are those of the model. "Refused" means that only
// this image is not added.
typedef struct {
    const uint8_t *id;          // [RG_ID_SIZE] content id
    const char *name;           // stored as rg_text_name makes it; "" is refused
    const float *embedding;     // [D], finite, otherwise refused
    const void *features;       // [h,w,C] f16
    rg_store_value_t thumbnail; // JPEG; if empty: refused, unless the model is the next one
    int annotated;
    uint64_t asked_us; // when the client asked for it, microseconds since 1970; 0: now
} rg_set_item_t;

typedef struct {
    Rg__V1__Fate fate;
    char reason[160]; // of a refusal
} rg_set_outcome_t;

// Adds n images in one transaction and writes outcomes [n]. An image that is stored already is a DUPLICATE
// and keeps its name and thumbnail; a damaged one is replaced. No removal that was asked for before an addition
// undoes it, duplicates included, however late it comes. An image that has been removed since the
// client asked for the addition is refused. For the next model only images are accepted that are stored
// already. Without a model (NULL) only ids and times count, and nothing is added: images that are stored whole
// are DUPLICATES, and the others are refused without a reason. RG_EMODEL if the model is neither current nor
// next, RG_EFULL, RG_EIO: nothing of the batch is stored.
int rg_set_add(rg_set_t *set, const char *model, const rg_set_item_t *items, size_t n,
               rg_set_outcome_t *outcomes);

// What a removal has done. Ids that count in neither were not stored.
typedef struct {
    size_t removed;
    size_t newer; // they stay, because their last addition was asked for later
} rg_set_removal_t;

// Removes images by their ids [n,RG_ID_SIZE]; ignores ids that are not stored. asked_us: as in rg_set_item_t.
// RG_EFULL, RG_EIO: nothing is removed.
int rg_set_remove(rg_set_t *set, const uint8_t *ids, size_t n, uint64_t asked_us, rg_set_removal_t *removal);

// ---- building: makes an index over the present rows, and rows without the dead ones

typedef struct rg_set_build rg_set_build_t;

// Returns 1 if a build is worth its time: enough rows were added since the last build, or are dead.
int rg_set_is_due(rg_set_t *set);

// Builds from the view, or from the store if from_store is nonzero; stopped work ends the build. The set
// does not change until rg_set_publish_build. RG_ESTOPPED, RG_EIO, RG_EFORMAT.
int rg_set_build(rg_set_t *set, int from_store, rg_work_t *work, rg_set_build_t **build);

// Publishes a view with what was built and with all changes since. Drops the build if the model has changed
// since. Takes *build. RG_EFULL, RG_EIO: nothing is published.
int rg_set_publish_build(rg_set_t *set, rg_set_build_t **build);

// Drops a build that is not published.
void rg_set_build_destroy(rg_set_build_t **build);

// ---- preparing the next model (set_next.c)

// 1 if the next model has embedded so many images that prepare has something to do. Any thread.
int rg_set_is_prepare_due(rg_set_t *set);

// Reads what the next model has embedded and builds its index, so that the switch is short. On the thread that
// builds. RG_ESTOPPED once the work is stopped, and the errors of rg_set_build.
int rg_set_prepare(rg_set_t *set, rg_work_t *work);

// ---- the snapshot of the index

// Writes the present index to the snapshot file. RG_EFULL, RG_EIO: the last snapshot stays.
int rg_set_save(rg_set_t *set);

// Publishes a view with the index of the snapshot, as at the start. RG_ENOENT, RG_EFORMAT, RG_EVERSION,
// RG_EMODEL: the snapshot cannot be used, and the set is as before.
int rg_set_restore(rg_set_t *set);

// Checks that the snapshot can be read and belongs to the view's model; writes the number of its rows. The
// errors of rg_set_restore.
int rg_set_check_snapshot(const rg_set_t *set, const rg_view_t *view, size_t *rows);

#endif
