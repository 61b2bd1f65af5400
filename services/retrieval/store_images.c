// The images of the store: reading, listing, adding and deleting them in the tables of store.c. Every value
// that is read is checked for its length, because the file may be damaged; the sentence then names the image.
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
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

// what: "record", "thumbnail", ...
static int fail_damaged(const rg_store_txn_t *txn, const rg_store_image_t *image, const char *what)
{
    char id[2 * RG_ID_SIZE + 1];
    rg_id_hex(image->id, id);
    return rg_fail(RG_EFORMAT, "%s: image %s, %s, is damaged (%s): add it again", txn->store->path, id,
                   image->name, what);
}

// ---- reading images

// A value of the table `ids`.
typedef struct {
    uint64_t label;
    uint64_t asked_us; // 0: not known. Entries of earlier versions of this program end before it.
} id_entry_t;

static int find_entry(rg_store_txn_t *txn, const uint8_t id[RG_ID_SIZE], id_entry_t *entry)
{
    rg_store_value_t value = {0};
    char hex[2 * RG_ID_SIZE + 1];
    int err = rg__store_get(txn, &txn->store->ids, id, RG_ID_SIZE, &value);
    if (err && err != RG_EFORMAT) return err;
    if (err || (value.size != sizeof *entry && value.size != sizeof entry->label)) {
        rg_id_hex(id, hex);
        return rg_fail(RG_EFORMAT,
                       "%s: the entry of id %s is damaged: restart the retrieval service, which mends it",
                       txn->store->path, hex);
    }
    *entry = (id_entry_t){0};
    memcpy(entry, value.data, value.size);
    return 0;
}

int rg_store_find(rg_store_txn_t *txn, const uint8_t id[RG_ID_SIZE], uint64_t *label)
{
    id_entry_t entry;
    int err = find_entry(txn, id, &entry);
    if (!err) *label = entry.label;
    return err;
}

int rg_store_asked(rg_store_txn_t *txn, const uint8_t id[RG_ID_SIZE], uint64_t *asked_us)
{
    id_entry_t entry;
    int err = find_entry(txn, id, &entry);
    if (!err) *asked_us = entry.asked_us;
    return err;
}

int rg_store_find_record(rg_store_txn_t *txn, const uint8_t id[RG_ID_SIZE], uint64_t *label)
{
    rg_store_image_t image;
    for (uint64_t from = 0;; from = image.label + 1) {
        int err = rg_store_next(txn, from, &image);
        if (err && err != RG_EFORMAT) return err;
        if (err || memcmp(image.id, id, RG_ID_SIZE) != 0) continue;
        *label = image.label;
        return 0;
    }
}

static int fail_record(const rg_store_t *store, uint64_t label)
{
    return rg_fail(RG_EFORMAT, "%s: image %llu is damaged (record): add it again", store->path,
                   (unsigned long long)label);
}

int rg__store_parse_image(const rg_store_t *store, uint64_t label, rg_store_value_t value,
                          rg_store_image_t *image)
{
    image_head_t head;
    if (value.size < sizeof head) return fail_record(store, label);
    memcpy(&head, value.data, sizeof head);
    if (head.version != RG__STORE_VERSION || head.name_length > RG_TEXT_MAX || head.annotated > 1 ||
        value.size != sizeof head + head.name_length)
        return fail_record(store, label);
    *image = (rg_store_image_t){
        .label = label, .generation = head.generation, .time_ms = head.time_ms, .annotated = head.annotated};
    memcpy(image->id, head.id, sizeof head.id);
    memcpy(image->name, (const char *)value.data + sizeof head, head.name_length);
    return 0;
}

int rg_store_image(rg_store_txn_t *txn, uint64_t label, rg_store_image_t *image)
{
    rg_store_value_t value = {0};
    int err = rg__store_get(txn, &txn->store->images, &label, sizeof label, &value);
    if (err == RG_ENOENT)
        return rg_fail(RG_ENOENT, "%s: image %llu is not stored", txn->store->path,
                       (unsigned long long)label);
    if (err == RG_EFORMAT) return fail_record(txn->store, label);
    return err ? err : rg__store_parse_image(txn->store, label, value, image);
}

