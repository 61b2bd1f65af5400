// The LMDB database of the store.
//
//   FOLDER/data.mdb        all tables
//   FOLDER/lock.mdb        LMDB's table of readers
//   FOLDER/owner.lock      locked by the process that owns the store
//   FOLDER/compacting/     the copy of a compaction
//   FOLDER/suspect         data.mdb has to be checked before it is mapped (store_watch.c)
//   FOLDER/index.snapshot  belongs to the set (snapshot.c), as does FOLDER/rows.N (rows_file.h)
//
//   table          key                  value, followed by its checksum
//   meta           "state"              version, generation, slot, current and next model (state_head_t)
//   meta           "next"               the next label, u64
//   meta           "rows"               number of the file of rows, u64
//   meta           "forgotten"          until when removals are forgotten, us since 1970 (set_change.c)
//   ids            content id, 16 bytes label, u64; when its last addition was asked for, u64 us since 1970, or missing
//   by_name        name, label          empty (rg__store_name_key)
//   images         label                id, name, generation, time, annotated (image_head_t, store_images.c)
//   thumbnails     label                JPEG
//   embeddings.S   label                f32 [D]        S: slot, 0 or 1
//   features.S     label                f16 [h,w,C]
//   removed        label                empty: an image whose row lies in the file of rows has been removed
//   tombstones     content id           when its removal was asked for, us since 1970 (set_change.c)
//
// The checksum (xxh3-64) covers the table, the key and the value. Every read compares it, so what is read is
// what was written, also if a damaged page leads to the value of another key. The structure of the pages is
// checked before LMDB sees them (store_pages.c), because LMDB trusts what it reads. A large file is checked
// while it is read already, and before anything is written: a damaged page may end the process, but not lead
// to a wrong value or to another page being overwritten.
//
// Numbers are little-endian, as on the wire; the program runs on little-endian machines only.
//
// Durability: mdb_txn_commit writes the changed pages and syncs the file before it switches to the new root
// page. So a batch of additions costs one sync, and a kill or a power failure leaves the state of the last
// commit. The copy of a compaction is synced before it is renamed to data.mdb; then the folder is synced.
//
// A read transaction sees the state of the commit before its beginning, for as long as it is open (MVCC).
// Pages that it may still need are not reused meanwhile. MDB_NOTLS binds readers to transactions and not to
// threads, so one thread may hold several.
#include "services/retrieval/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/hash.h"

enum { TABLES = 7 + RG_STORE_SLOTS * RG_DERIVED_KINDS };

enum { CHECKSUM = sizeof(uint64_t) }; // bytes behind each value

// A model in the value of the state, without its name.
typedef struct {
    uint32_t name_length;
    uint32_t embed_dim;
    uint32_t features_shape[3];
} model_head_t;

// The beginning of the value of the state; the names of the current and of the next model follow.
typedef struct {
    uint32_t version;
    uint32_t slot;
    uint64_t generation;
    model_head_t model, next;
} state_head_t;

_Static_assert(sizeof(state_head_t) == 56, "the record has no padding");

size_t rg_store_embedding_bytes(const rg_store_model_t *model)
{
    return model->embed_dim * sizeof(float);
}

size_t rg_store_features_bytes(const rg_store_model_t *model)
{
    const uint32_t *s = model->features_shape;
    return (size_t)s[0] * s[1] * s[2] * sizeof(uint16_t);
}

// ---- errors

// LMDB reports a write that a full disk cut short as EIO. Then the free space of the disk decides.
static int is_full_disk(const char *path, int rc)
{
    struct statvfs disk;
    if (rc == EIO && statvfs(path, &disk) == 0) return disk.f_bavail * disk.f_frsize < 1 << 20;
    return rc == MDB_MAP_FULL || rc == ENOSPC || rc == EDQUOT || rc == EFBIG;
}

