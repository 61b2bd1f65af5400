#include "tests/unit/retrieval/pictures.h"

#include <lmdb.h>
#include <signal.h>
#include <sys/resource.h>

#include "services/retrieval/store.h"

static rg_store_t *open_store(const char *path)
{
    rg_store_t *store = NULL;
    assert_ok(rg_store_open(&store, path, MAP_BYTES));
    return store;
}

static int put_picture(rg_store_txn_t *txn, unsigned n, const char *model, uint64_t *label)
{
    picture_t p;
    picture(&p, n);
    rg_image_t image = {.generation = 7, .time_ms = 1000 + n};
    memcpy(image.id, p.id, sizeof p.id);
    strcpy(image.name, p.name);
    strcpy(image.model, model);
    const rg_span_t bulk[RG_BULKS] = {
        {p.embedding, sizeof p.embedding}, {p.content, sizeof p.content}, {p.thumbnail, sizeof p.thumbnail}};
    int err = rg_store_put(txn, &image, bulk);
    if (!err) *label = image.label;
    return err;
}

static uint64_t store_one(rg_store_t *store, unsigned n, const char *model)
{
    rg_store_txn_t *txn = NULL;
    uint64_t label = 0;
    assert_ok(rg_store_write(store, &txn));
    assert_ok(put_picture(txn, n, model, &label));
    assert_ok(rg_store_commit(&txn));
    return label;
}

static void puts_and_gets(void **state)
{
    rg_store_t *store = open_store(*state);
    uint64_t label = store_one(store, 5, "m"), found;
    rg_store_txn_t *txn = NULL;
    picture_t p;
    picture(&p, 5);
    rg_image_t image;
    rg_span_t span;
    assert_ok(rg_store_read(store, &txn));
    assert_ok(rg_store_find(txn, p.id, &found));
    assert_int_equal(found, label);
    assert_ok(rg_store_image(txn, label, &image));
    assert_string_equal(image.name, "000005.jpg");
    assert_string_equal(image.model, "m");
    assert_memory_equal(image.id, p.id, RG_ID_SIZE);
    assert_int_equal(image.generation, 7);
    assert_int_equal(image.time_ms, 1005);
    assert_ok(rg_store_bulk(txn, &image, RG_BULK_EMBEDDING, sizeof p.embedding, &span));
    assert_memory_equal(span.data, p.embedding, sizeof p.embedding);
    assert_ok(rg_store_bulk(txn, &image, RG_BULK_CONTENT, sizeof p.content, &span));
    assert_memory_equal(span.data, p.content, sizeof p.content);
    assert_ok(rg_store_bulk(txn, &image, RG_BULK_THUMBNAIL, 0, &span));
    assert_int_equal(span.size, sizeof p.thumbnail);
    p.id[0]++;
    assert_fails(rg_store_find(txn, p.id, &found), RG_ENOENT);
    assert_fails(rg_store_image(txn, label + 1, &image), RG_ENOENT);
    rg_store_abort(&txn);
    rg_store_close(&store);
}

static void the_longest_texts_fit(void **state)
{
    rg_store_t *store = open_store(*state);
    rg_store_txn_t *txn = NULL;
    rg_image_t image = {0}, back;
    memset(image.name, 'n', RG_TEXT_MAX);
    memset(image.model, 'm', RG_TEXT_MAX);
    const rg_span_t bulk[RG_BULKS] = {{"e", 1}, {"c", 1}, {"t", 1}};
    rg_state_t written = {.generation = 3, .model = {.embed_dim = 4, .content_shape = {1, 2, 3}}}, read;
    memset(written.model.name, 'm', RG_TEXT_MAX);
    assert_ok(rg_store_write(store, &txn));
    assert_ok(rg_store_put(txn, &image, bulk));
    assert_ok(rg_store_set_state(txn, &written));
    assert_ok(rg_store_image(txn, image.label, &back));
    assert_ok(rg_store_state(txn, &read));
    rg_store_abort(&txn);
    assert_string_equal(back.name, image.name);
    assert_string_equal(back.model, image.model);
    assert_memory_equal(&read, &written, sizeof read);
    rg_store_close(&store);
}