// The cursor goes on from where it stands, because a damaged label may lie out of the order.
int rg_store_next(rg_store_txn_t *txn, uint64_t from, rg_store_image_t *image)
{
    MDB_val k = {.mv_size = sizeof from, .mv_data = &from}, v;
    rg_store_value_t value = {0};
    uint64_t label = from;
    int rc = txn->cursor ? 0 : mdb_cursor_open(txn->txn, txn->store->images.dbi, &txn->cursor);
    if (!rc) rc = mdb_cursor_get(txn->cursor, &k, &v, from && from == txn->at ? MDB_NEXT : MDB_SET_RANGE);
    if (rc == MDB_NOTFOUND) return RG_ENOENT;
    if (rc) return rg__store_fail(txn->store, rc, "read");
    if (k.mv_size == sizeof label) memcpy(&label, k.mv_data, sizeof label);
    int err = rg__store_check(&txn->store->images, &k, &v, &value);
    err = err ? fail_record(txn->store, label) : rg__store_parse_image(txn->store, label, value, image);
    if (err) *image = (rg_store_image_t){.label = from};
    txn->at = image->label + 1;
    return err;
}

static int count_entries(rg_store_txn_t *txn, const rg__table_t *table, uint64_t *count)
{
    MDB_stat stat;
    int rc = mdb_stat(txn->txn, table->dbi, &stat);
    if (rc) return rg__store_fail(txn->store, rc, "read");
    *count = stat.ms_entries;
    return 0;
}

int rg_store_count(rg_store_txn_t *txn, uint64_t *count)
{
    return count_entries(txn, &txn->store->images, count);
}

int rg_store_embedded(rg_store_txn_t *txn, uint32_t slot, uint64_t *count)
{
    return count_entries(txn, &txn->store->derived[slot][RG_DERIVED_EMBEDDING], count);
}

int rg_store_is_embedded(rg_store_txn_t *txn, uint64_t label, uint32_t slot)
{
    rg_store_value_t value;
    const rg__table_t *table = &txn->store->derived[slot][RG_DERIVED_EMBEDDING];
    return rg__store_get(txn, table, &label, sizeof label, &value) != RG_ENOENT;
}

int rg_store_entries(rg_store_txn_t *txn, rg_store_entries_t *entries)
{
    const rg_store_t *store = txn->store;
    int err = count_entries(txn, &store->ids, &entries->ids);
    if (!err) err = count_entries(txn, &store->names, &entries->names);
    if (!err) err = count_entries(txn, &store->thumbnails, &entries->thumbnails);
    if (!err) err = count_entries(txn, &store->tombstones, &entries->tombstones);
    return err;
}

size_t rg__store_name_key(const rg_store_image_t *image, char key[RG__NAME_KEY_SIZE])
{
    const uint64_t label = htobe64(image->label);
    const size_t length = strlen(image->name);
    memcpy(key, image->name, length);
    memcpy(key + length, &label, sizeof label);
    return length + sizeof label;
}

static int has_prefix(const MDB_val *key, const char *prefix, size_t length)
{
    return key->mv_size >= length + sizeof(uint64_t) && memcmp(key->mv_data, prefix, length) == 0;
}

static uint64_t label_of_name(const MDB_val *key)
{
    uint64_t label;
    memcpy(&label, (const char *)key->mv_data + key->mv_size - sizeof label, sizeof label);
    return be64toh(label);
}

// An entry that is damaged is passed over, so a search finds the others.
int rg_store_find_prefix(rg_store_txn_t *txn, const char *prefix, void (*fn)(void *self, uint64_t label),
                         void *self)
{
    MDB_cursor *cursor;
    size_t length = strlen(prefix);
    MDB_val k = {.mv_size = length, .mv_data = (void *)prefix}, v;
    rg_store_value_t none;
    int rc = length > RG_TEXT_MAX ? MDB_NOTFOUND : mdb_cursor_open(txn->txn, txn->store->names.dbi, &cursor);
    if (rc) return rc == MDB_NOTFOUND ? 0 : rg__store_fail(txn->store, rc, "read");
    rc = mdb_cursor_get(cursor, &k, &v, length ? MDB_SET_RANGE : MDB_FIRST);
    for (; !rc; rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        if (rg__store_check(&txn->store->names, &k, &v, &none) != 0) continue;
        if (!has_prefix(&k, prefix, length)) break;
        fn(self, label_of_name(&k));
    }
    mdb_cursor_close(cursor);
    return rc && rc != MDB_NOTFOUND ? rg__store_fail(txn->store, rc, "read") : 0;
}

