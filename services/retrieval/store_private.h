// Inside the store: what store.c (environment, transactions, state) and store_images.c (images) share.
#ifndef RG_RETRIEVAL_STORE_PRIVATE_H
#define RG_RETRIEVAL_STORE_PRIVATE_H

#include <lmdb.h>

#include "services/retrieval/store.h"

enum { RG__STORE_VERSION = 3 }; // of the records

struct rg_store {
    char *path;
    size_t map_bytes;
    int owner; // descriptor of the lock file; -1 if the store is not locked
    int read_only;
    MDB_env *env;
    MDB_dbi meta, ids, names, images, thumbnails, derived[RG_STORE_SLOTS][RG_DERIVED_KINDS];
};

struct rg_store_txn {
    rg_store_t *store;
    MDB_txn *txn;
    MDB_cursor *cursor; // over images; opened by the first rg_store_next
};

// Translates a code of LMDB; the sentence says what could not be done, e.g. "read".
int rg__store_fail(const rg_store_t *store, int rc, const char *what);

// The value of a key, borrowed until the transaction ends. RG_ENOENT without a sentence: only the caller
// knows whether a missing key is an error.
int rg__store_get(rg_store_txn_t *txn, MDB_dbi table, const void *key, size_t key_size,
                  rg_store_value_t *value);
int rg__store_put(rg_store_txn_t *txn, MDB_dbi table, const void *key, size_t key_size,
                  rg_store_value_t value);

// Deletes a key; a missing key is not an error. label: deletes only this one of the values of the key; or
// NULL.
int rg__store_del(rg_store_txn_t *txn, MDB_dbi table, const void *key, size_t key_size,
                  const uint64_t *label);

#endif
