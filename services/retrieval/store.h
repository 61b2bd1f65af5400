// The store of the retrieval set: all images on disk, in an LMDB database. This is the only place that sees
// LMDB.
//
// Every image has a content id (common/core/hash.h) and a label. Labels are numbers in the order of the
// additions and are never used twice. In memory, rows and index carry labels, so they can always be rebuilt
// from the store. An embedding model derives two things from an image: an embedding for searches, and
// features for the generator. This derived data lies in one of two slots: one belongs to the current model,
// the other to the next model while it embeds all images again.
//
// A committed transaction is on the disk; an uncommitted one leaves no trace, whenever the process is killed.
// Every value has a checksum, which is compared when it is read: a damaged value gives RG_EFORMAT and names
// the image. One process at a time owns a store, by a lock file beside the data. One thread at a time writes,
// any number of threads read.
#ifndef RG_RETRIEVAL_STORE_H
#define RG_RETRIEVAL_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "common/core/text.h"
#include "common/wire/msg.h"

enum { RG_TEXT_MAX = RG_TEXT_NAME }; // bytes of the longest name of an image or model
enum { RG_STORE_SLOTS = 2 };

// ---- what is stored

// An embedding model.
typedef struct {
    char name[RG_TEXT_MAX + 1]; // "": no model
    uint32_t embed_dim;         // D
    uint32_t features_shape[3]; // h, w, C of the features that the generator reads of a neighbour
} rg_store_model_t;

size_t rg_store_embedding_bytes(const rg_store_model_t *model); // of one image
size_t rg_store_features_bytes(const rg_store_model_t *model);  // of one image

// The state of the set: what has to survive a restart besides the images.
typedef struct {
    rg_store_model_t model; // current; name "" before the first one
    rg_store_model_t next;  // name "" unless the images are being embedded again
    uint32_t slot;          // of the current model; the next model has the other slot
    uint64_t generation;    // version of the set (set.h)
} rg_store_state_t;

// One image without its bulk data.
typedef struct {
    uint64_t label;
    uint8_t id[RG_ID_SIZE];
    char name[RG_TEXT_MAX + 1];
    uint64_t generation; // in which the image was added
    uint64_t time_ms;    // of the addition, since 1970
    int annotated;
} rg_store_image_t;

// What a model derives from an image.
enum rg_derived { RG_DERIVED_EMBEDDING, RG_DERIVED_FEATURES, RG_DERIVED_KINDS };

// Bytes of a stored value. Those that a function of this header returns are borrowed until the transaction
// ends.
typedef struct {
    const void *data;
    size_t size;
} rg_store_value_t;

// ---- open and close

typedef struct rg_store rg_store_t;
typedef struct rg_store_txn rg_store_txn_t;

// Opens the store in the folder `path`, or creates it; it may grow to map_bytes. If the folder cannot be
// written, the store is opened read-only. The structure of the whole file is checked first, and ids and names
// that are damaged are mended; a file of more than RG_STORE_CHECKED_AT_ONCE bytes is left to rg_store_check,
// unless the last process found it damaged. A store of the last version is converted. RG_EBUSY if another
// process has it open, RG_EIO, RG_EFULL, RG_EVERSION, RG_EFORMAT if the files are not a store, or are
// damaged.
enum { RG_STORE_CHECKED_AT_ONCE = 64 << 20 };
int rg_store_open(rg_store_t **store, const char *path, size_t map_bytes);
void rg_store_close(rg_store_t **store);

int rg_store_read_only(const rg_store_t *store);
uint64_t rg_store_bytes(const rg_store_t *store); // on disk

// 1 once LMDB has given up, after a write failed that cannot be taken back. Then every call fails, and only
// another process can open the store.
int rg_store_is_lost(const rg_store_t *store);

// Does what rg_store_open has left. Until then the store can be read, but not written; what cannot be trusted
// in it may end the process, and then the next one checks it first. RG_EFORMAT naming the page, RG_EIO.
int rg_store_check(rg_store_t *store);