int rg_store_derived(rg_store_txn_t *txn, const rg_store_image_t *image, uint32_t slot, enum rg_derived kind,
                     size_t want, rg_store_value_t *out)
{
    rg_store_value_t value = {0};
    int err =
        rg__store_get(txn, &txn->store->derived[slot][kind], &image->label, sizeof image->label, &value);
    if (err && err != RG_EFORMAT) return err;
    if (err || value.size != want) return fail_damaged(txn, image, DERIVED_NAMES[kind]);
    *out = value;
    return 0;
}

int rg_store_thumbnail(rg_store_txn_t *txn, const rg_store_image_t *image, rg_store_value_t *jpeg)
{
    rg_store_value_t value = {0};
    int err = rg__store_get(txn, &txn->store->thumbnails, &image->label, sizeof image->label, &value);
    if (err && err != RG_ENOENT && err != RG_EFORMAT) return err;
    if (value.size == 0) return fail_damaged(txn, image, "thumbnail");
    *jpeg = value;
    return 0;
}

int rg_store_check_image(rg_store_txn_t *txn, const rg_store_image_t *image, uint32_t slot,
                         const rg_store_model_t *model)
{
    rg_store_value_t value;
    int err =
        rg_store_derived(txn, image, slot, RG_DERIVED_EMBEDDING, rg_store_embedding_bytes(model), &value);
    if (!err)
        err = rg_store_derived(txn, image, slot, RG_DERIVED_FEATURES, rg_store_features_bytes(model), &value);
    return err ? err : rg_store_thumbnail(txn, image, &value);
}

static int count_damaged(rg_store_txn_t *txn, const rg__table_t *table, uint64_t *count)
{
    MDB_cursor *cursor;
    MDB_val k, v;
    rg_store_value_t value;
    if (!table->dbi) return 0;
    int rc = mdb_cursor_open(txn->txn, table->dbi, &cursor);
    if (rc) return rg__store_fail(txn->store, rc, "read");
    while ((rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0)
        *count += rg__store_check(table, &k, &v, &value) != 0;
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rg__store_fail(txn->store, rc, "read");
}

int rg_store_count_damaged(rg_store_txn_t *txn, uint32_t slot, uint64_t *count)
{
    const rg_store_t *store = txn->store;
    *count = 0;
    int err = count_damaged(txn, &store->meta, count);
    if (!err) err = count_damaged(txn, &store->names, count);
    if (!err) err = count_damaged(txn, &store->tombstones, count);
    if (!err) err = count_damaged(txn, &store->removed, count);
    for (int i = 0; i < RG_DERIVED_KINDS && !err; i++)
        err = count_damaged(txn, &store->derived[slot ^ 1][i], count);
    return err;
}

// ---- writing images

// Gives out the next label.
static int take_next_label(rg_store_txn_t *txn, uint64_t *label)
{
    rg_store_value_t value = {0};
    uint64_t next = 1;
    int err = rg__store_get(txn, &txn->store->meta, "next", 4, &value);
    if (err == RG_EFORMAT || (!err && value.size != sizeof next))
        return rg_fail(RG_EFORMAT, "%s: the counter of labels is damaged: " RG__STORE_REMEDY,
                       txn->store->path);
    if (!err)
        memcpy(&next, value.data, sizeof next);
    else if (err != RG_ENOENT)
        return err;
    *label = next++;
    return rg__store_put(txn, &txn->store->meta, "next", 4, (rg_store_value_t){&next, sizeof next});
}

int rg__store_put_record(rg_store_txn_t *txn, const rg_store_image_t *image)
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
    return rg__store_put(txn, &txn->store->images, &image->label, sizeof image->label,
                         (rg_store_value_t){value, sizeof head + head.name_length});
}

int rg__store_list_image(rg_store_txn_t *txn, const rg_store_image_t *image)
{
    char key[RG__NAME_KEY_SIZE];
    rg_store_t *store = txn->store;
    int err = rg__store_put(txn, &store->ids, image->id, RG_ID_SIZE,
                            (rg_store_value_t){&image->label, sizeof image->label});
    if (err) return err;
    return rg__store_put(txn, &store->names, key, rg__store_name_key(image, key), (rg_store_value_t){"", 0});
}

int rg_store_put(rg_store_txn_t *txn, rg_store_image_t *image, rg_store_value_t thumbnail)
{
    uint64_t label;
    int err = take_next_label(txn, &label);
    if (err) return err;
    image->label = label;
    err = rg__store_list_image(txn, image);
    if (!err) err = rg__store_put_record(txn, image);
    if (!err) err = rg__store_put(txn, &txn->store->thumbnails, &label, sizeof label, thumbnail);
    return err;
}

