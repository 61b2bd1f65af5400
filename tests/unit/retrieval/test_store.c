#include "tests/unit/retrieval/stores.h"

#include <sys/stat.h>

#include "tests/unit/retrieval/process.h"
#include "tests/unit/retrieval/values.h"

static void puts_and_gets(void **state)
{
    rg_store_t *store = open_store(*state);
    uint64_t label = store_one(store, 5), found;
    rg_store_txn_t *txn = NULL;
    picture_t p;
    picture(&p, 5);
    rg_store_image_t image;
    rg_store_value_t span;
    assert_ok(rg_store_begin_read(store, &txn));
    assert_ok(rg_store_find(txn, p.id, &found));
    assert_int_equal(found, label);
    assert_ok(rg_store_image(txn, label, &image));
    assert_string_equal(image.name, "000005.jpg");
    assert_memory_equal(image.id, p.id, RG_ID_SIZE);
    assert_int_equal(image.generation, 7);
    assert_int_equal(image.time_ms, 1005);
    assert_int_equal(image.annotated, 1);
    assert_ok(rg_store_derived(txn, &image, 0, RG_DERIVED_EMBEDDING, sizeof p.embedding, &span));
    assert_memory_equal(span.data, p.embedding, sizeof p.embedding);
    assert_ok(rg_store_derived(txn, &image, 0, RG_DERIVED_FEATURES, sizeof p.features, &span));
    assert_memory_equal(span.data, p.features, sizeof p.features);
    assert_fails(rg_store_derived(txn, &image, 1, RG_DERIVED_FEATURES, sizeof p.features, &span), RG_ENOENT,
                 "");
    assert_ok(rg_store_thumbnail(txn, &image, &span));
    assert_int_equal(span.size, sizeof p.thumbnail);
    p.id[0]++;
    assert_fails(rg_store_find(txn, p.id, &found), RG_ENOENT, "");
    assert_fails(rg_store_image(txn, label + 1, &image), RG_ENOENT, "");
    rg_store_abort(&txn);
    rg_store_close(&store);
}

static void the_longest_texts_fit(void **state)
{
    rg_store_t *store = open_store(*state);
    rg_store_txn_t *txn = NULL;
    rg_store_image_t image = {0}, back;
    memset(image.name, 'n', RG_TEXT_MAX);
    rg_store_state_t written = {.generation = 3,
                                .slot = 1,
                                .model = {.embed_dim = 4, .features_shape = {1, 2, 3}},
                                .next = {.embed_dim = 5, .features_shape = {3, 2, 1}}},
                     read;
    memset(written.model.name, 'm', RG_TEXT_MAX);
    memset(written.next.name, 'x', RG_TEXT_MAX);
    assert_ok(rg_store_begin_write(store, &txn));
    assert_ok(rg_store_put(txn, &image, (rg_store_value_t){"t", 1}));
    assert_ok(rg_store_set_state(txn, &written));
    assert_ok(rg_store_image(txn, image.label, &back));
    assert_ok(rg_store_state(txn, &read));
    rg_store_abort(&txn);
    assert_string_equal(back.name, image.name);
    assert_memory_equal(&read, &written, sizeof read);
    rg_store_close(&store);
}

static void labels_ascend_and_are_never_given_twice(void **state)
{
    rg_store_t *store = open_store(*state);
    uint64_t first = store_one(store, 1), second = store_one(store, 2);
    assert_true(first < second);
    rg_store_txn_t *txn = NULL;
    rg_store_image_t image;
    assert_ok(rg_store_begin_write(store, &txn));
    assert_ok(rg_store_delete(txn, second));
    assert_fails(rg_store_delete(txn, second), RG_ENOENT, "");
    assert_fails(rg_store_image(txn, second, &image), RG_ENOENT, "");
    assert_ok(rg_store_commit(&txn));
    assert_int_equal(count_stored(store), 1);
    rg_store_close(&store);
    store = open_store(*state);
    assert_true(store_one(store, 3) > second);
    rg_store_close(&store);
}