int rg__store_fail(rg_store_t *store, int rc, const char *what)
{
    int err = RG_EIO;
    if (rc == MDB_PANIC) atomic_store(&store->is_lost, 1);
    if (is_full_disk(store->path, rc))
        err = RG_EFULL;
    else if (rc == MDB_INVALID || rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND || rc == MDB_INCOMPATIBLE)
        err = RG_EFORMAT;
    else if (rc == MDB_VERSION_MISMATCH)
        err = RG_EVERSION;
    if (rc == MDB_MAP_FULL)
        return rg_fail(err,
                       "%s: the retrieval store has reached its largest size: raise retrieval.map_size_gib",
                       store->path);
    // LMDB calls a write that a full disk cut short an input/output error.
    return rg_fail(err, "%s: cannot %s the retrieval store: %s", store->path, what,
                   err == RG_EFULL ? "the disk is full" : mdb_strerror(rc));
}

int rg__store_fail_version(const char *path, uint32_t version)
{
    if (version > RG__STORE_VERSION)
        return rg_fail(
            RG_EVERSION,
            "%s: the store has version %u, which a newer version of this program has written: update "
            "this one, which reads version %d",
            path, version, RG__STORE_VERSION);
    return rg_fail(RG_EVERSION, "%s: the store has version %u, but this program reads version %d", path,
                   version, RG__STORE_VERSION);
}

// ---- open and close

// A folder that cannot be written is not locked: any number of processes may read it.
static int lock_store(rg_store_t *store)
{
    char *path = rg_format("%s/owner.lock", store->path);
    int err = 0;
    store->owner = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    store->read_only = store->owner < 0 && (errno == EROFS || errno == EACCES || errno == EPERM);
    if (store->owner < 0 && !store->read_only)
        err = rg_fail_errno(RG_EIO, "%s: cannot open for writing", path);
    else if (store->owner >= 0 && flock(store->owner, LOCK_EX | LOCK_NB) != 0)
        err = errno == EWOULDBLOCK
                  ? rg_fail(RG_EBUSY,
                            "%s: another process has this retrieval store open: stop it, or set another "
                            "retrieval.path",
                            store->path)
                  : rg_fail_errno(RG_EIO, "%s: cannot lock", path);
    free(path);
    return err;
}

static int open_table(rg_store_t *store, MDB_txn *txn, const char *name, unsigned flags, rg__table_t *table)
{
    table->seed = rg_hash(name, strlen(name), 0);
    const int may_create = !store->read_only && !rg_store_is_unchecked(store);
    return mdb_dbi_open(txn, name, flags | (may_create ? MDB_CREATE : 0), &table->dbi);
}

static int open_derived_tables(rg_store_t *store, MDB_txn *txn)
{
    static const char *const names[RG_DERIVED_KINDS] = {"embeddings", "features"};
    int rc = 0;
    for (int i = 0; i < RG_STORE_SLOTS * RG_DERIVED_KINDS && !rc; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s.%d", names[i % RG_DERIVED_KINDS], i / RG_DERIVED_KINDS);
        rc = open_table(store, txn, name, MDB_INTEGERKEY,
                        &store->derived[i / RG_DERIVED_KINDS][i % RG_DERIVED_KINDS]);
    }
    return rc;
}

// A read-only store of an earlier version does not have the table.
static int open_removed_table(rg_store_t *store, MDB_txn *txn)
{
    int rc = open_table(store, txn, "removed", MDB_INTEGERKEY, &store->removed);
    if (rc != MDB_NOTFOUND || !store->read_only) return rc;
    store->removed.dbi = 0;
    return 0;
}

// Only tables of a checked file are created.
static int create_tables_after_check(rg_store_t *store)
{
    int err = rg_store_check_pages(store);
    if (err) return err;
    atomic_store(&store->check, RG__STORE_CHECKED);
    return rg__store_open_tables(store);
}

