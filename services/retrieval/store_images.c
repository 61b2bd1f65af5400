// The images of the store: reading, listing, adding and deleting them in the tables of store.c. Every value
// that is read is checked for its length, because the file may be damaged; the sentence then names the image.
#include <stdlib.h>
#include <string.h>

#include "common/core/err.h"
#include "common/core/hash.h"
#include "services/retrieval/store_private.h"

// The beginning of a value of the table `images`; the name follows.
typedef struct {
    uint32_t version;
    uint16_t name_length, annotated;
    uint64_t generation, time_ms;
    uint8_t id[RG_ID_SIZE];
} image_head_t;

_Static_assert(sizeof(image_head_t) == 40, "the record has no padding");

static const char *const DERIVED_NAMES[RG_DERIVED_KINDS] = {"embedding", "features"};

// ---- errors

static int fail_corrupt(const rg_store_txn_t *txn, const rg_store_image_t *image, const char *what,
                        size_t size)
{
    char name[2 * RG_ID_SIZE + 1];
    rg_id_hex(image->id, name);
    return rg_fail(RG_EFORMAT, "%s: image %s is corrupt: %s of %zu bytes", txn->store->path, name, what,
                   size);
}

// ---- reading images

int rg_store_find(rg_store_txn_t *txn, const uint8_t id[RG_ID_SIZE], uint64_t *label)
{
    rg_store_value_t value = {0};
    int err = rg__store_get(txn, txn->store->ids, id, RG_ID_SIZE, &value);
    if (err) return err;
    if (value.size != sizeof *label) {
        rg_store_image_t image;
        memcpy(image.id, id, RG_ID_SIZE);
        return fail_corrupt(txn, &image, "label", value.size);
    }
    memcpy(label, value.data, sizeof *label);
    return 0;
}

static int parse_image(const rg_store_txn_t *txn, uint64_t label, rg_store_value_t value,
                       rg_store_image_t *image)
{
    image_head_t head;
    if (value.size < sizeof head)
        return rg_fail(RG_EFORMAT, "%s: image %llu is corrupt: record of %zu bytes", txn->store->path,
                       (unsigned long long)label, value.size);
    memcpy(&head, value.data, sizeof head);
    rg_store_image_t parsed = {
        .label = label, .generation = head.generation, .time_ms = head.time_ms, .annotated = head.annotated};
    memcpy(parsed.id, head.id, sizeof head.id);
    if (head.version != RG__STORE_VERSION || head.name_length > RG_TEXT_MAX || head.annotated > 1 ||
        value.size != sizeof head + head.name_length)
        return fail_corrupt(txn, &parsed, "record", value.size);
    memcpy(parsed.name, (const char *)value.data + sizeof head, head.name_length);
    *image = parsed;
    return 0;
}

int rg_store_image(rg_store_txn_t *txn, uint64_t label, rg_store_image_t *image)
{
    rg_store_value_t value = {0};
    int err = rg__store_get(txn, txn->store->images, &label, sizeof label, &value);
    if (err == RG_ENOENT)
        return rg_fail(RG_ENOENT, "%s: image %llu is not stored", txn->store->path,
                       (unsigned long long)label);
    return err ? err : parse_image(txn, label, value, image);
}

int rg_store_next(rg_store_txn_t *txn, uint64_t from, rg_store_image_t *image)
{
    MDB_val k = {.mv_size = sizeof from, .mv_data = &from}, v;
    int rc = txn->cursor ? 0 : mdb_cursor_open(txn->txn, txn->store->images, &txn->cursor);
    if (!rc) rc = mdb_cursor_get(txn->cursor, &k, &v, MDB_SET_RANGE);
    if (rc == MDB_NOTFOUND) return RG_ENOENT;
    if (rc) return rg__store_fail(txn->store, rc, "read");
    uint64_t label;
    memcpy(&label, k.mv_data, sizeof label);
    return parse_image(txn, label, (rg_store_value_t){v.mv_data, v.mv_size}, image);
}

static int count_entries(rg_store_txn_t *txn, MDB_dbi table, uint64_t *count)
{
    MDB_stat stat;
    int rc = mdb_stat(txn->txn, table, &stat);
    if (rc) return rg__store_fail(txn->store, rc, "read");
    *count = stat.ms_entries;
    return 0;
}

int rg_store_count(rg_store_txn_t *txn, uint64_t *count)
{
    return count_entries(txn, txn->store->images, count);
}

int rg_store_embedded(rg_store_txn_t *txn, uint32_t slot, uint64_t *count)
{
    return count_entries(txn, txn->store->derived[slot][RG_DERIVED_EMBEDDING], count);
}

int rg_store_entries(rg_store_txn_t *txn, rg_store_entries_t *entries)
{
    const rg_store_t *store = txn->store;
    int err = count_entries(txn, store->ids, &entries->ids);
    if (!err) err = count_entries(txn, store->names, &entries->names);
    if (!err) err = count_entries(txn, store->thumbnails, &entries->thumbnails);
    return err;
}

static int pass_label(const MDB_val *value, void (*fn)(void *self, uint64_t label), void *self)
{
    uint64_t label;
    if (value->mv_size != sizeof label) return MDB_CORRUPTED;
    memcpy(&label, value->mv_data, sizeof label);
    fn(self, label);
    return 0;
}