static void a_deleted_image_leaves_nothing_behind(void **state)
{
    rg_store_t *store = open_store(*state);
    uint64_t label = store_one(store, 1), found, count;
    picture_t p;
    picture(&p, 1);
    rg_store_txn_t *txn = NULL;
    assert_ok(rg_store_begin_write(store, &txn));
    assert_ok(make_picture(txn, 1, label, 1));
    assert_ok(rg_store_delete(txn, label));
    assert_ok(rg_store_commit(&txn));
    assert_ok(rg_store_begin_read(store, &txn));
    assert_fails(rg_store_find(txn, p.id, &found), RG_ENOENT, "");
    const rg_store_image_t image = {.label = label};
    rg_store_value_t span;
    for (uint32_t slot = 0; slot < RG_STORE_SLOTS; slot++) {
        assert_ok(rg_store_embedded(txn, slot, &count));
        assert_int_equal(count, 0);
        assert_fails(rg_store_derived(txn, &image, slot, RG_DERIVED_FEATURES, 1, &span), RG_ENOENT, "");
    }
    assert_fails(rg_store_thumbnail(txn, &image, &span), RG_EFORMAT, "");
    rg_store_abort(&txn);
    rg_store_close(&store);
}

static void next_walks_in_order(void **state)
{
    rg_store_t *store = open_store(*state);
    uint64_t labels[5], from = 0;
    for (unsigned i = 0; i < 5; i++) labels[i] = store_one(store, i);
    rg_store_txn_t *txn = NULL;
    rg_store_image_t image;
    assert_ok(rg_store_begin_read(store, &txn));
    for (unsigned i = 0; i < 5; i++) {
        assert_ok(rg_store_next(txn, from, &image));
        assert_int_equal(image.label, labels[i]);
        from = image.label + 1;
    }
    assert_fails(rg_store_next(txn, from, &image), RG_ENOENT, "");
    rg_store_abort(&txn);
    rg_store_close(&store);
}

static void the_slots_are_apart(void **state)
{
    rg_store_t *store = open_store(*state);
    uint64_t label = store_one(store, 5), embedded[RG_STORE_SLOTS];
    rg_store_txn_t *txn = NULL;
    rg_store_image_t image;
    rg_store_value_t span;
    picture_t p, other;
    picture(&p, 5);
    picture(&other, 6);
    assert_ok(rg_store_begin_write(store, &txn));
    assert_ok(make_picture(txn, 6, label, 1));
    for (uint32_t slot = 0; slot < RG_STORE_SLOTS; slot++)
        assert_ok(rg_store_embedded(txn, slot, &embedded[slot]));
    assert_int_equal(embedded[0], 1);
    assert_int_equal(embedded[1], 1);
    assert_ok(rg_store_image(txn, label, &image));
    assert_ok(rg_store_derived(txn, &image, 1, RG_DERIVED_EMBEDDING, sizeof p.embedding, &span));
    assert_memory_equal(span.data, other.embedding, sizeof other.embedding);
    assert_ok(rg_store_clear_slot(txn, 0));
    assert_fails(rg_store_derived(txn, &image, 0, RG_DERIVED_EMBEDDING, sizeof p.embedding, &span), RG_ENOENT,
                 "");
    assert_ok(rg_store_derived(txn, &image, 1, RG_DERIVED_FEATURES, sizeof p.features, &span));
    assert_memory_equal(span.data, other.features, sizeof other.features);
    rg_store_abort(&txn);
    rg_store_close(&store);
}

typedef struct {
    unsigned n;
    uint64_t label[8];
} labels_t;

static void keep_label(void *self, uint64_t label)
{
    labels_t *labels = self;
    assert_true(labels->n < 8);
    labels->label[labels->n++] = label;
}

static unsigned named(rg_store_t *store, const char *prefix, labels_t *labels)
{
    rg_store_txn_t *txn = NULL;
    *labels = (labels_t){0};
    assert_ok(rg_store_begin_read(store, &txn));
    assert_ok(rg_store_find_prefix(txn, prefix, keep_label, labels));
    rg_store_abort(&txn);
    return labels->n;
}

