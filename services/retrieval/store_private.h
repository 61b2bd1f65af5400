// Inside the store: what store.c (the environment, transactions, the state) and store_images.c share. Nobody
// else sees LMDB.
#ifndef RG_RETRIEVAL_STORE_PRIVATE_H
#define RG_RETRIEVAL_STORE_PRIVATE_H

#include <lmdb.h>

#include "services/retrieval/store.h"

enum { RG__STORE_VERSION = 3 };

struct rg_store {
    char *path;
    size_t map_bytes;
    int owner; // descriptor of the lock file, -1 before it is ours
    int read_only;
    MDB_env *env;
    MDB_dbi meta, ids, names, images, thumbnails, made[RG_SLOTS][RG_MADES];
};

struct rg_store_txn {
    rg_store_t *store;
    MDB_txn *txn;
    MDB_cursor *cursor; // over images, opened by the first rg_store_next
};

// LMDB's code as ours, with a sentence that says what could not be done: "read".
int rg__store_fail(const rg_store_t *store, int rc, const char *what);

// The value of a key, borrowed until the transaction ends. RG_ENOENT without a sentence: absence is an answer
// here, its meaning is the caller's.
int rg__store_get(rg_store_txn_t *txn, MDB_dbi table, const void *key, size_t key_size, rg_span_t *value);
int rg__store_put(rg_store_txn_t *txn, MDB_dbi table, const void *key, size_t key_size, rg_span_t value);

// What is not there is removed already. label: of several under the same key, or NULL.
int rg__store_del(rg_store_txn_t *txn, MDB_dbi table, const void *key, size_t key_size,
                  const uint64_t *label);

#endif
