// The files in tests/unit/fixtures were written on amd64. They open everywhere with the same contents.
//   unit-retrieval-portable FOLDER   writes them to FOLDER, after their version changed
#include "services/retrieval/snapshot.h"
#include "tests/unit/retrieval/sets.h"
#include "tests/unit/retrieval/stores.h"

#define STORE    "tests/unit/fixtures/data.mdb"
#define SNAPSHOT "tests/unit/fixtures/index.snapshot"

// The store has pictures 1 to 5 with labels 1 to 5, without the third; model m embedded all of them and model
// n, in the other slot, the second. The snapshot has an index over 40 pictures.
enum { PICTURES = 5, REMOVED = 3, AGAIN = 2, ROWS = 40, ASKED_US = 1700000000 };

static const char HNSW[] = "HNSW8";

static rg_store_state_t state_of_the_store(void)
{
    return (rg_store_state_t){.model = model_of("m"), .next = model_of("n"), .slot = 0, .generation = 9};
}

// ---- writing

static void write_store(const char *folder)
{
    rg_store_t *store = open_store(folder);
    rg_store_txn_t *txn = NULL;
    const rg_store_state_t known = state_of_the_store();
    uint64_t label;
    picture_t removed;
    picture(&removed, REMOVED);
    assert_ok(rg_store_begin_write(store, &txn));
    for (unsigned n = 1; n <= PICTURES; n++) assert_ok(put_picture(txn, n, &label));
    assert_ok(make_picture(txn, AGAIN, AGAIN, 1));
    assert_ok(rg_store_delete(txn, REMOVED));
    assert_ok(rg_store_put_tombstone(txn, removed.id, ASKED_US));
    assert_ok(rg_store_set_state(txn, &known));
    assert_ok(rg_store_commit(&txn));
    assert_ok(rg_store_copy(store));
    assert_ok(rg_store_use_copy(store));
    rg_store_close(&store);
}

static void write_snapshot(const char *path)
{
    const rg_store_model_t model = model_of("m");
    rg_view_t *view = rg_view_new(&model, 1);
    rg_linalg_threads(1);
    for (unsigned n = 1; n <= ROWS; n++) {
        picture_t p;
        picture(&p, n);
        rg_view_append(view, &(rg_image_row_t){.label = n, .vector = p.embedding});
    }
    assert_ok(rg_index_build(&view->index, &(rg_index_plan_t){.factory = HNSW, .work = &GO}, &view->rows));
    assert_ok(rg_snapshot_write(path, view, HNSW));
    rg_view_destroy(&view);
}

// ---- reading

static void copy_file(const char *from, const char *to)
{
    unsigned char *data;
    size_t size;
    assert_ok(rg_file_read(from, MAP_BYTES, &data, &size));
    assert_ok(rg_file_write(to, data, size));
    free(data);
}

static void assert_derived(rg_store_txn_t *txn, const rg_store_image_t *image, uint32_t slot,
                           const picture_t *p)
{
    rg_store_value_t value;
    assert_ok(rg_store_derived(txn, image, slot, RG_DERIVED_EMBEDDING, sizeof p->embedding, &value));
    assert_memory_equal(value.data, p->embedding, sizeof p->embedding);
    assert_ok(rg_store_derived(txn, image, slot, RG_DERIVED_FEATURES, sizeof p->features, &value));
    assert_memory_equal(value.data, p->features, sizeof p->features);
}

