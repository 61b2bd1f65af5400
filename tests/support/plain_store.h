// Stores of version 3, which have no checksums, made from stores of this version.
#ifndef RG_TESTS_PLAIN_STORE_H
#define RG_TESTS_PLAIN_STORE_H

#include <lmdb.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PLAIN_MAX = 64 << 10, PLAIN_MAP = 64 << 20 }; // bytes of the longest value, of the largest store

static inline void plain_must(int rc)
{
    if (rc) abort();
}

// Copies a table to a new environment, without checksums where it has them.
static inline void plain_copy_table(MDB_txn *from, MDB_txn *to, const char *table, unsigned flags)
{
    MDB_dbi in, out;
    MDB_cursor *cursor;
    MDB_val key, value;
    plain_must(mdb_dbi_open(from, table, flags, &in));
    plain_must(mdb_dbi_open(to, table, flags | MDB_CREATE, &out));
    plain_must(mdb_cursor_open(from, in, &cursor));
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        char plain[PLAIN_MAX];
        const uint32_t version = 3;
        value.mv_size -= sizeof(uint64_t);
        if (value.mv_size > sizeof plain) abort();
        memcpy(plain, value.mv_data, value.mv_size);
        value.mv_data = plain;
        if (strcmp(table, "images") == 0 || (key.mv_size == 5 && memcmp(key.mv_data, "state", 5) == 0))
            memcpy(plain, &version, sizeof version);
        plain_must(mdb_put(to, out, &key, &value, 0));
    }
    mdb_cursor_close(cursor);
}

static inline MDB_env *plain_open(const char *folder, MDB_txn **txn)
{
    MDB_env *env;
    plain_must(mdb_env_create(&env));
    mdb_env_set_maxdbs(env, 16);
    mdb_env_set_mapsize(env, PLAIN_MAP);
    plain_must(mdb_env_open(env, folder, 0, 0600));
    plain_must(mdb_txn_begin(env, NULL, 0, txn));
    return env;
}

// Writes the store in `folder` as version 3 to the folder `plain`, which exists.
static inline void write_plain_store(const char *folder, const char *plain)
{
    static const char *const tables[] = {"images",       "thumbnails", "embeddings.0",
                                         "embeddings.1", "features.0", "features.1"};
    MDB_txn *in, *out;
    MDB_dbi names;
    MDB_val name = {10, "000001.jpg"}, label = {8, "\2\0\0\0\0\0\0\0"};
    MDB_env *from = plain_open(folder, &in), *to = plain_open(plain, &out);
    for (int i = 0; i < 6; i++) plain_copy_table(in, out, tables[i], MDB_INTEGERKEY);
    plain_copy_table(in, out, "meta", 0);
    plain_copy_table(in, out, "ids", 0);
    plain_must(mdb_dbi_open(out, "names", MDB_CREATE | MDB_DUPSORT | MDB_DUPFIXED | MDB_INTEGERDUP, &names));
    plain_must(mdb_put(out, names, &name, &label, 0));
    label.mv_data = "\3\0\0\0\0\0\0\0";
    plain_must(mdb_put(out, names, &name, &label, 0));
    mdb_txn_abort(in);
    plain_must(mdb_txn_commit(out));
    mdb_env_close(from);
    mdb_env_close(to);
}

#endif