static void labels_ascend_and_are_never_given_twice(void **state)
{
    rg_store_t *store = open_store(*state);
    uint64_t first = store_one(store, 1, "m"), second = store_one(store, 2, "m"), again;
    assert_true(first < second);
    again = store_one(store, 1, "other"); // replaces
    assert_true(second < again);
    rg_store_txn_t *txn = NULL;
    rg_image_t image;
    uint64_t count;
    assert_ok(rg_store_write(store, &txn));
    assert_fails(rg_store_image(txn, first, &image), RG_ENOENT);
    assert_ok(rg_store_count(txn, &count));
    assert_int_equal(count, 2);
    assert_ok(rg_store_delete(txn, again));
    assert_ok(rg_store_commit(&txn));
    rg_store_close(&store);
    store = open_store(*state);
    assert_true(store_one(store, 3, "m") > again);
    rg_store_close(&store);
}

static void next_walks_in_order(void **state)
{
    rg_store_t *store = open_store(*state);
    uint64_t labels[5], from = 0;
    for (unsigned i = 0; i < 5; i++) labels[i] = store_one(store, i, "m");
    rg_store_txn_t *txn = NULL;
    rg_image_t image;
    assert_ok(rg_store_read(store, &txn));
    for (unsigned i = 0; i < 5; i++) {
        assert_ok(rg_store_next(txn, from, &image));
        assert_int_equal(image.label, labels[i]);
        from = image.label + 1;
    }
    assert_fails(rg_store_next(txn, from, &image), RG_ENOENT);
    rg_store_abort(&txn);
    rg_store_close(&store);
}

static void an_aborted_transaction_leaves_no_trace(void **state)
{
    rg_store_t *store = open_store(*state);
    rg_store_txn_t *txn = NULL;
    uint64_t label, count;
    assert_ok(rg_store_write(store, &txn));
    assert_ok(put_picture(txn, 1, "m", &label));
    rg_store_abort(&txn);
    assert_null(txn);
    assert_ok(rg_store_read(store, &txn));
    assert_ok(rg_store_count(txn, &count));
    assert_int_equal(count, 0);
    rg_store_abort(&txn);
    rg_store_close(&store);
}

static void a_full_map_is_an_error_and_no_half(void **state)
{
    rg_store_t *store = NULL;
    rg_store_txn_t *txn = NULL;
    uint64_t label, count;
    unsigned n = 0;
    int err = 0;
    assert_ok(rg_store_open(&store, *state, 256 << 10));
    store_one(store, 1000000, "m");
    assert_ok(rg_store_write(store, &txn));
    while (!err && n < 100000) err = put_picture(txn, n++, "m", &label);
    assert_fails(err, RG_EFULL);
    assert_says(*state);
    rg_store_abort(&txn);
    assert_ok(rg_store_read(store, &txn));
    assert_ok(rg_store_count(txn, &count));
    assert_int_equal(count, 1);
    rg_store_abort(&txn);
    rg_store_close(&store);
}

// A limit on the size of files stands in for a full disk: the commit itself fails.
static void a_full_disk_is_an_error_and_no_half(void **state)
{
    rg_store_t *store = open_store(*state);
    rg_store_txn_t *txn = NULL;
    uint64_t label, count;
    store_one(store, 1000000, "m");
    struct rlimit old, limit;
    getrlimit(RLIMIT_FSIZE, &old);
    limit = old;
    limit.rlim_cur = rg_store_bytes(store) + 8192;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_ok(rg_store_write(store, &txn));
    for (unsigned i = 0; i < 500; i++) assert_ok(put_picture(txn, i, "m", &label));
    setrlimit(RLIMIT_FSIZE, &limit);
    int err = rg_store_commit(&txn);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, handler);
    assert_true(err == RG_EFULL || err == RG_EIO); // EIO: the write was cut short
    assert_says(*state);
    rg_store_close(&store);
    store = open_store(*state);
    assert_ok(rg_store_read(store, &txn));
    assert_ok(rg_store_count(txn, &count));
    assert_int_equal(count, 1);
    rg_store_abort(&txn);
    store_one(store, 1, "m");
    rg_store_close(&store);
}

static void a_second_owner_is_refused(void **state)
{
    rg_store_t *store = open_store(*state), *other = NULL;
    assert_fails(rg_store_open(&other, *state, MAP_BYTES), RG_EBUSY);
    assert_says("another process");
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
    assert_fails(rg_store_open(&store, file, MAP_BYTES), RG_EIO);
    assert_says(file);
    assert_fails(rg_store_open(&store, "/proc/self/store", MAP_BYTES), RG_EIO);
    assert_says("/proc/self/store");
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
    assert_fails(rg_store_open(&store, *state, MAP_BYTES), RG_EFORMAT);
    assert_says(*state);
    free(file);
}