int rg__store_open_tables(rg_store_t *store)
{
    MDB_txn *txn;
    int may_write = !store->read_only && !rg_store_is_unchecked(store);
    int rc = mdb_txn_begin(store->env, NULL, may_write ? 0 : MDB_RDONLY, &txn);
    if (rc) return rg__store_fail(store, rc, "open");
    rc = open_table(store, txn, "meta", 0, &store->meta);
    if (!rc) rc = open_table(store, txn, "ids", 0, &store->ids);
    if (!rc) rc = open_table(store, txn, "by_name", 0, &store->names);
    if (!rc) rc = open_table(store, txn, "images", MDB_INTEGERKEY, &store->images);
    if (!rc) rc = open_table(store, txn, "thumbnails", MDB_INTEGERKEY, &store->thumbnails);
    if (!rc) rc = open_table(store, txn, "tombstones", 0, &store->tombstones);
    if (!rc) rc = open_removed_table(store, txn);
    if (!rc) rc = open_derived_tables(store, txn);
    if (rc)
        mdb_txn_abort(txn);
    else
        rc = mdb_txn_commit(txn);
    if (rc == MDB_NOTFOUND && rg_store_is_unchecked(store)) return create_tables_after_check(store);
    return rc ? rg__store_fail(store, rc, "open") : 0;
}

// LMDB calls this where it finds its own pages impossible, and would abort otherwise.
static void fail_assertion(MDB_env *env, const char *text)
{
    const char *path = "";
    mdb_env_get_path(env, &path);
    rg__store_exit_damaged(path, text);
}

// A read-only store needs no lock table, because no process writes to it.
int rg__store_open_env(rg_store_t *store, unsigned flags)
{
    if (store->read_only) flags |= MDB_RDONLY | MDB_NOLOCK;
    int rc = mdb_env_create(&store->env);
    if (!rc) rc = mdb_env_set_mapsize(store->env, store->map_bytes);
    if (!rc) rc = mdb_env_set_maxdbs(store->env, TABLES);
    if (!rc) rc = mdb_env_set_assert(store->env, fail_assertion);
    if (!rc) rc = mdb_env_open(store->env, store->path, MDB_NOTLS | flags, 0600);
    if (rc == ENOMEM)
        return rg_fail(RG_ELIMIT,
                       "%s: cannot map %zu GiB of addresses for the retrieval store: lower "
                       "retrieval.map_size_gib, or raise the limit (ulimit -v)",
                       store->path, store->map_bytes >> 30);
    int dead = 0; // frees the table entries of readers that were killed
    if (!rc) rc = mdb_reader_check(store->env, &dead);
    return rc ? rg__store_fail(store, rc, "open") : 0;
}

// The version of the records that an open store holds; 0 if it holds none.
static int read_version(rg_store_t *store, uint32_t *version)
{
    MDB_txn *txn;
    MDB_dbi meta;
    MDB_val key = {5, "state"}, value = {0};
    *version = 0;
    int rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    if (rc) return rg__store_fail(store, rc, "open");
    rc = mdb_dbi_open(txn, "meta", 0, &meta);
    if (!rc) rc = mdb_get(txn, meta, &key, &value);
    if (!rc && value.mv_size >= sizeof *version + CHECKSUM) memcpy(version, value.mv_data, sizeof *version);
    mdb_txn_abort(txn);
    return rc && rc != MDB_NOTFOUND ? rg__store_fail(store, rc, "open") : 0;
}

// Brings an open store to the version of this program.
static int convert_store(rg_store_t *store)
{
    uint32_t version;
    int err = read_version(store, &version);
    if (!err && version > RG__STORE_VERSION) return rg__store_fail_version(store->path, version);
    if (err || version != RG__STORE_PLAIN_VERSION) return err;
    if (store->read_only)
        return rg_fail(RG_EVERSION,
                       "%s: the store has version %u, which is converted at the first start that may write: "
                       "allow writing and start again",
                       store->path, version);
    if (rg_store_is_unchecked(store)) err = rg_store_check_pages(store);
    if (!err) err = rg__store_convert(store);
    return err ? err : rg_store_use_copy(store);
}