int rg_store_set_asked(rg_store_txn_t *txn, const uint8_t id[RG_ID_SIZE], uint64_t asked_us)
{
    id_entry_t entry;
    int err = find_entry(txn, id, &entry);
    if (err) return err;
    entry.asked_us = asked_us;
    return rg__store_put(txn, &txn->store->ids, id, RG_ID_SIZE, (rg_store_value_t){&entry, sizeof entry});
}

int rg_store_put_derived(rg_store_txn_t *txn, uint64_t label, uint32_t slot,
                         const rg_store_value_t values[RG_DERIVED_KINDS])
{
    int err = 0;
    for (int i = 0; i < RG_DERIVED_KINDS && !err; i++)
        err = rg__store_put(txn, &txn->store->derived[slot][i], &label, sizeof label, values[i]);
    return err;
}

int rg_store_clear_slot(rg_store_txn_t *txn, uint32_t slot)
{
    uint64_t count = 0;
    int err = rg_store_embedded(txn, slot, &count);
    if (!err && count) err = rg__store_may_delete(txn);
    if (err) return err;
    int rc = 0;
    for (int i = 0; i < RG_DERIVED_KINDS && !rc; i++)
        rc = mdb_drop(txn->txn, txn->store->derived[slot][i].dbi, 0);
    return rc ? rg__store_fail(txn->store, rc, "write to") : 0;
}