// The same in steps, while the store is used (store_steps.c). After outline, images can be added, but what
// deletes something gives RG_EBUSY. Then step, until *share is 1; then finish. outline and finish: on the thread
// that writes. step: on any one thread. The errors of rg_store_check.
int rg_store_check_outline(rg_store_t *store);
int rg_store_check_step(rg_store_t *store, double *share); // of the work that is done
int rg_store_check_finish(rg_store_t *store);

// 1 as long as the check is not finished; 1 if the store can be written by now. Any thread.
int rg_store_is_unchecked(const rg_store_t *store);
int rg_store_is_writable(const rg_store_t *store);

// Checks the structure of all pages of the file. RG_EFORMAT naming the page, RG_EIO.
int rg_store_check_pages(rg_store_t *store);

// Says so and exits if the file is cut short or cannot be read while it is open, instead of the SIGBUS that
// ends the process otherwise. For the main function of a program with one store.
void rg_store_exit_if_unreadable(rg_store_t *store);

// Compaction in two steps. copy writes the used pages of the store to a second file; use_copy puts that file
// in the place of the store. Between the two calls nothing may be written, and during use_copy no transaction
// may be open. RG_EFULL, RG_EIO: the store is as before. If use_copy cannot open the store again, it gives
// RG_EIO or RG_EFORMAT, and the store can only be closed.
int rg_store_copy(rg_store_t *store);
int rg_store_use_copy(rg_store_t *store);

// ---- transactions

// begin, then commit or abort, on the same thread. Commit and abort take the transaction and null the
// pointer; abort accepts NULL. Only one write transaction at a time. commit returns when the data is on the
// disk; RG_EFULL, RG_EIO: nothing of the transaction is stored. begin_write: RG_EIO if the store is
// read-only, RG_EBUSY before its outline is checked.
int rg_store_begin_read(rg_store_t *store, rg_store_txn_t **txn);
int rg_store_begin_write(rg_store_t *store, rg_store_txn_t **txn);
int rg_store_commit(rg_store_txn_t **txn);
void rg_store_abort(rg_store_txn_t **txn);

// The state; all zero in a new store. RG_EFORMAT, RG_EVERSION.
int rg_store_state(rg_store_txn_t *txn, rg_store_state_t *state);
int rg_store_set_state(rg_store_txn_t *txn, const rg_store_state_t *state);

// ---- reading images. RG_ENOENT below comes without a sentence unless it is said otherwise.

// The label of a content id. RG_ENOENT if the image is not stored, RG_EFORMAT with a sentence.
int rg_store_find(rg_store_txn_t *txn, const uint8_t id[RG_ID_SIZE], uint64_t *label);

// When the last addition of this image was asked for, in microseconds since 1970 (set_change.c); 0: not known,
// after a version of this program that did not store it, or after ids were rebuilt because they were damaged.
// The errors of rg_store_find.
int rg_store_asked(rg_store_txn_t *txn, const uint8_t id[RG_ID_SIZE], uint64_t *asked_us);

// The label from the image records, all of which are read: for an id whose entry is damaged.
int rg_store_find_record(rg_store_txn_t *txn, const uint8_t id[RG_ID_SIZE], uint64_t *label);

// The image of a label. RG_ENOENT with a sentence, RG_EFORMAT.
int rg_store_image(rg_store_txn_t *txn, uint64_t label, rg_store_image_t *image);

// The first image whose label is at least `from`. RG_ENOENT after the last image. RG_EFORMAT with a sentence
// if the record is damaged; then only image->label is set, so that a loop can go on behind it.
int rg_store_next(rg_store_txn_t *txn, uint64_t from, rg_store_image_t *image);

// Calls fn with the labels of all images whose name begins with `prefix`, in the order of the names. Damaged
// entries are passed over.
int rg_store_find_prefix(rg_store_txn_t *txn, const char *prefix, void (*fn)(void *self, uint64_t label),
                         void *self);

// The number of images, and the number of those that the model of a slot has embedded. RG_EIO.
int rg_store_count(rg_store_txn_t *txn, uint64_t *count);
int rg_store_embedded(rg_store_txn_t *txn, uint32_t slot, uint64_t *count);

// 1 if the model of the slot has embedded the image of this label, damaged or not.
int rg_store_is_embedded(rg_store_txn_t *txn, uint64_t label, uint32_t slot);