static int check_store_version(rg_store_t *store)
{
    rg_store_txn_t *txn = NULL;
    rg_store_state_t state;
    int err = rg_store_begin_read(store, &txn);
    if (!err) err = rg_store_state(txn, &state);
    rg_store_abort(&txn);
    return err;
}

int rg_store_check(rg_store_t *store)
{
    if (!rg_store_is_unchecked(store)) return 0;
    int err = rg_store_check_pages(store);
    if (err == RG_EFORMAT) rg__store_suspect(store);
    if (err) return err;
    atomic_store(&store->check, RG__STORE_CHECKED);
    return store->read_only ? 0 : rg__store_repair(store);
}

int rg_store_is_unchecked(const rg_store_t *store)
{
    return atomic_load(&store->check) != RG__STORE_CHECKED;
}

int rg_store_is_writable(const rg_store_t *store)
{
    return !store->read_only && atomic_load(&store->check) != RG__STORE_UNCHECKED;
}

int rg_store_open(rg_store_t **out, const char *path, size_t map_bytes)
{
    int err = rg_exists(path) ? 0 : rg_mkdirs_private(path);
    if (err) return err;
    rg_store_t *store = rg_alloc(sizeof *store);
    *store = (rg_store_t){.path = rg_strdup(path),
                          .map_bytes = map_bytes,
                          .owner = -1,
                          .suspect = rg_format("%s/suspect", path)};
    err = lock_store(store);
    if (!err) err = rg__store_check_file(store);
    if (!err) err = rg__store_open_env(store, 0);
    if (!err) err = convert_store(store);
    if (!err) err = rg__store_open_tables(store);
    if (!err) err = check_store_version(store);
    if (!err && !store->read_only && !rg_store_is_unchecked(store)) err = rg__store_repair(store);
    if (err)
        rg_store_close(&store);
    else
        *out = store;
    return err;
}

void rg_store_close(rg_store_t **store)
{
    if (!*store) return;
    rg__store_unwatch(*store);
    if ((*store)->env) mdb_env_close((*store)->env);
    if ((*store)->owner >= 0) close((*store)->owner);
    free((*store)->path);
    free((*store)->suspect);
    free(*store);
    *store = NULL;
}

int rg_store_read_only(const rg_store_t *store)
{
    return store->read_only;
}

int rg_store_is_lost(const rg_store_t *store)
{
    return atomic_load(&store->is_lost);
}

uint64_t rg_store_bytes(const rg_store_t *store)
{
    MDB_envinfo info;
    MDB_stat stat;
    mdb_env_info(store->env, &info);
    mdb_env_stat(store->env, &stat);
    return (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
}

// ---- compaction

static int sync_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int failed = fd < 0 || fsync(fd) != 0;
    int err = failed ? rg_fail_errno(RG_EIO, "%s: cannot sync", path) : 0;
    if (fd >= 0) close(fd);
    return err;
}

char *rg__store_copy_folder(const rg_store_t *store)
{
    return rg_format("%s/compacting", store->path);
}

int rg_store_copy(rg_store_t *store)
{
    char *folder = rg__store_copy_folder(store), *data = rg_format("%s/data.mdb", folder);
    unlink(data); // left by a compaction that was killed
    int err = rg_mkdirs_private(folder);
    int rc = err ? 0 : mdb_env_copy2(store->env, folder, MDB_CP_COMPACT);
    if (rc) err = rg__store_fail(store, rc, "copy");
    if (!err) err = sync_file(data);
    if (err) unlink(data);
    free(data);
    free(folder);
    return err;
}

int rg_store_use_copy(rg_store_t *store)
{
    char *folder = rg__store_copy_folder(store), *copy = rg_format("%s/data.mdb", folder);
    char *data = rg_format("%s/data.mdb", store->path);
    mdb_env_close(store->env);
    store->env = NULL;
    int err = rename(copy, data) ? rg_fail_errno(RG_EIO, "%s: cannot rename it to data.mdb", copy) : 0;
    if (!err) err = sync_file(store->path);
    int reopened = rg__store_open_env(store, 0);
    if (!reopened) reopened = rg__store_open_tables(store);
    free(copy);
    free(folder);
    free(data);
    return err ? err : reopened;
}

