// The durable part of the retrieval set: images by content id, in LMDB (the only place that sees it).
//
// Every image has a label, a number that is never given twice: what is embedded later has the larger label.
// The FAISS index carries labels, so it can always be rebuilt from here. Tables of the environment:
//   meta        "state" -> rg_state_t, "next" -> next label
//   ids         content id, 16 bytes -> label
//   images      label -> version, id, generation, time, name, model
//   embeddings  label -> f32 [D]        contents  label -> f16 [h,w,C]        thumbnails  label -> JPEG bytes
// Numbers are in the byte order of the machine (little-endian, as is the wire's payload).
//
// A write transaction that was committed is on the disk; one that was not leaves no trace, whatever is
// killed. Every length is checked on reading: a corrupt record is RG_EFORMAT naming the image. One process at
// a time owns a store (a lock file beside the data), and one thread of it uses it.
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
    uint32_t content_shape[3]; // h, w, C
} rg_model_t;

size_t rg_model_embedding_bytes(const rg_model_t *model);
size_t rg_model_content_bytes(const rg_model_t *model);

// What has to survive a restart besides the images.
typedef struct {
    rg_model_t model;
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
    char model[RG_TEXT_MAX + 1]; // that embedded it
    uint64_t generation;         // in which it was added
    uint64_t time_ms;            // of the addition, since 1970
} rg_image_t;

enum rg_bulk { RG_BULK_EMBEDDING, RG_BULK_CONTENT, RG_BULK_THUMBNAIL, RG_BULKS };

typedef struct rg_store rg_store_t;
typedef struct rg_store_txn rg_store_txn_t;

// Opens or makes the store in the folder path, which may grow to map_bytes. RG_EBUSY if another process has
// it open, RG_EIO (also: read-only), RG_EFULL, RG_EFORMAT if it is no store.
int rg_store_open(rg_store_t **store, const char *path, size_t map_bytes);
void rg_store_close(rg_store_t **store);

uint64_t rg_store_bytes(const rg_store_t *store); // on disk

// Transactions: begin, then commit or abort; both take the transaction and null the pointer. One writing
// transaction at a time, and one reading. Commit returns when the data is on the disk: RG_EFULL, RG_EIO, then
// nothing of the transaction is stored.
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

// Number of images stored. RG_EIO.
int rg_store_count(rg_store_txn_t *txn, uint64_t *count);

// Bulk data of an image, borrowed until the transaction ends; 2-byte aligned. RG_EFORMAT if it is not there,
// is empty, or is not want bytes long (0: any).
int rg_store_bulk(rg_store_txn_t *txn, const rg_image_t *image, enum rg_bulk kind, size_t want,
                  rg_span_t *bulk);

// Stores an image, in place of the one with the same id if there is one, under a new label, which is set in
// image->label. RG_EFULL, RG_EIO: abort the transaction.
int rg_store_put(rg_store_txn_t *txn, rg_image_t *image, const rg_span_t bulk[RG_BULKS]);

// Removes the image of that label. RG_ENOENT.
int rg_store_delete(rg_store_txn_t *txn, uint64_t label);

#endif
