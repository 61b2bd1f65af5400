#include "tests/unit/retrieval/pictures.h"

#include "services/retrieval/bitset.h"
#include "services/retrieval/rows.h"
#include "tests/unit/retrieval/clouds.h"

enum { WIDE = 1 << 13, CHUNK_ROWS = 128 }; // rows per chunk

static void append(rg_rows_t *rows, int64_t label, float first)
{
    float vector[WIDE] = {first, 2};
    rg_rows_append(
        rows, &(rg_image_row_t){
                  .label = label, .added_ms = (uint64_t)label + 1, .annotated = label % 2, .vector = vector});
}

static void rows_are_what_was_appended(void **state)
{
    (void)state;
    rg_rows_t rows;
    rg_rows_init(&rows, WIDE);
    assert_int_equal(rows.chunk_rows, CHUNK_ROWS);
    for (int i = 0; i < 3 * CHUNK_ROWS + 1; i++) append(&rows, 10 + i, (float)i);
    assert_int_equal(rows.count, 3 * CHUNK_ROWS + 1);
    assert_int_equal(rows.n_chunks, 4);
    for (int i = 0; i < 3 * CHUNK_ROWS + 1; i++) {
        rg_image_row_t row = rg_rows_at(&rows, (size_t)i);
        assert_int_equal(row.label, 10 + i);
        assert_int_equal(row.added_ms, 11 + i);
        assert_int_equal(row.annotated, i % 2);
        assert_true(row.vector[0] == (float)i && row.vector[1] == 2 && row.vector[WIDE - 1] == 0);
        assert_true(rows.chunks[i / CHUNK_ROWS]->norms2[i % CHUNK_ROWS] == (float)(i * i + 4));
    }
    rg_rows_fini(&rows);
    assert_int_equal(rows.count, 0);
}

static void a_row_without_anything_is_zeros(void **state)
{
    (void)state;
    rg_rows_t rows;
    rg_rows_init(&rows, D);
    rg_rows_append(&rows, &(rg_image_row_t){.label = 3});
    const float zeros[D] = {0};
    assert_memory_equal(rg_rows_at(&rows, 0).vector, zeros, sizeof zeros);
    rg_rows_fini(&rows);
}

static void labels_are_found(void **state)
{
    (void)state;
    rg_rows_t rows;
    rg_rows_init(&rows, WIDE);
    assert_int_equal(rg_rows_find(&rows, 0), -1);
    for (int i = 0; i < 2 * CHUNK_ROWS; i++) append(&rows, cloud_label((size_t)i), 1);
    for (int i = 0; i < 2 * CHUNK_ROWS; i++) {
        assert_int_equal(rg_rows_find(&rows, cloud_label((size_t)i)), i);
        assert_int_equal(rg_rows_find(&rows, cloud_label((size_t)i) + 1), -1);
    }
    assert_int_equal(rg_rows_find(&rows, 0), -1);
    assert_int_equal(rg_rows_find(&rows, INT64_MAX), -1);
    rg_rows_fini(&rows);
}

static void shared_rows_outlive_each_other(void **state)
{
    (void)state;
    rg_rows_t first, second, third;
    rg_rows_init(&first, WIDE);
    for (int i = 0; i < CHUNK_ROWS + 3; i++) append(&first, i, (float)i);
    rg_rows_retain(&second, &first);
    for (int i = CHUNK_ROWS + 3; i < 3 * CHUNK_ROWS; i++) append(&second, i, (float)i);
    assert_ptr_equal(first.chunks[1], second.chunks[1]); // shared, not copied
    assert_int_equal(first.count, CHUNK_ROWS + 3);
    rg_rows_retain(&third, &second);
    rg_rows_fini(&second);
    for (int i = 0; i < CHUNK_ROWS + 3; i++) assert_true(rg_rows_at(&first, (size_t)i).vector[0] == (float)i);
    rg_rows_fini(&first);
    assert_int_equal(third.count, 3 * CHUNK_ROWS);
    for (int i = 0; i < 3 * CHUNK_ROWS; i++) assert_true(rg_rows_at(&third, (size_t)i).vector[0] == (float)i);
    rg_rows_fini(&third);
}

// The rows of a failed batch are overwritten by the next batch.
static void the_older_rows_can_be_appended_to_again(void **state)
{
    (void)state;
    rg_rows_t rows, failed, next;
    rg_rows_init(&rows, WIDE);
    for (int i = 0; i < CHUNK_ROWS - 1; i++) append(&rows, i, (float)i);
    rg_rows_retain(&failed, &rows);
    for (int i = 0; i < 2 * CHUNK_ROWS; i++) append(&failed, 1000 + i, -1); // beyond the shared chunk
    rg_rows_fini(&failed);
    rg_rows_retain(&next, &rows);
    append(&next, 500, 500);
    append(&next, 501, 501);
    assert_int_equal(rows.count, CHUNK_ROWS - 1);
    assert_int_equal(rg_rows_find(&rows, 500), -1);
    assert_int_equal(rg_rows_find(&next, 500), CHUNK_ROWS - 1);
    assert_int_equal(rg_rows_find(&next, 1000), -1);
    assert_true(rg_rows_at(&next, CHUNK_ROWS - 1).vector[0] == 500);
    assert_true(rg_rows_at(&next, CHUNK_ROWS).vector[0] == 501);
    assert_true(next.chunks[0]->norms2[CHUNK_ROWS - 1] == 500 * 500 + 4);
    rg_rows_fini(&rows);
    rg_rows_fini(&next);
}

static void marks_grow_set(void **state)
{
    (void)state;
    for (size_t from = 0; from < 140; from += 7) {
        rg_bitset_t marks;
        rg_bitset_init(&marks, from, 0);
        rg_bitset_grow(&marks, from + 70);
        for (size_t i = 0; i < from + 70; i++) assert_int_equal(rg_bitset_get(&marks, i), i >= from);
        if (from > 0) rg_bitset_set(&marks, from - 1);
        rg_bitset_clear(&marks, from + 69);
        for (size_t i = 0; i < from + 70; i++)
            assert_int_equal(rg_bitset_get(&marks, i), i + 1 >= from && i != from + 69);
        rg_bitset_fini(&marks);
        assert_null(marks.words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_what_was_appended),
        cmocka_unit_test(a_row_without_anything_is_zeros),
        cmocka_unit_test(labels_are_found),
        cmocka_unit_test(shared_rows_outlive_each_other),
        cmocka_unit_test(the_older_rows_can_be_appended_to_again),
        cmocka_unit_test(marks_grow_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