// ---- transactions

static int begin_txn(rg_store_t *store, unsigned flags, rg_store_txn_t **out)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(store->env, NULL, flags, &txn);
    if (rc) return rg__store_fail(store, rc, flags & MDB_RDONLY ? "read" : "write to");
    *out = rg_alloc(sizeof **out);
    **out = (rg_store_txn_t){.store = store, .txn = txn};
    return 0;
}

int rg_store_begin_read(rg_store_t *store, rg_store_txn_t **txn)
{
    return begin_txn(store, MDB_RDONLY, txn);
}

int rg_store_begin_write(rg_store_t *store, rg_store_txn_t **txn)
{
    if (store->read_only)
        return rg_fail(
            RG_EIO, "%s: the folder is read-only, so nothing can be changed: allow writing and start again",
            store->path);
    const int check = atomic_load(&store->check);
    if (check == RG__STORE_UNCHECKED)
        return rg_fail(RG_EBUSY, "%s: the store is still being checked: try again", store->path);
    int err = begin_txn(store, 0, txn);
    if (!err && check == RG__STORE_OUTLINED) err = rg__store_touch_begin(*txn);
    if (err) rg_store_abort(txn);
    return err;
}

// A failed commit is taken back, unless the meta page could not be written: then LMDB refuses everything.
static void look_for_panic(rg_store_t *store)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    if (!rc) mdb_txn_abort(txn);
    if (rc == MDB_PANIC) atomic_store(&store->is_lost, 1);
}

int rg_store_commit(rg_store_txn_t **txn)
{
    if ((*txn)->cursor) mdb_cursor_close((*txn)->cursor);
    rg__store_touch_end(*txn);
    int rc = mdb_txn_commit((*txn)->txn);
    int err = rc ? rg__store_fail((*txn)->store, rc, "write to") : 0;
    if (err) look_for_panic((*txn)->store);
    free(*txn);
    *txn = NULL;
    return err;
}

void rg_store_abort(rg_store_txn_t **txn)
{
    if (!*txn) return;
    if ((*txn)->cursor) mdb_cursor_close((*txn)->cursor);
    rg__store_touch_end(*txn);
    mdb_txn_abort((*txn)->txn);
    free(*txn);
    *txn = NULL;
}

// ---- values

static uint64_t checksum_of(const rg__table_t *table, const MDB_val *key, const void *data, size_t size)
{
    return rg_hash(data, size, rg_hash(key->mv_data, key->mv_size, table->seed));
}

int rg__store_check(const rg__table_t *table, const MDB_val *key, const MDB_val *found,
                    rg_store_value_t *value)
{
    uint64_t stored;
    if (found->mv_size < CHECKSUM) return RG_EFORMAT;
    const size_t size = found->mv_size - CHECKSUM;
    memcpy(&stored, (const char *)found->mv_data + size, CHECKSUM);
    if (stored != checksum_of(table, key, found->mv_data, size)) return RG_EFORMAT;
    *value = (rg_store_value_t){.data = found->mv_data, .size = size};
    return 0;
}

int rg__store_get(rg_store_txn_t *txn, const rg__table_t *table, const void *key, size_t key_size,
                  rg_store_value_t *value)
{
    MDB_val k = {.mv_size = key_size, .mv_data = (void *)key}, v;
    int rc = mdb_get(txn->txn, table->dbi, &k, &v);
    if (rc == MDB_NOTFOUND) return RG_ENOENT;
    return rc ? rg__store_fail(txn->store, rc, "read") : rg__store_check(table, &k, &v, value);
}