static void assert_picture(rg_store_txn_t *txn, unsigned n)
{
    uint64_t label;
    picture_t p;
    picture(&p, n);
    rg_store_image_t image;
    rg_store_value_t thumbnail;
    assert_ok(rg_store_find(txn, p.id, &label));
    assert_int_equal(label, n);
    assert_ok(rg_store_image(txn, label, &image));
    assert_memory_equal(image.id, p.id, RG_ID_SIZE);
    assert_string_equal(image.name, p.name);
    assert_int_equal(image.generation, 7);
    assert_int_equal(image.time_ms, 1000 + n);
    assert_int_equal(image.annotated, n % 2);
    assert_derived(txn, &image, 0, &p);
    assert_int_equal(rg_store_is_embedded(txn, label, 1), n == AGAIN);
    if (n == AGAIN) assert_derived(txn, &image, 1, &p);
    assert_ok(rg_store_thumbnail(txn, &image, &thumbnail));
    assert_int_equal(thumbnail.size, sizeof p.thumbnail);
    assert_memory_equal(thumbnail.data, p.thumbnail, sizeof p.thumbnail);
}

static void assert_model(const rg_store_model_t *have, const rg_store_model_t *want)
{
    assert_string_equal(have->name, want->name);
    assert_int_equal(have->embed_dim, want->embed_dim);
    assert_memory_equal(have->features_shape, want->features_shape, sizeof want->features_shape);
}

static void assert_contents(rg_store_t *store)
{
    rg_store_txn_t *txn = NULL;
    rg_store_entries_t entries;
    uint64_t asked_us, damaged;
    picture_t removed;
    picture(&removed, REMOVED);
    const rg_store_state_t want = state_of_the_store();
    rg_store_state_t have;
    assert_ok(rg_store_begin_read(store, &txn));
    assert_ok(rg_store_state(txn, &have));
    assert_model(&have.model, &want.model);
    assert_model(&have.next, &want.next);
    assert_int_equal(have.slot, want.slot);
    assert_int_equal(have.generation, want.generation);
    for (unsigned n = 1; n <= PICTURES; n++)
        if (n != REMOVED) assert_picture(txn, n);
    assert_ok(rg_store_tombstone(txn, removed.id, &asked_us));
    assert_int_equal(asked_us, ASKED_US);
    assert_ok(rg_store_entries(txn, &entries));
    assert_int_equal(entries.ids, PICTURES - 1);
    assert_int_equal(entries.names, PICTURES - 1);
    assert_int_equal(entries.thumbnails, PICTURES - 1);
    assert_int_equal(entries.tombstones, 1);
    assert_ok(rg_store_count_damaged(txn, 0, &damaged));
    assert_int_equal(damaged, 0);
    rg_store_abort(&txn);
}

// Its pages have 4 KiB, also where the system's are larger.
static void the_store_opens_and_takes_more(void **state)
{
    char *path = rg_format("%s/data.mdb", (char *)*state);
    copy_file(STORE, path);
    rg_store_t *store = open_store(*state);
    assert_ok(rg_store_check_pages(store));
    assert_contents(store);
    assert_int_equal(store_one(store, PICTURES + 1), PICTURES + 1);
    rg_store_close(&store);
    store = open_store(*state);
    assert_int_equal(count_stored(store), PICTURES);
    rg_store_close(&store);
    free(path);
}

static void the_snapshot_finds_every_row(void **state)
{
    (void)state;
    const rg_store_model_t model = model_of("m");
    rg_snapshot_t snapshot = {0};
    assert_ok(rg_snapshot_read(&snapshot, SNAPSHOT, &model, HNSW));
    assert_int_equal(snapshot.rows, ROWS);
    for (unsigned n = 1; n <= ROWS; n++) {
        picture_t p;
        int64_t row;
        picture(&p, n);
        assert_int_equal(snapshot.labels[n - 1], n);
        const rg_index_query_t query = {.queries = p.embedding, .n = 1, .k = 1};
        assert_ok(rg_index_search(snapshot.index, &row, &query));
        assert_int_equal(row, n - 1);
    }
    rg_snapshot_fini(&snapshot);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(the_store_opens_and_takes_more),
        cmocka_unit_test(the_snapshot_finds_every_row),
    };
    if (argc != 2) return cmocka_run_group_tests(tests, NULL, NULL);
    char *snapshot = rg_format("%s/index.snapshot", argv[1]);
    write_store(argv[1]);
    write_snapshot(snapshot);
    free(snapshot);
    return 0;
}
