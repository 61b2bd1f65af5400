#include "tests/unit/retrieval/sets.h"

static const char HNSW[] = "HNSW16", IVF[] = "IVF4,Flat";

static size_t rows_of(rg_set_t *set)
{
    rg_read_view_t read = read_view_of(set);
    size_t n = read.view->rows.count;
    rg_read_view_end(&read);
    return n;
}

// Pictures first..last-1 without gap..gap_end-1.
typedef struct {
    unsigned first, last, gap, gap_end;
} numbers_t;

static int is_in(const numbers_t *numbers, unsigned n)
{
    return n >= numbers->first && n < numbers->last && (n < numbers->gap || n >= numbers->gap_end);
}

// Searches find exactly these pictures, each once.
static void assert_exactly(rg_set_t *set, const numbers_t *numbers)
{
    unsigned living = numbers->last - numbers->first - (numbers->gap_end - numbers->gap);
    near_t *near = rg_alloc((living + 1) * sizeof *near);
    uint8_t *seen = rg_alloc(numbers->last);
    assert_int_equal(count_of(set), living);
    nearest(set, numbers->first, -1, living + 1, near);
    for (unsigned i = 0; i < living; i++) {
        if (near[i].number < 0 || !is_in(numbers, (unsigned)near[i].number))
            fail_msg("place %u of %u: picture %d", i, living, near[i].number);
        assert_int_equal(seen[near[i].number]++, 0);
    }
    assert_int_equal(near[living].number, -1);
    for (unsigned n = numbers->first; n < numbers->last; n++)
        assert_int_equal(is_found(set, n), is_in(numbers, n));
    free(near);
    free(seen);
}

static void a_build_changes_nothing_until_it_is_published(void **state)
{
    rg_set_t *set = filled_set(*state, HNSW, "m", 200);
    uint64_t generation = rg_set_generation(set);
    rg_set_build_t *built = build(set, 0);
    assert_int_equal(indexed_of(set), 0);
    assert_ok(rg_set_publish_build(set, &built));
    assert_int_equal(indexed_of(set), 200);
    assert_int_equal(rg_set_generation(set), generation); // searches find the same as before
    assert_exactly(set, &(numbers_t){0, 200, 0, 0});
    built = build(set, 0);
    rg_set_build_destroy(&built);
    assert_null(built);
    assert_int_equal(indexed_of(set), 200);
    rg_set_close(&set);
}

static void change_during_a_build(const char *path, const char *index, int from_store, int some_are_dead)
{
    rg_set_t *set = filled_set(path, index, "m", 150);
    if (some_are_dead) {
        assert_int_equal(take_out(set, 140, 10), 10);
        assert_ok(add(set, "m", 140, 10, NULL)); // added again, under new labels
    }
    rg_set_build_t *built = build(set, from_store);
    assert_ok(add(set, "m", 150, 50, NULL));
    assert_int_equal(take_out(set, 60, 15), 15);
    assert_int_equal(take_out(set, 160, 5), 5);
    assert_ok(add(set, "m", 160, 5, NULL));
    rg_read_view_t before = read_view_of(set);
    assert_ok(rg_set_publish_build(set, &built));
    assert_exactly(set, &(numbers_t){0, 200, 60, 75});
    assert_int_equal(before.view->generation, rg_set_generation(set));
    assert_int_equal(rg_view_count(before.view), 185); // the read view from before has not changed
    rg_read_view_end(&before);
    assert_int_equal(indexed_of(set), strcmp(index, "Flat") == 0 ? 0 : 150);
    build_and_publish(set, from_store); // again, with the changes since
    assert_exactly(set, &(numbers_t){0, 200, 60, 75});
    assert_int_equal(rows_of(set), 185);
    assert_int_equal(indexed_of(set), strcmp(index, "Flat") == 0 ? 0 : 185);
    rg_set_close(&set);
    set = open_indexed(path, index);
    assert_exactly(set, &(numbers_t){0, 200, 60, 75});
    rg_set_close(&set);
}