// Writes a value behind the store's back.
static void overwrite(const char *path, const char *table, MDB_val key, MDB_val value)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    assert_int_equal(mdb_env_create(&env), 0);
    mdb_env_set_maxdbs(env, 8);
    assert_int_equal(mdb_env_open(env, path, 0, 0644), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, table, 0, &dbi), 0);
    assert_int_equal(mdb_put(txn, dbi, &key, &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void corrupt_records_name_the_image(void **state)
{
    rg_store_t *store = open_store(*state);
    uint64_t label = store_one(store, 5, "m"), found;
    rg_store_close(&store);
    picture_t p;
    picture(&p, 5);
    MDB_val key = {sizeof label, &label}, id = {RG_ID_SIZE, p.id}, three = {3, "abc"};
    overwrite(*state, "embeddings", key, three);
    store = open_store(*state);
    rg_store_txn_t *txn = NULL;
    rg_image_t image;
    rg_span_t span;
    assert_ok(rg_store_read(store, &txn));
    assert_ok(rg_store_image(txn, label, &image));
    assert_fails(rg_store_bulk(txn, &image, RG_BULK_EMBEDDING, sizeof p.embedding, &span), RG_EFORMAT);
    assert_says("0500000000000000000000000000");
    assert_says("embedding has 3 bytes");
    rg_store_abort(&txn);
    rg_store_close(&store);

    overwrite(*state, "images", key, three);
    overwrite(*state, "ids", id, three);
    store = open_store(*state);
    assert_ok(rg_store_read(store, &txn));
    assert_fails(rg_store_image(txn, label, &image), RG_EFORMAT);
    assert_fails(rg_store_next(txn, 0, &image), RG_EFORMAT);
    assert_fails(rg_store_find(txn, p.id, &found), RG_EFORMAT);
    rg_store_abort(&txn);
    rg_store_close(&store);
}

static void lengths_in_a_record_are_checked(void **state)
{
    rg_store_t *store = open_store(*state);
    uint64_t label = store_one(store, 5, "m");
    rg_store_close(&store);
    unsigned char record[48] = {1, 0, 0, 0, 0xFF, 0xFF, 1, 0}; // version 1, name of 65535 bytes
    overwrite(*state, "images", (MDB_val){sizeof label, &label}, (MDB_val){sizeof record, record});
    store = open_store(*state);
    rg_store_txn_t *txn = NULL;
    rg_image_t image;
    assert_ok(rg_store_read(store, &txn));
    assert_fails(rg_store_image(txn, label, &image), RG_EFORMAT);
    rg_store_abort(&txn);
    rg_store_close(&store);
}

static void the_state_is_checked(void **state)
{
    rg_store_t *store = open_store(*state);
    rg_store_txn_t *txn = NULL;
    rg_state_t back;
    assert_ok(rg_store_read(store, &txn));
    assert_ok(rg_store_state(txn, &back));
    assert_int_equal(back.generation, 0);
    assert_string_equal(back.model.name, "");
    rg_store_abort(&txn);
    rg_store_close(&store);
    const struct {
        unsigned char bytes[34];
        size_t size;
        int err;
    } bad[] = {{{1}, 3, RG_EFORMAT},
               {{2}, 32, RG_EVERSION},
               {{1, 0, 0, 0, 200}, 34, RG_EFORMAT},
               {{1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF}, 34, RG_EFORMAT}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        overwrite(*state, "meta", (MDB_val){5, "state"}, (MDB_val){bad[i].size, (void *)bad[i].bytes});
        store = open_store(*state);
        assert_ok(rg_store_read(store, &txn));
        assert_fails(rg_store_state(txn, &back), bad[i].err);
        rg_store_abort(&txn);
        rg_store_close(&store);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(puts_and_gets),
        TEST(the_longest_texts_fit),
        TEST(labels_ascend_and_are_never_given_twice),
        TEST(next_walks_in_order),
        TEST(an_aborted_transaction_leaves_no_trace),
        TEST(a_full_map_is_an_error_and_no_half),
        TEST(a_full_disk_is_an_error_and_no_half),
        TEST(a_second_owner_is_refused),
        TEST(bad_folders_are_named),
        TEST(garbage_is_no_store),
        TEST(corrupt_records_name_the_image),
        TEST(lengths_in_a_record_are_checked),
        TEST(the_state_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