static void names_are_found_by_their_beginning(void **state)
{
    static const char *const names[] = {"cat/2", "dog", "cat/1", "cat", "cat/1"};
    rg_store_t *store = open_store(*state);
    rg_store_txn_t *txn = NULL;
    labels_t labels;
    char longest[2 * RG_TEXT_MAX + 1] = {0};
    assert_int_equal(named(store, "", &labels), 0);
    assert_ok(rg_store_begin_write(store, &txn));
    for (int i = 0; i < 5; i++) {
        rg_store_image_t image = {.id = {(uint8_t)i}};
        strcpy(image.name, names[i]);
        assert_ok(rg_store_put(txn, &image, (rg_store_value_t){"t", 1}));
    }
    assert_ok(rg_store_commit(&txn));
    assert_int_equal(named(store, "cat/", &labels), 3); // in the order of the names, then of the labels
    assert_int_equal(labels.label[0], 3);
    assert_int_equal(labels.label[1], 5);
    assert_int_equal(labels.label[2], 1);
    assert_int_equal(named(store, "cat", &labels), 4);
    assert_int_equal(named(store, "", &labels), 5);
    assert_int_equal(named(store, "dog", &labels), 1);
    assert_int_equal(named(store, "dogs", &labels), 0);
    assert_int_equal(named(store, "zebra", &labels), 0);
    assert_int_equal(named(store, memset(longest, 'c', 2 * RG_TEXT_MAX), &labels), 0);
    assert_ok(rg_store_begin_write(store, &txn));
    assert_ok(rg_store_delete(txn, 3)); // one of two images of that name
    assert_ok(rg_store_commit(&txn));
    assert_int_equal(named(store, "cat/1", &labels), 1);
    assert_int_equal(labels.label[0], 5);
    rg_store_close(&store);
}

static void an_aborted_transaction_leaves_no_trace(void **state)
{
    rg_store_t *store = open_store(*state);
    rg_store_txn_t *txn = NULL;
    uint64_t label;
    assert_ok(rg_store_begin_write(store, &txn));
    assert_ok(put_picture(txn, 1, &label));
    rg_store_abort(&txn);
    assert_null(txn);
    assert_int_equal(count_stored(store), 0);
    rg_store_close(&store);
}

static void a_reader_sees_its_own_moment(void **state)
{
    rg_store_t *store = open_store(*state);
    rg_store_txn_t *txn = NULL;
    rg_store_image_t image;
    uint64_t count;
    assert_ok(rg_store_begin_read(store, &txn));
    uint64_t label = store_one(store, 1);
    assert_ok(rg_store_count(txn, &count));
    assert_int_equal(count, 0);
    assert_fails(rg_store_image(txn, label, &image), RG_ENOENT, "");
    rg_store_abort(&txn);
    assert_int_equal(count_stored(store), 1);
    rg_store_close(&store);
}

enum {
    FULL_PAGES = 64
}; // each of the store's tables takes at least one page of LMDB, as large as the system's

static void a_full_map_is_an_error_and_no_half(void **state)
{
    rg_store_t *store = NULL;
    rg_store_txn_t *txn = NULL;
    uint64_t label;
    unsigned n = 0;
    int err = 0;
    assert_ok(rg_store_open(&store, *state, FULL_PAGES * (size_t)sysconf(_SC_PAGESIZE)));
    store_one(store, 1000000);
    assert_ok(rg_store_begin_write(store, &txn));
    while (!err && n < 100000) err = put_picture(txn, n++, &label);
    assert_fails(err, RG_EFULL, *state);
    rg_store_abort(&txn);
    assert_int_equal(count_stored(store), 1);
    rg_store_close(&store);
}

// The commit itself fails.
static void a_full_disk_is_an_error_and_no_half(void **state)
{
    rg_store_t *store = open_store(*state);
    rg_store_txn_t *txn = NULL;
    uint64_t label;
    store_one(store, 1000000);
    assert_ok(rg_store_begin_write(store, &txn));
    for (unsigned i = 0; i < 500; i++) assert_ok(put_picture(txn, i, &label));
    struct rlimit old = limit_files(rg_store_bytes(store) + 8192);
    int err = rg_store_commit(&txn);
    lift_file_limit(old);
    assert_true(err == RG_EFULL || err == RG_EIO); // EIO: the write was cut short
    assert_says(*state);
    rg_store_close(&store);
    store = open_store(*state);
    assert_int_equal(count_stored(store), 1);
    store_one(store, 1);
    rg_store_close(&store);
}

static void fill_and_empty(rg_store_t *store, unsigned n, unsigned keep)
{
    rg_store_txn_t *txn = NULL;
    uint64_t label;
    assert_ok(rg_store_begin_write(store, &txn));
    for (unsigned i = 0; i < n; i++) assert_ok(put_picture(txn, i, &label));
    assert_ok(rg_store_commit(&txn));
    assert_ok(rg_store_begin_write(store, &txn));
    for (uint64_t i = 1 + keep; i <= n; i++) assert_ok(rg_store_delete(txn, i));
    assert_ok(rg_store_commit(&txn));
}

