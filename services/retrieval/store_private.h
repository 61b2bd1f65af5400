// Inside the store: what store.c (environment, transactions, state), store_images.c (images), store_pages.c
// (the file), store_repair.c and store_convert.c (older stores) share.
#ifndef RG_RETRIEVAL_STORE_PRIVATE_H
#define RG_RETRIEVAL_STORE_PRIVATE_H

#include <lmdb.h>
#include <stdatomic.h>

#include "services/retrieval/store.h"

enum { RG__STORE_VERSION = 4, RG__STORE_PLAIN_VERSION = 3 }; // of the records; 3: without checksums

// A table. seed: of the checksums of its values, so that a value of another table is not taken for its own.
typedef struct {
    MDB_dbi dbi;
    uint64_t seed;
} rg__table_t;

struct rg_store {
    char *path;
    size_t map_bytes;
    int owner; // descriptor of the lock file; -1 if the store is not locked
    int read_only;
    MDB_env *env;
    rg__table_t meta, ids, names, images, thumbnails, tombstones, derived[RG_STORE_SLOTS][RG_DERIVED_KINDS];
    atomic_int is_lost; // LMDB has given up (rg_store_is_lost)
};

struct rg_store_txn {
    rg_store_t *store;
    MDB_txn *txn;
    MDB_cursor *cursor; // over images; opened by the first rg_store_next
    uint64_t at;        // the cursor goes on with the entry behind it if this label is asked for; 0: never
};

// Translates a code of LMDB; the sentence says what could not be done, e.g. "read".
int rg__store_fail(rg_store_t *store, int rc, const char *what);

// The value of a key, borrowed until the transaction ends. Without a sentence, because only the caller knows
// what the key stands for: RG_ENOENT, and RG_EFORMAT if the value is not what was written.
int rg__store_get(rg_store_txn_t *txn, const rg__table_t *table, const void *key, size_t key_size,
                  rg_store_value_t *value);
int rg__store_put(rg_store_txn_t *txn, const rg__table_t *table, const void *key, size_t key_size,
                  rg_store_value_t value);

// What helps when the store as a whole cannot be used.
#define RG__STORE_REMEDY                                                                                     \
    "put a copy of the folder in its place, or move data.mdb away and add the images again"

// Takes the checksum off a value that a cursor found. RG_EFORMAT without a sentence.
int rg__store_check(const rg__table_t *table, const MDB_val *key, const MDB_val *found,
                    rg_store_value_t *value);

// Deletes a key; a missing key is not an error.
int rg__store_del(rg_store_txn_t *txn, const rg__table_t *table, const void *key, size_t key_size);

// Opens the environment in the folder of the store, and its tables.
int rg__store_open_env(rg_store_t *store, unsigned flags); // flags of LMDB
int rg__store_open_tables(rg_store_t *store);

// The folder in which the copy of a store is written; free() it.
char *rg__store_copy_folder(const rg_store_t *store);

// ---- store_images.c

// The key of an image in the table of names: its name, then its label with the highest byte first, because
// several images may have the same name. Returns the size of the key.
enum { RG__NAME_KEY_SIZE = RG_TEXT_MAX + sizeof(uint64_t) };
size_t rg__store_name_key(const rg_store_image_t *image, char key[RG__NAME_KEY_SIZE]);

// Reads the value of the table `images`. RG_EFORMAT naming the image.
int rg__store_parse_image(const rg_store_t *store, uint64_t label, rg_store_value_t value,
                          rg_store_image_t *image);

// Enters an image in the tables that lead to it, ids and names; and puts its record.
int rg__store_list_image(rg_store_txn_t *txn, const rg_store_image_t *image);
int rg__store_put_record(rg_store_txn_t *txn, const rg_store_image_t *image);

// ---- store_pages.c

// Checks the file data.mdb of a store that is not open, before LMDB maps it; a missing file is fine.
// RG_EFORMAT naming what is damaged and the remedy.
int rg__store_check_file(const rg_store_t *store);

// ---- store_watch.c

// Ends rg_store_exit_if_unreadable for this store.
void rg__store_unwatch(const rg_store_t *store);

// Logs what makes the file unreadable, with the remedy, and ends the process.
_Noreturn void rg__store_exit_damaged(const char *path, const char *what);

// ---- store_repair.c

// Rebuilds ids and names from the image records if any image cannot be found through them.
int rg__store_repair(rg_store_t *store);

// ---- store_convert.c

// Writes the images of an open store of RG__STORE_PLAIN_VERSION to the copy of the store (rg_store_use_copy).
int rg__store_convert(rg_store_t *store);

#endif
