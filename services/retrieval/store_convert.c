// Stores of version 3 have no checksums. Such a store is converted once, when it is opened: everything is
// copied into a new file with checksums, which then takes the place of the old one, as after a compaction. A
// kill leaves the old file. Ids and names are made from the image records.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/log.h"
#include "services/retrieval/store_private.h"

enum { BATCH = 1000 }; // images per transaction

typedef struct {
    rg_store_t *from;
    MDB_txn *txn; // of `from`
    MDB_dbi images, thumbnails, derived[RG_STORE_SLOTS][RG_DERIVED_KINDS];
    rg_store_t to;
    rg_store_txn_t *out; // of `to`
    uint64_t copied, unreadable;
} conversion_t;

static int begin_reading(conversion_t *conversion)
{
    static const char *const names[] = {"embeddings.0", "features.0", "embeddings.1", "features.1"};
    int rc = mdb_txn_begin(conversion->from->env, NULL, MDB_RDONLY, &conversion->txn);
    if (!rc) rc = mdb_dbi_open(conversion->txn, "images", MDB_INTEGERKEY, &conversion->images);
    if (!rc) rc = mdb_dbi_open(conversion->txn, "thumbnails", MDB_INTEGERKEY, &conversion->thumbnails);
    for (int i = 0; i < 4 && !rc; i++)
        rc = mdb_dbi_open(conversion->txn, names[i], MDB_INTEGERKEY, &conversion->derived[i / 2][i % 2]);
    return rc ? rg__store_fail(conversion->from, rc, "convert") : 0;
}

// Nothing needs to be on the disk before the end, so the new file is synced once.
static int begin_writing(conversion_t *conversion)
{
    rg_store_t *to = &conversion->to;
    char *data = rg_format("%s/data.mdb", to->path);
    unlink(data); // left by a conversion that was killed
    free(data);
    int err = rg_mkdirs(to->path);
    if (!err) err = rg__store_open_env(to, MDB_NOSYNC | MDB_NOLOCK);
    if (!err) err = rg__store_open_tables(to);
    return err ? err : rg_store_begin_write(to, &conversion->out);
}

// Copies the value of a label, if there is one.
static int copy_value(conversion_t *conversion, MDB_dbi from, const rg__table_t *to, const MDB_val *label)
{
    MDB_val key = *label, value;
    int rc = mdb_get(conversion->txn, from, &key, &value);
    if (rc == MDB_NOTFOUND) return 0;
    if (rc) return rg__store_fail(conversion->from, rc, "convert");
    return rg__store_put(conversion->out, to, label->mv_data, label->mv_size,
                         (rg_store_value_t){value.mv_data, value.mv_size});
}

// Both versions have the same image record but for its first field, the version.
static int copy_image(conversion_t *conversion, const MDB_val *key, const MDB_val *value)
{
    const uint32_t version = RG__STORE_VERSION;
    rg_store_t *to = &conversion->to;
    rg_store_image_t image;
    uint64_t label;
    unsigned char record[512];
    if (key->mv_size != sizeof label || value->mv_size < sizeof version || value->mv_size > sizeof record) {
        conversion->unreadable++;
        return 0;
    }
    memcpy(&label, key->mv_data, sizeof label);
    memcpy(record, value->mv_data, value->mv_size);
    memcpy(record, &version, sizeof version);
    if (rg__store_parse_image(to, label, (rg_store_value_t){record, value->mv_size}, &image) != 0) {
        conversion->unreadable++;
        return 0;
    }
    int err = rg__store_list_image(conversion->out, &image);
    if (!err) err = rg__store_put_record(conversion->out, &image);
    if (!err) err = copy_value(conversion, conversion->thumbnails, &to->thumbnails, key);
    for (int i = 0; i < RG_STORE_SLOTS * RG_DERIVED_KINDS && !err; i++)
        err = copy_value(conversion, conversion->derived[i / 2][i % 2], &to->derived[i / 2][i % 2], key);
    conversion->copied++;
    return err;
}

static int commit_sometimes(conversion_t *conversion)
{
    if (conversion->copied % BATCH) return 0;
    int err = rg_store_commit(&conversion->out);
    return err ? err : rg_store_begin_write(&conversion->to, &conversion->out);
}

static int copy_images(conversion_t *conversion)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    int err = 0, rc = mdb_cursor_open(conversion->txn, conversion->images, &cursor);
    if (rc) return rg__store_fail(conversion->from, rc, "convert");
    while (!err && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        err = copy_image(conversion, &key, &value);
        if (!err) err = commit_sometimes(conversion);
    }
    mdb_cursor_close(cursor);
    return err || rc == MDB_NOTFOUND ? err : rg__store_fail(conversion->from, rc, "convert");
}

// The state and the next label. The state begins with the version, too.
static int copy_meta(conversion_t *conversion)
{
    const uint32_t version = RG__STORE_VERSION;
    const rg__table_t *meta = &conversion->to.meta;
    MDB_dbi from;
    MDB_val key = {5, "state"}, value;
    unsigned char state[1024];
    int rc = mdb_dbi_open(conversion->txn, "meta", 0, &from);
    if (!rc) rc = mdb_get(conversion->txn, from, &key, &value);
    if (rc) return rg__store_fail(conversion->from, rc, "convert");
    if (value.mv_size < sizeof version || value.mv_size > sizeof state)
        return rg_fail(RG_EFORMAT, "%s: the state of the store is damaged: " RG__STORE_REMEDY,
                       conversion->from->path);
    memcpy(state, value.mv_data, value.mv_size);
    memcpy(state, &version, sizeof version);
    int err = rg__store_put(conversion->out, meta, "state", 5, (rg_store_value_t){state, value.mv_size});
    return err ? err : copy_value(conversion, from, meta, &(MDB_val){4, "next"});
}

static int finish_writing(conversion_t *conversion)
{
    int err = rg_store_commit(&conversion->out);
    int rc = err ? 0 : mdb_env_sync(conversion->to.env, 1);
    return rc ? rg__store_fail(&conversion->to, rc, "write to") : err;
}

int rg__store_convert(rg_store_t *store)
{
    conversion_t conversion = {
        .from = store,
        .to = {.path = rg__store_copy_folder(store), .map_bytes = store->map_bytes, .owner = -1}};
    rg_log(RG_LOG_INFO, "store-converting", "path=\"%s\" from_version=%d to_version=%d", store->path,
           RG__STORE_PLAIN_VERSION, RG__STORE_VERSION);
    int err = begin_reading(&conversion);
    if (!err) err = begin_writing(&conversion);
    if (!err) err = copy_meta(&conversion);
    if (!err) err = copy_images(&conversion);
    if (!err) err = finish_writing(&conversion);
    rg_store_abort(&conversion.out);
    if (conversion.txn) mdb_txn_abort(conversion.txn);
    if (conversion.to.env) mdb_env_close(conversion.to.env);
    free(conversion.to.path);
    if (!err)
        rg_log(RG_LOG_INFO, "store-converted", "path=\"%s\" images=%llu unreadable=%llu", store->path,
               (unsigned long long)conversion.copied, (unsigned long long)conversion.unreadable);
    return err;
}