static uint64_t file_bytes(const char *folder)
{
    char *path = rg_format("%s/data.mdb", folder);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    free(path);
    return (uint64_t)info.st_size;
}

static void a_copy_takes_the_place_and_is_smaller(void **state)
{
    rg_store_t *store = open_store(*state);
    fill_and_empty(store, 1000, 3);
    uint64_t before = rg_store_bytes(store), on_disk = file_bytes(*state);
    assert_ok(rg_store_copy(store));
    assert_int_equal(rg_store_bytes(store), before);
    assert_ok(rg_store_copy(store)); // replaces the first copy
    assert_ok(rg_store_use_copy(store));
    assert_true(rg_store_bytes(store) < before / 2);
    assert_true(file_bytes(*state) < on_disk / 2);
    for (int reopened = 0; reopened < 2; reopened++) {
        rg_store_txn_t *txn = NULL;
        rg_store_image_t image;
        rg_store_value_t span;
        picture_t p;
        picture(&p, 2);
        assert_int_equal(count_stored(store), 3);
        assert_ok(rg_store_begin_read(store, &txn));
        assert_ok(rg_store_image(txn, 3, &image));
        assert_string_equal(image.name, p.name);
        assert_ok(rg_store_derived(txn, &image, 0, RG_DERIVED_FEATURES, sizeof p.features, &span));
        assert_memory_equal(span.data, p.features, sizeof p.features);
        rg_store_abort(&txn);
        rg_store_t *other = NULL;
        assert_fails(rg_store_open(&other, *state, MAP_BYTES), RG_EBUSY, ""); // the store is still locked
        rg_store_close(&store);
        store = open_store(*state);
    }
    assert_true(store_one(store, 1) > 1000); // the label counter is part of the copy
    rg_store_close(&store);
}

static void a_copy_that_finds_no_room_changes_nothing(void **state)
{
    rg_store_t *store = open_store(*state);
    fill_and_empty(store, 200, 100);
    struct rlimit old = limit_files(16384);
    int err = rg_store_copy(store);
    lift_file_limit(old);
    assert_true(err == RG_EFULL || err == RG_EIO);
    assert_int_equal(count_stored(store), 100);
    char *copy = rg_format("%s/compacting/data.mdb", (char *)*state);
    assert_int_not_equal(access(copy, F_OK), 0);
    free(copy);
    assert_fails(rg_store_use_copy(store), RG_EIO, ""); // the copy does not exist
    assert_int_equal(count_stored(store), 100);
    store_one(store, 1000);
    rg_store_close(&store);
}

static void a_second_owner_is_refused(void **state)
{
    rg_store_t *store = open_store(*state), *other = NULL;
    assert_fails(rg_store_open(&other, *state, MAP_BYTES), RG_EBUSY, "another process");
    assert_says(*state);
    assert_null(other);
    rg_store_close(&store);
    store = open_store(*state);
    rg_store_close(&store);
}

static void bad_folders_are_named(void **state)
{
    char *file = rg_format("%s/file", (char *)*state);
    rg_store_t *store = NULL;
    assert_ok(rg_file_write(file, "x", 1));
    assert_fails(rg_store_open(&store, file, MAP_BYTES), RG_EIO, file);
    assert_fails(rg_store_open(&store, "/proc/self/store", MAP_BYTES), RG_EIO, "/proc/self/store");
    assert_null(store);
    free(file);
}

static void garbage_is_no_store(void **state)
{
    char *file = rg_format("%s/data.mdb", (char *)*state);
    char garbage[8192];
    rg_store_t *store = NULL;
    memset(garbage, 'g', sizeof garbage);
    assert_ok(rg_file_write(file, garbage, sizeof garbage));
    assert_fails(rg_store_open(&store, *state, MAP_BYTES), RG_EFORMAT, *state);
    free(file);
}

// Overwrites a value in the closed store; with its checksum unless `raw`.
static void overwrite(const char *path, const char *table, MDB_val key, MDB_val value, int raw)
{
    char sealed[VALUE_MAX];
    MDB_val made = {seal_value(table, key, value.mv_data, value.mv_size, sealed), sealed};
    assert_int_equal(change_value(path, table, key, raw ? &value : &made), 0);
}

