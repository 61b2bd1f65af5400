// Inside the store: what store.c (environment, transactions, state), store_images.c (images), store_pages.c
// (the file), store_repair.c and store_convert.c (older stores) share.
#ifndef RG_RETRIEVAL_STORE_PRIVATE_H
#define RG_RETRIEVAL_STORE_PRIVATE_H

#include <lmdb.h>
#include <stdatomic.h>

#include "services/retrieval/store.h"

enum { RG__KEY_MAX = 511 }; // bytes of a key

enum { RG__STORE_VERSION = 4, RG__STORE_PLAIN_VERSION = 3 }; // of the records; 3: without checksums

// A table. seed: of the checksums of its values, so that a value of another table is not taken for its own.
typedef struct {
    MDB_dbi dbi;
    uint64_t seed;
} rg__table_t; // dbi 0: the store does not have it

// How far the check of the file is. OUTLINED: images may be added (store_steps.c).
enum { RG__STORE_CHECKED, RG__STORE_OUTLINED, RG__STORE_UNCHECKED };

// What was found about the entries of images in ids and names, up to label `from`.
typedef struct {
    uint64_t from, images, unlisted; // unlisted: images that one of the tables does not lead to
    int is_complete;
} rg__lists_check_t;

// Where the check of a large file stands; for the thread of rg_store_check_step.
typedef struct {
    size_t table;                   // number of the table, in the order of their names
    unsigned char key[RG__KEY_MAX]; // from which on its leaf pages are still to be checked
    size_t key_size;                // 0: from the first one on
    uint64_t entries, transaction;  // found in it so far; that its check began with
    uint64_t leaves, total;         // leaf pages so far, and of all tables
    int are_tables_done;            // then it is the turn of:
    rg__lists_check_t lists;
} rg__steps_t;

typedef struct rg__touch rg__touch_t;

struct rg_store {
    char *path;
    size_t map_bytes;
    int owner; // descriptor of the lock file; -1 if the store is not locked
    int read_only;
    MDB_env *env;
    rg__table_t meta, ids, names, images, thumbnails, removed, tombstones,
        derived[RG_STORE_SLOTS][RG_DERIVED_KINDS];
    atomic_int is_lost; // LMDB has given up (rg_store_is_lost)
    atomic_int check;   // RG__STORE_CHECKED, ...
    rg__steps_t steps;
    char *suspect; // path of a file that says: check data.mdb before it is mapped
};

struct rg_store_txn {
    rg_store_t *store;
    MDB_txn *txn;
    MDB_cursor *cursor; // over images; opened by the first rg_store_next
    uint64_t at;        // the cursor goes on with the entry behind it if this label is asked for; 0: never
    rg__touch_t *touch; // of a transaction that writes before the end of the check; or NULL
};

// Translates a code of LMDB; the sentence says what could not be done, e.g. "read".
int rg__store_fail(rg_store_t *store, int rc, const char *what);

// RG_EVERSION: the records have another version than this program reads.
int rg__store_fail_version(const char *path, uint32_t version);

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

// Checks the file data.mdb of a store that is not open, before LMDB maps it; a missing file is fine. A large
// one is only noted as unchecked. RG_EFORMAT naming what is damaged and the remedy.
int rg__store_check_file(rg_store_t *store);

// Checks the outline of the file of an open store. RG_EFORMAT naming the page, RG_EIO.
int rg__store_check_outline(rg_store_t *store);

// ---- store_steps.c

// begin and end of a transaction that writes before the end of the check. touch checks the leaf page that a put
// will change: RG_EFORMAT naming the page. may_delete: RG_EBUSY before the end of the check.
int rg__store_touch_begin(rg_store_txn_t *txn);
void rg__store_touch_end(rg_store_txn_t *txn);
int rg__store_touch(rg_store_txn_t *txn, const rg__table_t *table, const void *key, size_t key_size);
int rg__store_may_delete(const rg_store_txn_t *txn);

// ---- store_watch.c

// Ends rg_store_exit_if_unreadable for this store.
void rg__store_unwatch(const rg_store_t *store);

// Makes the next process check the file before it is mapped.
void rg__store_suspect(const rg_store_t *store);

// Logs what makes the file unreadable, with the remedy, and ends the process.
_Noreturn void rg__store_exit_damaged(const char *path, const char *what);

// ---- store_repair.c

// Compares the next images, at most `limit`, with ids and names.
int rg__store_compare_lists(rg_store_txn_t *txn, rg__lists_check_t *lists, size_t limit);

// Ends the check of a store that can be written: nothing is suspect any more, and ids and names are rebuilt from
// the image records if any image cannot be found through them. repair compares all images first.
int rg__store_mend(rg_store_t *store, const rg__lists_check_t *lists);
int rg__store_repair(rg_store_t *store);

// ---- store_convert.c

// Writes the images of an open store of RG__STORE_PLAIN_VERSION to the copy of the store (rg_store_use_copy).
int rg__store_convert(rg_store_t *store);

#endif