int rg_store_find_prefix(rg_store_txn_t *txn, const char *prefix, void (*fn)(void *self, uint64_t label),
                         void *self)
{
    MDB_cursor *cursor;
    size_t length = strlen(prefix);
    MDB_val k = {.mv_size = length, .mv_data = (void *)prefix}, v;
    int rc = mdb_cursor_open(txn->txn, txn->store->names, &cursor);
    if (rc) return rg__store_fail(txn->store, rc, "read");
    rc = mdb_cursor_get(cursor, &k, &v, length ? MDB_SET_RANGE : MDB_FIRST);
    while (!rc && k.mv_size >= length && memcmp(k.mv_data, prefix, length) == 0) {
        rc = pass_label(&v, fn, self);
        if (!rc) rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return rc && rc != MDB_NOTFOUND ? rg__store_fail(txn->store, rc, "read") : 0;
}

int rg_store_derived(rg_store_txn_t *txn, const rg_store_image_t *image, uint32_t slot, enum rg_derived kind,
                     size_t want, rg_store_value_t *out)
{
    rg_store_value_t value = {0};
    int err = rg__store_get(txn, txn->store->derived[slot][kind], &image->label, sizeof image->label, &value);
    if (err) return err;
    if (value.size != want) return fail_corrupt(txn, image, DERIVED_NAMES[kind], value.size);
    *out = value;
    return 0;
}

int rg_store_thumbnail(rg_store_txn_t *txn, const rg_store_image_t *image, rg_store_value_t *jpeg)
{
    rg_store_value_t value = {0};
    int err = rg__store_get(txn, txn->store->thumbnails, &image->label, sizeof image->label, &value);
    if (err && err != RG_ENOENT) return err;
    if (value.size == 0) return fail_corrupt(txn, image, "thumbnail", value.size);
    *jpeg = value;
    return 0;
}

// ---- writing images

// Gives out the next label.
static int take_next_label(rg_store_txn_t *txn, uint64_t *label)
{
    rg_store_value_t value = {0};
    uint64_t next = 1;
    int err = rg__store_get(txn, txn->store->meta, "next", 4, &value);
    if (!err && value.size != sizeof next)
        return rg_fail(RG_EFORMAT, "%s: the store is corrupt: its counter of labels has %zu bytes",
                       txn->store->path, value.size);
    if (!err)
        memcpy(&next, value.data, sizeof next);
    else if (err != RG_ENOENT)
        return err;
    *label = next++;
    return rg__store_put(txn, txn->store->meta, "next", 4, (rg_store_value_t){&next, sizeof next});
}

static int put_image(rg_store_txn_t *txn, const rg_store_image_t *image)
{
    image_head_t head = {.version = RG__STORE_VERSION,
                         .name_length = (uint16_t)strlen(image->name),
                         .annotated = image->annotated != 0,
                         .generation = image->generation,
                         .time_ms = image->time_ms};
    memcpy(head.id, image->id, sizeof head.id);
    char value[sizeof head + RG_TEXT_MAX];
    memcpy(value, &head, sizeof head);
    memcpy(value + sizeof head, image->name, head.name_length);
    return rg__store_put(txn, txn->store->images, &image->label, sizeof image->label,
                         (rg_store_value_t){value, sizeof head + head.name_length});
}

int rg_store_put(rg_store_txn_t *txn, rg_store_image_t *image, rg_store_value_t thumbnail)
{
    rg_store_t *store = txn->store;
    uint64_t label;
    int err = take_next_label(txn, &label);
    if (err) return err;
    image->label = label;
    const rg_store_value_t value = {&label, sizeof label};
    err = rg__store_put(txn, store->ids, image->id, RG_ID_SIZE, value);
    if (!err) err = rg__store_put(txn, store->names, image->name, strlen(image->name), value);
    if (!err) err = put_image(txn, image);
    if (!err) err = rg__store_put(txn, store->thumbnails, &label, sizeof label, thumbnail);
    return err;
}

int rg_store_put_derived(rg_store_txn_t *txn, uint64_t label, uint32_t slot,
                         const rg_store_value_t values[RG_DERIVED_KINDS])
{
    int err = 0;
    for (int i = 0; i < RG_DERIVED_KINDS && !err; i++)
        err = rg__store_put(txn, txn->store->derived[slot][i], &label, sizeof label, values[i]);
    return err;
}

int rg_store_clear_slot(rg_store_txn_t *txn, uint32_t slot)
{
    int rc = 0;
    for (int i = 0; i < RG_DERIVED_KINDS && !rc; i++)
        rc = mdb_drop(txn->txn, txn->store->derived[slot][i], 0);
    return rc ? rg__store_fail(txn->store, rc, "write to") : 0;
}

int rg_store_delete(rg_store_txn_t *txn, uint64_t label)
{
    rg_store_t *store = txn->store;
    rg_store_image_t image;
    int err = rg_store_image(txn, label, &image);
    if (!err) err = rg__store_del(txn, store->ids, image.id, RG_ID_SIZE, NULL);
    if (!err) err = rg__store_del(txn, store->names, image.name, strlen(image.name), &label);
    if (!err) err = rg__store_del(txn, store->images, &label, sizeof label, NULL);
    if (!err) err = rg__store_del(txn, store->thumbnails, &label, sizeof label, NULL);
    for (int i = 0; i < RG_STORE_SLOTS * RG_DERIVED_KINDS && !err; i++)
        err = rg__store_del(txn, store->derived[i / RG_DERIVED_KINDS][i % RG_DERIVED_KINDS], &label,
                            sizeof label, NULL);
    return err;
}
