#include "services/retrieval/store.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"

enum { VERSION = 1, TABLES = 6, HEX_SIZE = 2 * RG_ID_SIZE + 1 };

struct rg_store {
    char *path;
    int owner; // descriptor of the lock file, -1 before it is ours
    MDB_env *env;
    MDB_dbi meta, ids, images, bulk[RG_BULKS];
};

struct rg_store_txn {
    rg_store_t *store;
    MDB_txn *txn;
    MDB_cursor *cursor; // over images, opened by the first rg_store_next
};

// The fixed part of a value of `images`; name and model follow.
typedef struct {
    uint32_t version;
    uint16_t name_length, model_length;
    uint64_t generation, time_ms;
    uint8_t id[RG_ID_SIZE];
} image_head_t;

// The fixed part of the state; the model's name follows.
typedef struct {
    uint32_t version;
    uint32_t name_length;
    uint64_t generation;
    uint32_t embed_dim;
    uint32_t content_shape[3];
} state_head_t;

_Static_assert(sizeof(image_head_t) == 40 && sizeof(state_head_t) == 32, "stored heads have no padding");

static const char *const BULK_NAME[RG_BULKS] = {"embedding", "content map", "thumbnail"};

size_t rg_model_embedding_bytes(const rg_model_t *model)
{
    return model->embed_dim * sizeof(float);
}

size_t rg_model_content_bytes(const rg_model_t *model)
{
    const uint32_t *s = model->content_shape;
    return (size_t)s[0] * s[1] * s[2] * sizeof(uint16_t);
}

// ---- errors