static void damaged_values_name_the_image(void **state)
{
    for (int raw = 0; raw < 2; raw++) { // a value of another size, a value without its checksum
        rg_store_t *store = open_store(*state);
        uint64_t label = store_one(store, 5);
        rg_store_close(&store);
        picture_t p;
        picture(&p, 5);
        MDB_val key = {sizeof label, &label}, three = {3, "abc"}, none = {0, ""};
        overwrite(*state, "embeddings.0", key, three, raw);
        overwrite(*state, "thumbnails", key, none, raw);
        store = open_store(*state);
        rg_store_txn_t *txn = NULL;
        rg_store_image_t image;
        rg_store_value_t span;
        assert_ok(rg_store_begin_read(store, &txn));
        assert_ok(rg_store_image(txn, label, &image));
        assert_fails(rg_store_derived(txn, &image, 0, RG_DERIVED_EMBEDDING, sizeof p.embedding, &span),
                     RG_EFORMAT, "000005.jpg, is damaged (embedding)");
        assert_fails(rg_store_thumbnail(txn, &image, &span), RG_EFORMAT, "(thumbnail)");
        assert_says("0500000000000000000000000000");
        rg_store_abort(&txn);
        rg_store_close(&store);

        overwrite(*state, "images", key, three, raw);
        store = open_store(*state);
        assert_ok(rg_store_begin_read(store, &txn));
        assert_fails(rg_store_image(txn, label, &image), RG_EFORMAT, "image 1 is damaged");
        assert_fails(rg_store_next(txn, 0, &image), RG_EFORMAT, "image 1 is damaged");
        assert_fails(rg_store_next(txn, image.label + 1, &image), RG_ENOENT, "");
        rg_store_abort(&txn);
        assert_ok(rg_store_begin_write(store, &txn));
        assert_ok(rg_store_delete(txn, label)); // with what leads to it
        assert_fails(rg_store_find(txn, p.id, &label), RG_ENOENT, "");
        rg_store_entries_t entries;
        assert_ok(rg_store_entries(txn, &entries));
        assert_int_equal(entries.ids + entries.names + entries.thumbnails, 0);
        rg_store_abort(&txn);
        rg_store_close(&store);
        char *data = rg_format("%s/data.mdb", (char *)*state);
        assert_int_equal(unlink(data), 0);
        free(data);
    }
}

// Ids and names can be made again from the records.
static void damaged_ids_and_names_are_mended_at_the_start(void **state)
{
    rg_store_t *store = open_store(*state);
    for (unsigned n = 1; n <= 3; n++) store_one(store, n);
    rg_store_close(&store);
    uint64_t wrong = 3, found;
    picture_t p;
    labels_t labels;
    for (int kind = 0; kind < 4; kind++) {
        picture(&p, 2);
        MDB_val id = {RG_ID_SIZE, p.id}, name = {18, "000002.jpg\0\0\0\0\0\0\0\2"};
        if (kind == 0) overwrite(*state, "ids", id, (MDB_val){sizeof wrong, &wrong}, 0);
        if (kind == 1) overwrite(*state, "ids", id, (MDB_val){3, "abc"}, 1);
        if (kind == 2) assert_int_equal(change_value(*state, "ids", id, NULL), 0);
        if (kind == 3) overwrite(*state, "by_name", name, (MDB_val){8, "12345678"}, 1);
        store = open_store(*state);
        rg_store_txn_t *txn = NULL;
        assert_ok(rg_store_begin_read(store, &txn));
        assert_ok(rg_store_find(txn, p.id, &found));
        assert_int_equal(found, 2);
        rg_store_abort(&txn);
        assert_int_equal(named(store, "000002", &labels), 1);
        assert_int_equal(named(store, "", &labels), 3);
        rg_store_close(&store);
    }
}

static void lengths_in_a_record_are_checked(void **state)
{
    rg_store_t *store = open_store(*state);
    uint64_t label = store_one(store, 5);
    rg_store_close(&store);
    unsigned char records[][48] = {{4, 0, 0, 0, 0xFF, 0xFF},  // a name of 65535 bytes
                                   {4, 0, 0, 0, 0xFF, 0},     // a name longer than the record
                                   {4, 0, 0, 0, 8, 0, 2},     // annotated is neither 0 nor 1
                                   {5, 0, 0, 0, 8, 0, 0, 0}}; // another version
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        overwrite(*state, "images", (MDB_val){sizeof label, &label}, (MDB_val){48, records[i]}, 0);
        store = open_store(*state);
        rg_store_txn_t *txn = NULL;
        rg_store_image_t image;
        assert_ok(rg_store_begin_read(store, &txn));
        assert_fails(rg_store_image(txn, label, &image), RG_EFORMAT, "");
        rg_store_abort(&txn);
        rg_store_close(&store);
    }
}

