// The view of the next model, which the builder makes while the images are embedded again. The sets are so large that
// the writer may not read all of it at the switch.
#include "services/retrieval/verify.h"
#include "tests/unit/retrieval/sets.h"

enum { N = 16384 + 200, LAST = 10 };

static void assert_sound(rg_set_t *set, const char *model, size_t images)
{
    rg_verify_report_t report;
    rg_read_view_t read = read_view_of(set);
    assert_string_equal(read.view->model.name, model);
    assert_ok(rg_verify(&report, &read, &GO));
    rg_read_view_end(&read);
    assert_int_equal(report.problems, 0);
    assert_int_equal(report.images, images);
    assert_int_equal(count_of(set), images);
}

// A set whose next model lacks the last pictures.
static rg_set_t *nearly_embedded_set(const char *path, const char *index)
{
    rg_set_t *set = filled_set(path, index, "old", N);
    assert_int_equal(use(set, "new"), N);
    assert_false(rg_set_is_prepare_due(set));
    assert_ok(add_scaled(set, "new", 0, N - LAST, 2, NULL));
    assert_true(rg_set_is_prepare_due(set));
    return set;
}

static void the_last_addition_waits_for_the_rows(void **state)
{
    rg_set_t *set = nearly_embedded_set(*state, "Flat");
    assert_fails(add_scaled(set, "new", N - LAST, LAST, 2, NULL), RG_EBUSY, "are still being read");
    assert_int_equal(missing_of(set), LAST);
    assert_true(is_found_at(set, 7, 1));
    assert_ok(rg_set_prepare(set, &GO));
    assert_false(rg_set_is_prepare_due(set));
    assert_int_equal(take_out(set, 7, 1), 1); // its row has been read
    assert_int_equal(take_out(set, N - 1, 1), 1);
    assert_ok(add_scaled(set, "new", N - LAST, LAST, 2, NULL));
    for (unsigned n = 0; n < N; n += 97) assert_true(is_found_at(set, n, 2));
    for (unsigned n = N - LAST; n < N - 1; n++) assert_true(is_found_at(set, n, 2));
    assert_false(is_found_at(set, 7, 2));
    assert_sound(set, "new", N - 2);
    rg_set_close(&set);
    set = open_set(*state);
    assert_sound(set, "new", N - 2);
    rg_set_close(&set);
}

static void a_stopped_preparation_goes_on(void **state)
{
    rg_set_t *set = nearly_embedded_set(*state, "Flat");
    assert_int_equal(rg_set_prepare(set, stopped()), RG_ESTOPPED);
    assert_fails(add_scaled(set, "new", N - LAST, LAST, 2, NULL), RG_EBUSY, "are still being read");
    assert_true(rg_set_is_prepare_due(set));
    rg_set_close(&set); // as a process that is started again
    set = open_set(*state);
    assert_fails(add_scaled(set, "new", N - LAST, LAST, 2, NULL), RG_EBUSY, "are still being read");
    assert_true(rg_set_is_prepare_due(set));
    assert_ok(rg_set_prepare(set, &GO));
    assert_ok(add_scaled(set, "new", N - LAST, LAST, 2, NULL));
    assert_sound(set, "new", N);
    rg_set_close(&set);
}

static void another_next_model_gets_rows_of_its_own(void **state)
{
    rg_set_t *set = nearly_embedded_set(*state, "Flat");
    assert_ok(rg_set_prepare(set, &GO));
    assert_int_equal(use(set, "third"), N);
    assert_ok(add_scaled(set, "third", 0, N - LAST, 3, NULL));
    assert_fails(add_scaled(set, "third", N - LAST, LAST, 3, NULL), RG_EBUSY, "are still being read");
    assert_ok(rg_set_prepare(set, &GO));
    assert_ok(add_scaled(set, "third", N - LAST, LAST, 3, NULL));
    for (unsigned n = 0; n < N; n += 97) assert_true(is_found_at(set, n, 3));
    assert_sound(set, "third", N);
    rg_set_close(&set);
}

// A snapshot of the present index does not remove the files of the next one.
static void the_index_of_the_next_model_is_there_at_the_switch(void **state)
{
    rg_set_t *set = nearly_embedded_set(*state, "lists");
    build_and_publish(set, 0);
    assert_ok(rg_set_prepare(set, &GO));
    assert_ok(rg_set_save(set));
    assert_ok(add_scaled(set, "new", N - LAST, LAST, 2, NULL));
    assert_int_equal(indexed_of(set), N - LAST);
    assert_ok(rg_set_save(set));
    assert_sound(set, "new", N);
    rg_set_close(&set);
    set = open_indexed(*state, "lists");
    assert_string_equal(rg_set_snapshot_problem(set), "");
    assert_int_equal(indexed_of(set), N - LAST);
    for (unsigned n = N - LAST; n < N; n++) assert_true(is_found_at(set, n, 2));
    rg_set_close(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(the_last_addition_waits_for_the_rows),
        IN_FOLDER(a_stopped_preparation_goes_on),
        IN_FOLDER(another_next_model_gets_rows_of_its_own),
        IN_FOLDER(the_index_of_the_next_model_is_there_at_the_switch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