static void nothing_is_lost_during_a_build(void **state)
{
    static const char *const kinds[] = {"Flat", HNSW, IVF};
    for (int kind = 0; kind < 3; kind++)
        for (int i = 0; i < 4; i++) {
            char *path = rg_format("%s/%d-%d", (char *)*state, kind, i);
            change_during_a_build(path, kinds[kind], i % 2, i / 2);
            free(path);
        }
}

static void all_may_be_removed_during_a_build(void **state)
{
    rg_set_t *set = filled_set(*state, HNSW, "m", 50);
    for (int from_store = 0; from_store < 2; from_store++) {
        rg_set_build_t *built = build(set, from_store);
        assert_int_equal(take_out(set, 0, 50), 50);
        assert_ok(rg_set_publish_build(set, &built));
        assert_int_equal(count_of(set), 0);
        assert_int_equal(nearest_number(set, 3), -1);
        build_and_publish(set, from_store); // without rows
        assert_int_equal(rows_of(set), 0);
        assert_ok(add(set, "m", 0, 50, NULL));
        assert_exactly(set, &(numbers_t){0, 50, 0, 0});
    }
    rg_set_close(&set);
}

static void compaction_gives_back_space(void **state)
{
    rg_set_t *set = filled_set(*state, HNSW, "m", 1400);
    assert_false(rg_set_is_due(set));
    assert_int_equal(take_out(set, 100, 1100), 1100);
    assert_true(rg_set_is_due(set)); // enough rows are dead
    assert_int_equal(rows_of(set), 1400);
    build_and_publish(set, 0);
    assert_false(rg_set_is_due(set));
    assert_int_equal(rows_of(set), 300);
    uint64_t before = rg_store_bytes(rg_set_store(set));
    assert_ok(rg_store_copy(rg_set_store(set)));
    assert_ok(rg_store_use_copy(rg_set_store(set)));
    assert_true(rg_store_bytes(rg_set_store(set)) < before / 2);
    for (int reopened = 0; reopened < 2; reopened++) {
        assert_exactly(set, &(numbers_t){0, 1400, 100, 1200});
        rg_set_close(&set);
        set = open_indexed(*state, HNSW);
    }
    assert_ok(add(set, "m", 100, 5, NULL)); // the compacted store accepts additions
    assert_true(is_found(set, 102));
    rg_set_close(&set);
}

static void too_few_rows_to_train_are_searched_exactly(void **state)
{
    rg_set_t *set = filled_set(*state, "IVF256,Flat", "m", 100);
    build_and_publish(set, 0);
    assert_int_equal(indexed_of(set), 0);
    assert_exactly(set, &(numbers_t){0, 100, 0, 0});
    rg_set_close(&set);
}

static void training_is_tried_again_with_twice_as_many(void **state)
{
    rg_set_t *set = open_indexed(*state, "IVF8192,Flat");
    use(set, "m");
    for (unsigned n = 0; n < 4096; n += 1024) {
        assert_false(rg_set_is_due(set));
        assert_ok(add(set, "m", n, 1024, NULL));
    }
    assert_true(rg_set_is_due(set)); // enough rows are without an index
    build_and_publish(set, 0);
    assert_int_equal(indexed_of(set), 0);
    assert_false(rg_set_is_due(set));
    assert_ok(add(set, "m", 4096, 1024, NULL));
    assert_false(rg_set_is_due(set));
    for (unsigned n = 5120; n < 8192; n += 1024) assert_ok(add(set, "m", n, 1024, NULL));
    assert_true(rg_set_is_due(set));
    rg_set_close(&set);
}

static void a_build_can_be_stopped(void **state)
{
    rg_set_t *set = filled_set(*state, HNSW, "m", 100);
    rg_set_build_t *built = NULL;
    assert_fails(rg_set_build(set, 0, stopped(), &built), RG_ESTOPPED, "");
    assert_fails(rg_set_build(set, 1, stopped(), &built), RG_ESTOPPED, "");
    assert_null(built);
    assert_exactly(set, &(numbers_t){0, 100, 0, 0});
    rg_set_close(&set);
}