// The number of entries in the tables that have one entry per image, and of tombstones. RG_EIO.
typedef struct {
    uint64_t ids, names, thumbnails, tombstones;
} rg_store_entries_t;
int rg_store_entries(rg_store_txn_t *txn, rg_store_entries_t *entries);

// Derived data of an image, 2-byte aligned. RG_ENOENT if the model of the slot has not embedded the image,
// RG_EFORMAT if the data is damaged or does not have `want` bytes.
int rg_store_derived(rg_store_txn_t *txn, const rg_store_image_t *image, uint32_t slot, enum rg_derived kind,
                     size_t want, rg_store_value_t *value);

// The thumbnail of an image, a JPEG. RG_EFORMAT if it is missing, empty or damaged.
int rg_store_thumbnail(rg_store_txn_t *txn, const rg_store_image_t *image, rg_store_value_t *jpeg);

// Reads all that is stored of an image beside its record, derived by the model of the slot. Errors of
// rg_store_derived and rg_store_thumbnail.
int rg_store_check_image(rg_store_txn_t *txn, const rg_store_image_t *image, uint32_t slot,
                         const rg_store_model_t *model);

// Counts the damaged values that no image with derived data in this slot leads to: state, names, tombstones,
// and the derived data of the other slot. RG_EIO.
int rg_store_count_damaged(rg_store_txn_t *txn, uint32_t slot, uint64_t *count);

// ---- writing images. After an error, RG_EFULL or RG_EIO, abort the transaction.

// Stores an image that is not stored yet, under a new label, which is written to image->label.
int rg_store_put(rg_store_txn_t *txn, rg_store_image_t *image, rg_store_value_t thumbnail);

// Changes what rg_store_asked gives. The errors of rg_store_find, too.
int rg_store_set_asked(rg_store_txn_t *txn, const uint8_t id[RG_ID_SIZE], uint64_t asked_us);

// Stores the derived data of an image in a slot; replaces what was there.
int rg_store_put_derived(rg_store_txn_t *txn, uint64_t label, uint32_t slot,
                         const rg_store_value_t values[RG_DERIVED_KINDS]);

// Deletes all derived data of a slot.
int rg_store_clear_slot(rg_store_txn_t *txn, uint32_t slot);

// Deletes an image with all its data, damaged or not. RG_ENOENT with a sentence.
int rg_store_delete(rg_store_txn_t *txn, uint64_t label);

// ---- rows (rows_file.h): which file holds those of the current model, and which of them count no longer

// The number of the file; 0: none. set also empties the list of removed rows. RG_EFORMAT.
int rg_store_rows_file(rg_store_txn_t *txn, uint64_t *number);
int rg_store_set_rows_file(rg_store_txn_t *txn, uint64_t number);

// Enters the label of an image that has been removed; calls fn with all of them.
int rg_store_put_removed(rg_store_txn_t *txn, uint64_t label);
int rg_store_list_removed(rg_store_txn_t *txn, void (*fn)(void *self, uint64_t label), void *self);

// ---- tombstones: which images were removed, and when that was asked for (set_change.c)

// Times are in microseconds since 1970. put replaces an older tombstone of the image. RG_ENOENT without a
// sentence if there is none. drop deletes those of requests until a time and writes how many are left; half of
// them are of requests until the median, which is 0 without any.
int rg_store_put_tombstone(rg_store_txn_t *txn, const uint8_t id[RG_ID_SIZE], uint64_t asked_us);
int rg_store_tombstone(rg_store_txn_t *txn, const uint8_t id[RG_ID_SIZE], uint64_t *asked_us);
int rg_store_median_tombstone(rg_store_txn_t *txn, uint64_t *asked_us);
int rg_store_drop_tombstones(rg_store_txn_t *txn, uint64_t until_us, uint64_t *left);

// Until when removals are forgotten: a time that only grows; 0 at first, or if it is damaged.
int rg_store_set_forgotten(rg_store_txn_t *txn, uint64_t until_us);
int rg_store_forgotten(rg_store_txn_t *txn, uint64_t *until_us);

#endif