static void the_state_is_checked(void **state)
{
    rg_store_t *store = open_store(*state);
    rg_store_txn_t *txn = NULL;
    rg_store_state_t back;
    assert_ok(rg_store_begin_read(store, &txn));
    assert_ok(rg_store_state(txn, &back));
    assert_int_equal(back.generation, 0);
    assert_string_equal(back.model.name, "");
    rg_store_abort(&txn);
    rg_store_close(&store);
    const struct {
        unsigned char bytes[64];
        size_t size;
        int err;
    } bad[] = {{{4}, 3, RG_EFORMAT},
               {{2}, 56, RG_EVERSION},
               {{5}, 4, RG_EVERSION},
               {{4, 0, 0, 0, 2}, 56, RG_EFORMAT}, // slots are 0 and 1
               {{4, [16] = 200}, 58, RG_EFORMAT}, // a name longer than the record
               {{4, [16] = 0xFF, 0xFF, 0xFF, 0xFF}, 58, RG_EFORMAT},
               {{4, [16] = 1, [36] = 0xFF, 0xFF, 0xFF, 0xFF},
                56,
                RG_EFORMAT}, // only the sum of the lengths is right
               {{4}, 57, RG_EFORMAT}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        overwrite(*state, "meta", (MDB_val){5, "state"}, (MDB_val){bad[i].size, (void *)bad[i].bytes}, 0);
        assert_fails(rg_store_open(&store, *state, MAP_BYTES), bad[i].err, *state);
    }
}

// A newer version may have tables that this one does not know. That is not damage, however large the file is.
static void a_store_of_a_newer_version_asks_for_an_update(void **state)
{
    const uint32_t newer = 5;
    char *data = rg_format("%s/data.mdb", (char *)*state);
    rg_store_t *store = open_store(*state);
    store_one(store, 1);
    rg_store_close(&store);
    overwrite(*state, "anything", (MDB_val){3, "key"}, (MDB_val){5, "value"}, 0);
    assert_fails(rg_store_open(&store, *state, MAP_BYTES), RG_EFORMAT, "it names an unknown table");
    overwrite(*state, "meta", (MDB_val){5, "state"}, (MDB_val){sizeof newer, (void *)&newer}, 0);
    assert_fails(rg_store_open(&store, *state, MAP_BYTES), RG_EVERSION, "update this one");
    assert_int_equal(truncate(data, RG_STORE_CHECKED_AT_ONCE + 4096), 0);
    assert_fails(rg_store_open(&store, *state, 2 * MAP_BYTES), RG_EVERSION, "update this one");
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(puts_and_gets),
        IN_FOLDER(the_longest_texts_fit),
        IN_FOLDER(labels_ascend_and_are_never_given_twice),
        IN_FOLDER(a_deleted_image_leaves_nothing_behind),
        IN_FOLDER(next_walks_in_order),
        IN_FOLDER(the_slots_are_apart),
        IN_FOLDER(names_are_found_by_their_beginning),
        IN_FOLDER(an_aborted_transaction_leaves_no_trace),
        IN_FOLDER(a_reader_sees_its_own_moment),
        IN_FOLDER(a_full_map_is_an_error_and_no_half),
        IN_FOLDER(a_full_disk_is_an_error_and_no_half),
        IN_FOLDER(a_copy_takes_the_place_and_is_smaller),
        IN_FOLDER(a_copy_that_finds_no_room_changes_nothing),
        IN_FOLDER(a_second_owner_is_refused),
        IN_FOLDER(bad_folders_are_named),
        IN_FOLDER(garbage_is_no_store),
        IN_FOLDER(damaged_values_name_the_image),
        IN_FOLDER(damaged_ids_and_names_are_mended_at_the_start),
        IN_FOLDER(lengths_in_a_record_are_checked),
        IN_FOLDER(the_state_is_checked),
        IN_FOLDER(a_store_of_a_newer_version_asks_for_an_update),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