static void a_build_of_another_model_is_dropped(void **state)
{
    rg_set_t *set = filled_set(*state, HNSW, "m", 30);
    for (int from_store = 0; from_store < 2; from_store++) {
        rg_set_build_t *built = build(set, from_store);
        const char *now = from_store ? "m" : "n", *then = from_store ? "n" : "m";
        assert_int_equal(use(set, now), 30);
        assert_ok(add(set, now, 0, 30, NULL));
        assert_fails(add(set, then, 40, 1, NULL), RG_EMODEL, "");
        assert_ok(rg_set_publish_build(set, &built));
        assert_int_equal(indexed_of(set), 0);
        rg_read_view_t read = read_view_of(set);
        assert_string_equal(read.view->model.name, now);
        rg_read_view_end(&read);
        assert_exactly(set, &(numbers_t){0, 30, 0, 0});
    }
    rg_set_close(&set);
}

// After two switches the name of the model is the same, but its embeddings are new.
static void a_build_from_before_two_switches_is_dropped(void **state)
{
    rg_set_t *set = filled_set(*state, HNSW, "m", 30);
    for (int from_store = 0; from_store < 2; from_store++) {
        const float times = from_store ? 3 : 2;
        rg_set_build_t *built = build(set, from_store);
        use(set, "n");
        assert_ok(add(set, "n", 0, 30, NULL));
        use(set, "m");
        assert_ok(add_scaled(set, "m", 0, 30, times, NULL));
        assert_ok(rg_set_publish_build(set, &built));
        for (unsigned n = 0; n < 30; n++) {
            near_t near;
            picture_t p;
            picture(&p, n);
            for (int d = 0; d < D; d++) p.embedding[d] *= times;
            nearest_to(set, p.embedding, -1, 1, &near);
            assert_int_equal(near.number, n);
            assert_true(near.dist_l2sq == 0);
        }
    }
    rg_set_close(&set);
}

// ---- the index on the disk

static void the_snapshot_is_used_at_the_next_start(void **state)
{
    rg_set_t *set = filled_set(*state, HNSW, "m", 200);
    near_t near[20], again[20];
    build_and_publish(set, 0);
    assert_ok(rg_set_save(set));
    nearest(set, 77, -1, 20, near);
    rg_set_close(&set);
    set = open_indexed(*state, HNSW);
    assert_string_equal(rg_set_snapshot_problem(set), "");
    assert_int_equal(indexed_of(set), 200);
    nearest(set, 77, -1, 20, again);
    assert_memory_equal(near, again, sizeof near);
    assert_exactly(set, &(numbers_t){0, 200, 0, 0});
    rg_set_close(&set);
}

static void what_happened_since_the_snapshot_counts(void **state)
{
    rg_set_t *set = filled_set(*state, HNSW, "m", 200);
    assert_int_equal(take_out(set, 0, 5), 5); // so the build skips dead rows
    assert_ok(add(set, "m", 0, 5, NULL));
    build_and_publish(set, 0);
    assert_ok(rg_set_save(set));
    assert_int_equal(take_out(set, 50, 25), 25);
    assert_ok(add(set, "m", 200, 10, NULL));
    assert_int_equal(take_out(set, 3, 2), 2); // the last rows
    assert_ok(add(set, "m", 3, 2, NULL));
    for (int restored = 0; restored < 2; restored++) {
        rg_set_close(&set);
        set = open_indexed(*state, HNSW);
        assert_string_equal(rg_set_snapshot_problem(set), "");
        assert_int_equal(indexed_of(set), 200);
        assert_exactly(set, &(numbers_t){0, 210, 50, 75});
        assert_ok(rg_set_restore(set));
        assert_int_equal(indexed_of(set), 200);
        assert_exactly(set, &(numbers_t){0, 210, 50, 75});
        assert_ok(rg_set_save(set)); // the snapshot covers dead rows
    }
    build_and_publish(set, 1);
    assert_exactly(set, &(numbers_t){0, 210, 50, 75});
    rg_set_close(&set);
}