// Deletes what leads to an image whose record cannot be read: all entries of the label in ids and names.
static int delete_listing(rg_store_txn_t *txn, const rg__table_t *table, uint64_t label)
{
    MDB_cursor *cursor;
    MDB_val k, v;
    int rc = mdb_cursor_open(txn->txn, table->dbi, &cursor);
    if (rc) return rg__store_fail(txn->store, rc, "remove from");
    while (!rc && (rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        uint64_t found = 0;
        if (table == &txn->store->ids && v.mv_size >= sizeof found)
            memcpy(&found, v.mv_data, sizeof found);
        else if (k.mv_size > sizeof found)
            found = label_of_name(&k);
        if (found == label) rc = mdb_cursor_del(cursor, 0);
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rg__store_fail(txn->store, rc, "remove from");
}

int rg_store_delete(rg_store_txn_t *txn, uint64_t label)
{
    rg_store_t *store = txn->store;
    rg_store_image_t image;
    char key[RG__NAME_KEY_SIZE];
    int err = rg__store_may_delete(txn);
    if (!err) err = rg_store_image(txn, label, &image);
    if (err == RG_EFORMAT) {
        err = delete_listing(txn, &store->ids, label);
        if (!err) err = delete_listing(txn, &store->names, label);
    } else if (!err) {
        err = rg__store_del(txn, &store->ids, image.id, RG_ID_SIZE);
        if (!err) err = rg__store_del(txn, &store->names, key, rg__store_name_key(&image, key));
    }
    if (!err) err = rg__store_del(txn, &store->images, &label, sizeof label);
    if (!err) err = rg__store_del(txn, &store->thumbnails, &label, sizeof label);
    for (int i = 0; i < RG_STORE_SLOTS * RG_DERIVED_KINDS && !err; i++)
        err = rg__store_del(txn, &store->derived[i / RG_DERIVED_KINDS][i % RG_DERIVED_KINDS], &label,
                            sizeof label);
    return err;
}

// ---- rows

int rg_store_rows_file(rg_store_txn_t *txn, uint64_t *number)
{
    rg_store_value_t value = {0};
    int err = rg__store_get(txn, &txn->store->meta, "rows", 4, &value);
    *number = 0;
    if (err == RG_EFORMAT || (!err && value.size != sizeof *number))
        return rg_fail(RG_EFORMAT, "%s: the number of the file of rows is damaged", txn->store->path);
    if (!err) memcpy(number, value.data, sizeof *number);
    return err == RG_ENOENT ? 0 : err;
}

int rg_store_set_rows_file(rg_store_txn_t *txn, uint64_t number)
{
    int rc = mdb_drop(txn->txn, txn->store->removed.dbi, 0);
    if (rc) return rg__store_fail(txn->store, rc, "write to");
    return rg__store_put(txn, &txn->store->meta, "rows", 4, (rg_store_value_t){&number, sizeof number});
}

int rg_store_put_removed(rg_store_txn_t *txn, uint64_t label)
{
    return rg__store_put(txn, &txn->store->removed, &label, sizeof label, (rg_store_value_t){"", 0});
}

int rg_store_list_removed(rg_store_txn_t *txn, void (*fn)(void *self, uint64_t label), void *self)
{
    const rg__table_t *table = &txn->store->removed;
    MDB_cursor *cursor;
    MDB_val k, v;
    rg_store_value_t none;
    if (!table->dbi) return 0;
    int rc = mdb_cursor_open(txn->txn, table->dbi, &cursor), err = 0;
    if (rc) return rg__store_fail(txn->store, rc, "read");
    while (!err && (rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        uint64_t label = 0;
        err = rg__store_check(table, &k, &v, &none);
        if (!err) memcpy(&label, k.mv_data, sizeof label);
        if (!err) fn(self, label);
    }
    mdb_cursor_close(cursor);
    if (err) return rg_fail(err, "%s: the list of removed rows is damaged", txn->store->path);
    return rc == MDB_NOTFOUND ? 0 : rg__store_fail(txn->store, rc, "read");
}

// ---- tombstones

int rg_store_put_tombstone(rg_store_txn_t *txn, const uint8_t id[RG_ID_SIZE], uint64_t asked_us)
{
    return rg__store_put(txn, &txn->store->tombstones, id, RG_ID_SIZE,
                         (rg_store_value_t){&asked_us, sizeof asked_us});
}

int rg_store_tombstone(rg_store_txn_t *txn, const uint8_t id[RG_ID_SIZE], uint64_t *asked_us)
{
    rg_store_value_t value = {0};
    int err = rg__store_get(txn, &txn->store->tombstones, id, RG_ID_SIZE, &value);
    if (!err && value.size == sizeof *asked_us) memcpy(asked_us, value.data, sizeof *asked_us);
    return err == RG_EFORMAT || (!err && value.size != sizeof *asked_us) ? RG_ENOENT : err;
}

// Calls fn with the time of each tombstone, 0 if it cannot be read. fn returns 1 to delete it.
static int walk_tombstones(rg_store_txn_t *txn, int (*fn)(void *self, uint64_t asked_us), void *self)
{
    MDB_cursor *cursor;
    MDB_val k, v;
    int rc = mdb_cursor_open(txn->txn, txn->store->tombstones.dbi, &cursor);
    if (rc) return rg__store_fail(txn->store, rc, "read");
    while (!rc && (rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        uint64_t asked_us = 0;
        if (v.mv_size >= sizeof asked_us) memcpy(&asked_us, v.mv_data, sizeof asked_us);
        if (fn(self, asked_us)) rc = mdb_cursor_del(cursor, 0);
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rg__store_fail(txn->store, rc, "remove from");
}

static int is_until(void *self, uint64_t asked_us)
{
    return asked_us <= *(const uint64_t *)self;
}

int rg_store_drop_tombstones(rg_store_txn_t *txn, uint64_t until_us, uint64_t *left)
{
    int err = rg__store_may_delete(txn);
    if (!err) err = walk_tombstones(txn, is_until, &until_us);
    return err ? err : count_entries(txn, &txn->store->tombstones, left);
}

typedef struct {
    uint64_t *time, count;
} times_t;

static int collect_time(void *self, uint64_t asked_us)
{
    times_t *times = self;
    times->time[times->count++] = asked_us;
    return 0;
}

static int compare_times(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int rg_store_median_tombstone(rg_store_txn_t *txn, uint64_t *asked_us)
{
    uint64_t count = 0;
    int err = count_entries(txn, &txn->store->tombstones, &count);
    if (err) return err;
    times_t times = {.time = rg_alloc((count + 1) * sizeof *times.time)};
    err = walk_tombstones(txn, collect_time, &times);
    if (!err) qsort(times.time, times.count, sizeof *times.time, compare_times);
    if (!err) *asked_us = times.time[times.count / 2];
    free(times.time);
    return err;
}

int rg_store_forgotten(rg_store_txn_t *txn, uint64_t *until_us)
{
    rg_store_value_t value = {0};
    int err = rg__store_get(txn, &txn->store->meta, "forgotten", 9, &value);
    *until_us = 0;
    if (!err && value.size == sizeof *until_us) memcpy(until_us, value.data, sizeof *until_us);
    return err == RG_ENOENT || err == RG_EFORMAT ? 0 : err;
}

int rg_store_set_forgotten(rg_store_txn_t *txn, uint64_t until_us)
{
    uint64_t before_us;
    int err = rg_store_forgotten(txn, &before_us);
    if (err || until_us <= before_us) return err;
    return rg__store_put(txn, &txn->store->meta, "forgotten", 9,
                         (rg_store_value_t){&until_us, sizeof until_us});
}