static void hex(const uint8_t id[RG_ID_SIZE], char out[HEX_SIZE])
{
    for (int i = 0; i < RG_ID_SIZE; i++) {
        out[2 * i] = "0123456789abcdef"[id[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[id[i] & 15];
    }
    out[HEX_SIZE - 1] = 0;
}

// LMDB reports a write cut short by a full disk as a plain EIO: look at the disk.
static int is_full(const char *path, int rc)
{
    struct statvfs disk;
    if (rc == EIO && statvfs(path, &disk) == 0) return disk.f_bavail * disk.f_frsize < 1 << 20;
    return rc == MDB_MAP_FULL || rc == ENOSPC || rc == EDQUOT || rc == EFBIG;
}

static int fail(const rg_store_t *store, int rc, const char *what)
{
    int err = RG_EIO;
    if (is_full(store->path, rc))
        err = RG_EFULL;
    else if (rc == MDB_INVALID || rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND || rc == MDB_INCOMPATIBLE)
        err = RG_EFORMAT;
    else if (rc == MDB_VERSION_MISMATCH)
        err = RG_EVERSION;
    return rg_fail(err, "%s: cannot %s the retrieval store: %s", store->path, what, mdb_strerror(rc));
}

static int corrupt(const rg_store_txn_t *txn, const rg_image_t *image, const char *what, size_t size)
{
    char name[HEX_SIZE];
    hex(image->id, name);
    return rg_fail(RG_EFORMAT, "%s: image %s is corrupt: its %s has %zu bytes", txn->store->path, name, what,
                   size);
}

// ---- open and close

static int lock(rg_store_t *store)
{
    char *path = rg_format("%s/owner.lock", store->path);
    int err = 0;
    store->owner = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (store->owner < 0)
        err = rg_fail_errno(RG_EIO, "%s: cannot open for writing", path);
    else if (flock(store->owner, LOCK_EX | LOCK_NB) != 0)
        err = errno == EWOULDBLOCK
                  ? rg_fail(RG_EBUSY, "%s: another process has this retrieval store open", store->path)
                  : rg_fail_errno(RG_EIO, "%s: cannot lock", path);
    free(path);
    return err;
}

static int open_tables(rg_store_t *store)
{
    const struct {
        const char *name;
        unsigned flags;
        MDB_dbi *table;
    } tables[TABLES] = {{"meta", 0, &store->meta},
                        {"ids", 0, &store->ids},
                        {"images", MDB_INTEGERKEY, &store->images},
                        {"embeddings", MDB_INTEGERKEY, &store->bulk[RG_BULK_EMBEDDING]},
                        {"contents", MDB_INTEGERKEY, &store->bulk[RG_BULK_CONTENT]},
                        {"thumbnails", MDB_INTEGERKEY, &store->bulk[RG_BULK_THUMBNAIL]}};
    MDB_txn *txn;
    int rc = mdb_txn_begin(store->env, NULL, 0, &txn);
    if (rc) return fail(store, rc, "write to");
    for (int i = 0; i < TABLES && !rc; i++)
        rc = mdb_dbi_open(txn, tables[i].name, tables[i].flags | MDB_CREATE, tables[i].table);
    if (rc)
        mdb_txn_abort(txn);
    else
        rc = mdb_txn_commit(txn);
    return rc ? fail(store, rc, "write to") : 0;
}

static int open_env(rg_store_t *store, size_t map_bytes)
{
    int rc = mdb_env_create(&store->env);
    if (!rc) rc = mdb_env_set_mapsize(store->env, map_bytes);
    if (!rc) rc = mdb_env_set_maxdbs(store->env, TABLES);
    if (!rc) rc = mdb_env_open(store->env, store->path, 0, 0644);
    int dead = 0; // readers that were killed
    if (!rc) rc = mdb_reader_check(store->env, &dead);
    return rc ? fail(store, rc, "open") : open_tables(store);
}

int rg_store_open(rg_store_t **out, const char *path, size_t map_bytes)
{
    int err = rg_mkdirs(path);
    if (err) return err;
    rg_store_t *store = rg_alloc(sizeof *store);
    *store = (rg_store_t){.path = rg_strdup(path), .owner = -1};
    err = lock(store);
    if (!err) err = open_env(store, map_bytes);
    if (err)
        rg_store_close(&store);
    else
        *out = store;
    return err;
}

void rg_store_close(rg_store_t **store)
{
    if (!*store) return;
    if ((*store)->env) mdb_env_close((*store)->env);
    if ((*store)->owner >= 0) close((*store)->owner);
    free((*store)->path);
    free(*store);
    *store = NULL;
}

uint64_t rg_store_bytes(const rg_store_t *store)
{
    MDB_envinfo info;
    MDB_stat stat;
    mdb_env_info(store->env, &info);
    mdb_env_stat(store->env, &stat);
    return (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
}

// ---- transactions

static int begin(rg_store_t *store, unsigned flags, rg_store_txn_t **out)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(store->env, NULL, flags, &txn);
    if (rc) return fail(store, rc, flags & MDB_RDONLY ? "read" : "write to");
    *out = rg_alloc(sizeof **out);
    **out = (rg_store_txn_t){.store = store, .txn = txn};
    return 0;
}

int rg_store_read(rg_store_t *store, rg_store_txn_t **txn)
{
    return begin(store, MDB_RDONLY, txn);
}

int rg_store_write(rg_store_t *store, rg_store_txn_t **txn)
{
    return begin(store, 0, txn);
}

int rg_store_commit(rg_store_txn_t **txn)
{
    if ((*txn)->cursor) mdb_cursor_close((*txn)->cursor);
    int rc = mdb_txn_commit((*txn)->txn);
    int err = rc ? fail((*txn)->store, rc, "write to") : 0;
    free(*txn);
    *txn = NULL;
    return err;
}

void rg_store_abort(rg_store_txn_t **txn)
{
    if (!*txn) return;
    if ((*txn)->cursor) mdb_cursor_close((*txn)->cursor);
    mdb_txn_abort((*txn)->txn);
    free(*txn);
    *txn = NULL;
}

// RG_ENOENT without a sentence: absence is an answer here, its meaning is the caller's.
static int get(rg_store_txn_t *txn, MDB_dbi table, const void *key, size_t key_size, rg_span_t *value)
{
    MDB_val k = {.mv_size = key_size, .mv_data = (void *)key}, v;
    int rc = mdb_get(txn->txn, table, &k, &v);
    if (rc == MDB_NOTFOUND) return RG_ENOENT;
    if (rc) return fail(txn->store, rc, "read");
    *value = (rg_span_t){.data = v.mv_data, .size = v.mv_size};
    return 0;
}

static int put(rg_store_txn_t *txn, MDB_dbi table, const void *key, size_t key_size, rg_span_t value)
{
    MDB_val k = {.mv_size = key_size, .mv_data = (void *)key};
    MDB_val v = {.mv_size = value.size, .mv_data = (void *)value.data};
    int rc = mdb_put(txn->txn, table, &k, &v, 0);
    return rc ? fail(txn->store, rc, "write to") : 0;
}

static int del(rg_store_txn_t *txn, MDB_dbi table, const void *key, size_t key_size)
{
    MDB_val k = {.mv_size = key_size, .mv_data = (void *)key};
    int rc = mdb_del(txn->txn, table, &k, NULL);
    return rc ? fail(txn->store, rc, "remove from") : 0;
}

// ---- state

int rg_store_state(rg_store_txn_t *txn, rg_state_t *state)
{
    rg_span_t value = {0};
    int err = get(txn, txn->store->meta, "state", 5, &value);
    if (err == RG_ENOENT) *state = (rg_state_t){0};
    if (err) return err == RG_ENOENT ? 0 : err;
    state_head_t head;
    const char *path = txn->store->path;
    if (value.size < sizeof head) return rg_fail(RG_EFORMAT, "%s: its state has %zu bytes", path, value.size);
    memcpy(&head, value.data, sizeof head);
    if (head.version != VERSION)
        return rg_fail(RG_EVERSION, "%s: store version %u, this program reads %d", path, head.version,
                       VERSION);
    if (head.name_length > RG_TEXT_MAX || value.size != sizeof head + head.name_length)
        return rg_fail(RG_EFORMAT, "%s: its state has %zu bytes", path, value.size);
    *state = (rg_state_t){.model.embed_dim = head.embed_dim, .generation = head.generation};
    memcpy(state->model.content_shape, head.content_shape, sizeof head.content_shape);
    memcpy(state->model.name, (const char *)value.data + sizeof head, head.name_length);
    return 0;
}

int rg_store_set_state(rg_store_txn_t *txn, const rg_state_t *state)
{
    const rg_model_t *model = &state->model;
    state_head_t head = {.version = VERSION,
                         .name_length = (uint32_t)strlen(model->name),
                         .generation = state->generation,
                         .embed_dim = model->embed_dim};
    memcpy(head.content_shape, model->content_shape, sizeof head.content_shape);
    char value[sizeof head + RG_TEXT_MAX];
    memcpy(value, &head, sizeof head);
    memcpy(value + sizeof head, model->name, head.name_length);
    return put(txn, txn->store->meta, "state", 5, (rg_span_t){value, sizeof head + head.name_length});
}

// ---- reading images

int rg_store_find(rg_store_txn_t *txn, const uint8_t id[RG_ID_SIZE], uint64_t *label)
{
    rg_span_t value = {0};
    int err = get(txn, txn->store->ids, id, RG_ID_SIZE, &value);
    if (err) return err;
    if (value.size != sizeof *label) {
        rg_image_t image;
        memcpy(image.id, id, RG_ID_SIZE);
        return corrupt(txn, &image, "label", value.size);
    }
    memcpy(label, value.data, sizeof *label);
    return 0;
}

static int parse_image(const rg_store_txn_t *txn, uint64_t label, rg_span_t value, rg_image_t *image)
{
    image_head_t head;
    if (value.size < sizeof head)
        return rg_fail(RG_EFORMAT, "%s: image %llu is corrupt: its record has %zu bytes", txn->store->path,
                       (unsigned long long)label, value.size);
    memcpy(&head, value.data, sizeof head);
    rg_image_t parsed = {.label = label, .generation = head.generation, .time_ms = head.time_ms};
    memcpy(parsed.id, head.id, sizeof head.id);
    if (head.version != VERSION || head.name_length > RG_TEXT_MAX || head.model_length > RG_TEXT_MAX ||
        value.size != sizeof head + head.name_length + head.model_length)
        return corrupt(txn, &parsed, "record", value.size);
    const char *text = (const char *)value.data + sizeof head;
    memcpy(parsed.name, text, head.name_length);
    memcpy(parsed.model, text + head.name_length, head.model_length);
    *image = parsed;
    return 0;
}

int rg_store_image(rg_store_txn_t *txn, uint64_t label, rg_image_t *image)
{
    rg_span_t value = {0};
    int err = get(txn, txn->store->images, &label, sizeof label, &value);
    if (err == RG_ENOENT)
        return rg_fail(RG_ENOENT, "%s: there is no image %llu", txn->store->path, (unsigned long long)label);
    return err ? err : parse_image(txn, label, value, image);
}

int rg_store_next(rg_store_txn_t *txn, uint64_t from, rg_image_t *image)
{
    MDB_val k = {.mv_size = sizeof from, .mv_data = &from}, v;
    int rc = txn->cursor ? 0 : mdb_cursor_open(txn->txn, txn->store->images, &txn->cursor);
    if (!rc) rc = mdb_cursor_get(txn->cursor, &k, &v, MDB_SET_RANGE);
    if (rc == MDB_NOTFOUND) return RG_ENOENT;
    if (rc) return fail(txn->store, rc, "read");
    uint64_t label;
    memcpy(&label, k.mv_data, sizeof label);
    return parse_image(txn, label, (rg_span_t){v.mv_data, v.mv_size}, image);
}

int rg_store_count(rg_store_txn_t *txn, uint64_t *count)
{
    MDB_stat stat;
    int rc = mdb_stat(txn->txn, txn->store->images, &stat);
    if (rc) return fail(txn->store, rc, "read");
    *count = stat.ms_entries;
    return 0;
}

int rg_store_bulk(rg_store_txn_t *txn, const rg_image_t *image, enum rg_bulk kind, size_t want,
                  rg_span_t *bulk)
{
    rg_span_t value = {0};
    int err = get(txn, txn->store->bulk[kind], &image->label, sizeof image->label, &value);
    if (err && err != RG_ENOENT) return err;
    if (value.size == 0 || (want && value.size != want))
        return corrupt(txn, image, BULK_NAME[kind], value.size);
    *bulk = value;
    return 0;
}

// ---- writing images

static int take_label(rg_store_txn_t *txn, uint64_t *label)
{
    rg_span_t value = {0};
    uint64_t next = 1;
    int err = get(txn, txn->store->meta, "next", 4, &value);
    if (!err && value.size != sizeof next)
        return rg_fail(RG_EFORMAT, "%s: its label counter has %zu bytes", txn->store->path, value.size);
    if (!err)
        memcpy(&next, value.data, sizeof next);
    else if (err != RG_ENOENT)
        return err;
    *label = next++;
    return put(txn, txn->store->meta, "next", 4, (rg_span_t){&next, sizeof next});
}

static int put_image(rg_store_txn_t *txn, const rg_image_t *image)
{
    image_head_t head = {.version = VERSION,
                         .name_length = (uint16_t)strlen(image->name),
                         .model_length = (uint16_t)strlen(image->model),
                         .generation = image->generation,
                         .time_ms = image->time_ms};
    memcpy(head.id, image->id, sizeof head.id);
    char value[sizeof head + 2 * RG_TEXT_MAX];
    memcpy(value, &head, sizeof head);
    memcpy(value + sizeof head, image->name, head.name_length);
    memcpy(value + sizeof head + head.name_length, image->model, head.model_length);
    size_t size = sizeof head + head.name_length + head.model_length;
    return put(txn, txn->store->images, &image->label, sizeof image->label, (rg_span_t){value, size});
}

int rg_store_put(rg_store_txn_t *txn, rg_image_t *image, const rg_span_t bulk[RG_BULKS])
{
    uint64_t label;
    int err = rg_store_find(txn, image->id, &label);
    if (!err)
        err = rg_store_delete(txn, label);
    else if (err == RG_ENOENT)
        err = 0;
    if (!err) err = take_label(txn, &label);
    if (err) return err;
    image->label = label;
    err = put(txn, txn->store->ids, image->id, RG_ID_SIZE, (rg_span_t){&label, sizeof label});
    if (!err) err = put_image(txn, image);
    for (int i = 0; i < RG_BULKS && !err; i++)
        err = put(txn, txn->store->bulk[i], &label, sizeof label, bulk[i]);
    return err;
}

int rg_store_delete(rg_store_txn_t *txn, uint64_t label)
{
    rg_image_t image;
    int err = rg_store_image(txn, label, &image);
    if (!err) err = del(txn, txn->store->ids, image.id, RG_ID_SIZE);
    if (!err) err = del(txn, txn->store->images, &label, sizeof label);
    for (int i = 0; i < RG_BULKS && !err; i++) err = del(txn, txn->store->bulk[i], &label, sizeof label);
    return err;
}
