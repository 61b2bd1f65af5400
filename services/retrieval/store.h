// The durable part of the retrieval set: images by content id, in LMDB (the only place that sees it).
//
// Every image has a label, a number that is never given twice: what is added later has the larger label. The
// index carries labels, so it can always be rebuilt from here. What a model made of an image lies in one of
// two slots: the current model's, and the one of the next model while it embeds everything anew. Tables:
//   meta          "state" -> rg_state_t, "next" -> next label
//   ids           content id, 16 bytes -> label
//   names         name -> labels
//   images        label -> version, id, generation, time, annotated, name
//   thumbnails    label -> JPEG bytes
//   embeddings.S  label -> f32 [D]        features.S  label -> f16 [h,w,C]        S: slot 0 or 1
// Numbers are in the byte order of the machine (little-endian, as is the wire's payload).
//
// A write transaction that was committed is on the disk; one that was not leaves no trace, whatever is
// killed. Every length is checked on reading: a corrupt record is RG_EFORMAT naming the image. One process at
// a time owns a store (a lock file beside the data). One thread writes, any number read.
#ifndef RG_RETRIEVAL_STORE_H
#define RG_RETRIEVAL_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "common/wire/msg.h"

enum { RG_TEXT_MAX = 255 }; // longest name and model id, bytes

// The embedding model that is current.
typedef struct {
    char name[RG_TEXT_MAX + 1]; // "" before the first one
    uint32_t embed_dim;
    uint32_t features_shape[3]; // h, w, C of what the generator reads of a neighbour
} rg_model_t;

size_t rg_model_embedding_bytes(const rg_model_t *model);
size_t rg_model_features_bytes(const rg_model_t *model);

// What has to survive a restart besides the images. The current model's slot is `slot`, the next one's the
// other.
typedef struct {
    rg_model_t model, next; // next: "" unless a reindex is under way
    uint32_t slot;
    uint64_t generation;
} rg_state_t;

typedef struct {
    const void *data;
    size_t size;
} rg_span_t;

// One stored image without its bulk data.
typedef struct {
    uint64_t label;
    uint8_t id[RG_ID_SIZE];
    char name[RG_TEXT_MAX + 1];
    uint64_t generation; // in which it was added
    uint64_t time_ms;    // of the addition, since 1970
    int annotated;
} rg_image_t;

// What a model made of an image.
enum rg_made { RG_MADE_EMBEDDING, RG_MADE_FEATURES, RG_MADES };
enum { RG_SLOTS = 2 };

typedef struct rg_store rg_store_t;
typedef struct rg_store_txn rg_store_txn_t;

// Opens or makes the store in the folder path, which may grow to map_bytes. A store in a folder that cannot
// be written is opened for reading. RG_EBUSY if another process has it open, RG_EIO, RG_EFULL, RG_EFORMAT if
// it is no store.
int rg_store_open(rg_store_t **store, const char *path, size_t map_bytes);
void rg_store_close(rg_store_t **store);

int rg_store_read_only(const rg_store_t *store);
uint64_t rg_store_bytes(const rg_store_t *store); // on disk

// Writes what is used of the store to a file beside it, which adopt then puts in the store's place; between
// the two nothing may be written, and for adopt no transaction be open. RG_EFULL, RG_EIO: the store is as
// before. adopt: RG_EIO or RG_EFORMAT if the store cannot be opened again; it can only be closed then.
int rg_store_copy(rg_store_t *store);
int rg_store_adopt(rg_store_t *store);

// Transactions: begin, then commit or abort; both take the transaction and null the pointer, on the thread
// that began it. One writing transaction at a time. Commit returns when the data is on the disk: RG_EFULL,
// RG_EIO, then nothing of the transaction is stored. write: RG_EIO if the store is read-only.
int rg_store_read(rg_store_t *store, rg_store_txn_t **txn);
int rg_store_write(rg_store_t *store, rg_store_txn_t **txn);
int rg_store_commit(rg_store_txn_t **txn);
void rg_store_abort(rg_store_txn_t **txn);

// The state; all zero in a new store. RG_EFORMAT, RG_EVERSION.
int rg_store_state(rg_store_txn_t *txn, rg_state_t *state);
int rg_store_set_state(rg_store_txn_t *txn, const rg_state_t *state);

// The label of a content id. RG_ENOENT (without a sentence) if it is not stored.
int rg_store_find(rg_store_txn_t *txn, const uint8_t id[RG_ID_SIZE], uint64_t *label);

// The image of that label. RG_ENOENT, RG_EFORMAT.
int rg_store_image(rg_store_txn_t *txn, uint64_t label, rg_image_t *image);

// The first image whose label is at least from. RG_ENOENT (without a sentence) after the last.
int rg_store_next(rg_store_txn_t *txn, uint64_t from, rg_image_t *image);

// Number of images stored, and how many of them the slot's model has embedded. RG_EIO.
int rg_store_count(rg_store_txn_t *txn, uint64_t *count);
int rg_store_embedded(rg_store_txn_t *txn, uint32_t slot, uint64_t *count);

// Entries of the tables that have one for every image. RG_EIO.
typedef struct {
    uint64_t ids, names, thumbnails;
} rg_entries_t;
int rg_store_entries(rg_store_txn_t *txn, rg_entries_t *entries);

// Calls fn with the labels of all images whose name begins with prefix, in the order of the names.
int rg_store_named(rg_store_txn_t *txn, const char *prefix, void (*fn)(void *self, uint64_t label),
                   void *self);

// Bulk data of an image, borrowed until the transaction ends; 2-byte aligned. What a model made: RG_ENOENT
// (without a sentence) if that model has not seen the image, RG_EFORMAT if it is not want bytes long.
// Thumbnail: RG_EFORMAT if it is missing or empty.
int rg_store_made(rg_store_txn_t *txn, const rg_image_t *image, uint32_t slot, enum rg_made kind, size_t want,
                  rg_span_t *made);
int rg_store_thumbnail(rg_store_txn_t *txn, const rg_image_t *image, rg_span_t *jpeg);

// Stores an image that is not there yet under a new label, which is set in image->label. RG_EFULL, RG_EIO:
// abort the transaction.
int rg_store_put(rg_store_txn_t *txn, rg_image_t *image, rg_span_t thumbnail);

// Stores what the slot's model made of an image, in place of what it had made.
int rg_store_make(rg_store_txn_t *txn, uint64_t label, uint32_t slot, const rg_span_t made[RG_MADES]);

// Forgets all that the slot's model made.
int rg_store_clear(rg_store_txn_t *txn, uint32_t slot);

// Removes the image of that label. RG_ENOENT.
int rg_store_delete(rg_store_txn_t *txn, uint64_t label);

#endif
