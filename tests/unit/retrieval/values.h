// Values written past the store, as they lie in its tables.
#ifndef RG_TEST_RETRIEVAL_VALUES_H
#define RG_TEST_RETRIEVAL_VALUES_H

#include <lmdb.h>

#include "common/core/hash.h"
#include "tests/unit/retrieval/pictures.h"

enum { VALUE_MAX = 1024 };

// Writes the value with its checksum to sealed [VALUE_MAX]. Returns the size.
static inline size_t seal_value(const char *table, MDB_val key, const void *value, size_t size, char *sealed)
{
    const uint64_t seed = rg_hash(key.mv_data, key.mv_size, rg_hash(table, strlen(table), 0));
    const uint64_t checksum = rg_hash(value, size, seed);
    assert_true(size + sizeof checksum <= VALUE_MAX);
    memcpy(sealed, value, size);
    memcpy(sealed + size, &checksum, sizeof checksum);
    return size + sizeof checksum;
}

// Writes these bytes as the value of a key, or deletes the key (value NULL). Returns a code of LMDB.
static inline int change_value(const char *folder, const char *table, MDB_val key, const MDB_val *value)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_val v = value ? *value : (MDB_val){0};
    int rc = mdb_env_create(&env);
    if (!rc) rc = mdb_env_set_maxdbs(env, 16);
    if (!rc) rc = mdb_env_set_mapsize(env, MAP_BYTES);
    if (!rc) rc = mdb_env_open(env, folder, 0, 0600);
    if (!rc) rc = mdb_txn_begin(env, NULL, 0, &txn);
    if (!rc) rc = mdb_dbi_open(txn, table, value ? MDB_CREATE : 0, &dbi);
    if (!rc) rc = value ? mdb_put(txn, dbi, &key, &v, 0) : mdb_del(txn, dbi, &key, NULL);
    if (!rc) rc = mdb_txn_commit(txn);
    mdb_env_close(env);
    return rc;
}

#endif