int rg__store_put(rg_store_txn_t *txn, const rg__table_t *table, const void *key, size_t key_size,
                  rg_store_value_t value)
{
    MDB_val k = {.mv_size = key_size, .mv_data = (void *)key}, v = {.mv_size = value.size + CHECKSUM};
    int err = txn->touch ? rg__store_touch(txn, table, key, key_size) : 0;
    if (err) return err;
    int rc = mdb_put(txn->txn, table->dbi, &k, &v, MDB_RESERVE);
    if (rc) return rg__store_fail(txn->store, rc, "write to");
    const uint64_t checksum = checksum_of(table, &k, value.data, value.size);
    memcpy(v.mv_data, value.data, value.size);
    memcpy((char *)v.mv_data + value.size, &checksum, CHECKSUM);
    return 0;
}

int rg__store_del(rg_store_txn_t *txn, const rg__table_t *table, const void *key, size_t key_size)
{
    MDB_val k = {.mv_size = key_size, .mv_data = (void *)key};
    int err = rg__store_may_delete(txn);
    if (err) return err;
    int rc = mdb_del(txn->txn, table->dbi, &k, NULL);
    return rc && rc != MDB_NOTFOUND ? rg__store_fail(txn->store, rc, "remove from") : 0;
}

// ---- state

// Reads a model of the state whose name is at text.
static void unpack_model(const model_head_t *head, const char *text, rg_store_model_t *model)
{
    *model = (rg_store_model_t){.embed_dim = head->embed_dim};
    memcpy(model->features_shape, head->features_shape, sizeof head->features_shape);
    memcpy(model->name, text, head->name_length);
}

static model_head_t pack_model(const rg_store_model_t *model)
{
    model_head_t head = {.name_length = (uint32_t)strlen(model->name), .embed_dim = model->embed_dim};
    memcpy(head.features_shape, model->features_shape, sizeof head.features_shape);
    return head;
}

int rg_store_state(rg_store_txn_t *txn, rg_store_state_t *state)
{
    rg_store_value_t value = {0};
    int err = rg__store_get(txn, &txn->store->meta, "state", 5, &value);
    if (err == RG_ENOENT) *state = (rg_store_state_t){0};
    if (err == RG_EFORMAT)
        return rg_fail(err, "%s: the state of the store is damaged: " RG__STORE_REMEDY, txn->store->path);
    if (err) return err == RG_ENOENT ? 0 : err;
    state_head_t head = {0};
    const char *path = txn->store->path, *text = (const char *)value.data + sizeof head;
    memcpy(&head, value.data, value.size < sizeof head ? value.size : sizeof head);
    if (value.size >= sizeof head.version && head.version != RG__STORE_VERSION)
        return rg__store_fail_version(path, head.version);
    if (value.size < sizeof head || head.slot >= RG_STORE_SLOTS || head.model.name_length > RG_TEXT_MAX ||
        head.next.name_length > RG_TEXT_MAX ||
        value.size != sizeof head + head.model.name_length + head.next.name_length)
        return rg_fail(RG_EFORMAT, "%s: the store is corrupt: its state has %zu bytes", path, value.size);
    *state = (rg_store_state_t){.slot = head.slot, .generation = head.generation};
    unpack_model(&head.model, text, &state->model);
    unpack_model(&head.next, text + head.model.name_length, &state->next);
    return 0;
}

int rg_store_set_state(rg_store_txn_t *txn, const rg_store_state_t *state)
{
    state_head_t head = {.version = RG__STORE_VERSION,
                         .slot = state->slot,
                         .generation = state->generation,
                         .model = pack_model(&state->model),
                         .next = pack_model(&state->next)};
    char value[sizeof head + 2 * RG_TEXT_MAX], *text = value + sizeof head;
    memcpy(value, &head, sizeof head);
    memcpy(text, state->model.name, head.model.name_length);
    memcpy(text + head.model.name_length, state->next.name, head.next.name_length);
    size_t size = sizeof head + head.model.name_length + head.next.name_length;
    return rg__store_put(txn, &txn->store->meta, "state", 5, (rg_store_value_t){value, size});
}