static void an_unfit_snapshot_is_not_used(void **state)
{
    rg_set_t *set = filled_set(*state, HNSW, "m", 100);
    size_t rows;
    build_and_publish(set, 0);
    assert_ok(rg_set_save(set));
    rg_set_close(&set);
    set = open_indexed(*state, "HNSW32");
    assert_non_null(strstr(rg_set_snapshot_problem(set), "HNSW16"));
    assert_int_equal(indexed_of(set), 0);
    assert_exactly(set, &(numbers_t){0, 100, 0, 0});
    assert_fails(rg_set_restore(set), RG_EMODEL, "");
    rg_read_view_t read = read_view_of(set);
    assert_fails(rg_set_check_snapshot(set, read.view, &rows), RG_EMODEL, "");
    rg_read_view_end(&read);
    rg_set_close(&set);

    char *path = rg_format("%s/index.snapshot", (char *)*state);
    assert_ok(rg_file_write(path, "junk", 4));
    set = open_indexed(*state, HNSW);
    assert_non_null(strstr(rg_set_snapshot_problem(set), "damaged"));
    assert_fails(rg_set_restore(set), RG_EFORMAT, "");
    assert_exactly(set, &(numbers_t){0, 100, 0, 0});
    unlink(path);
    assert_fails(rg_set_restore(set), RG_ENOENT, "");
    assert_exactly(set, &(numbers_t){0, 100, 0, 0});
    free(path);
    rg_set_close(&set);
}

// A snapshot that lacks an image which is older than its last one belongs to another store.
static void a_snapshot_of_another_store_is_not_used(void **state)
{
    rg_set_t *set = filled_set(*state, HNSW, "m", 20);
    char *path = rg_format("%s/index.snapshot", (char *)*state), *kept = rg_format("%s.kept", path);
    size_t rows;
    assert_int_equal(take_out(set, 5, 1), 1);
    build_and_publish(set, 0);
    assert_ok(rg_set_save(set));
    rg_read_view_t read = read_view_of(set);
    assert_ok(rg_set_check_snapshot(set, read.view, &rows));
    assert_int_equal(rows, 19);
    rg_read_view_end(&read);
    rg_set_close(&set);
    assert_int_equal(rename(path, kept), 0);
    char *other = rg_format("%s/other", (char *)*state), *moved = rg_format("%s/index.snapshot", other);
    set = filled_set(other, HNSW, "m", 20);
    rg_set_close(&set);
    assert_int_equal(rename(kept, moved), 0);
    set = open_indexed(other, HNSW);
    assert_non_null(strstr(rg_set_snapshot_problem(set), "lacks image 6"));
    assert_exactly(set, &(numbers_t){0, 20, 0, 0});
    rg_set_close(&set);
    free(moved);
    free(other);
    free(kept);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_build_changes_nothing_until_it_is_published),
        IN_FOLDER(nothing_is_lost_during_a_build),
        IN_FOLDER(all_may_be_removed_during_a_build),
        IN_FOLDER(compaction_gives_back_space),
        IN_FOLDER(too_few_rows_to_train_are_searched_exactly),
        IN_FOLDER(training_is_tried_again_with_twice_as_many),
        IN_FOLDER(a_build_can_be_stopped),
        IN_FOLDER(a_build_of_another_model_is_dropped),
        IN_FOLDER(a_build_from_before_two_switches_is_dropped),
        IN_FOLDER(the_snapshot_is_used_at_the_next_start),
        IN_FOLDER(what_happened_since_the_snapshot_counts),
        IN_FOLDER(an_unfit_snapshot_is_not_used),
        IN_FOLDER(a_snapshot_of_another_store_is_not_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
