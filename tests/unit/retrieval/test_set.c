#include "tests/unit/retrieval/sets.h"

#include <math.h>

#include "tests/unit/retrieval/process.h"

static void an_added_image_is_found_by_the_next_search(void **state)
{
    rg_set_t *set = open_set(*state);
    near_t near[3];
    Rg__V1__Fate fates[2];
    use(set, "m");
    assert_ok(add(set, "m", 10, 2, fates));
    assert_int_equal(fates[0], RG__V1__FATE__ADDED);
    nearest(set, 10, -1, 3, near);
    assert_int_equal(near[0].number, 10);
    assert_true(near[0].dist_l2sq == 0);
    assert_int_equal(near[1].number, 11);
    assert_true(near[1].dist_l2sq == 7);
    assert_int_equal(near[2].number, -1);
    assert_ok(add(set, "m", 12, 1, NULL));
    assert_true(is_found(set, 12));
    rg_set_close(&set);
}

static void a_read_view_stays_as_it_was(void **state)
{
    rg_set_t *set = open_set(*state);
    use(set, "m");
    assert_ok(add(set, "m", 0, 3, NULL));
    rg_read_view_t read = read_view_of(set);
    assert_ok(add(set, "m", 3, 3, NULL));
    assert_int_equal(take_out(set, 1, 1), 1);
    assert_int_equal(read.view->generation, 2);
    assert_int_equal(rg_view_count(read.view), 3);
    for (unsigned n = 0; n < 3; n++) {
        assert_true(rg_view_is_alive(read.view, (size_t)row_of(&read, n)));
        assert_int_equal(number_in(&read, row_of(&read, n)), n);
    }
    assert_int_equal(row_of(&read, 3), -1);
    rg_read_view_end(&read);
    assert_int_equal(count_of(set), 5);
    rg_set_close(&set);
}

static void a_duplicate_keeps_its_name(void **state)
{
    rg_set_t *set = open_set(*state);
    use(set, "m");
    picture_t p;
    picture(&p, 1);
    rg_set_item_t twice[2] = {item_of(&p), item_of(&p)};
    twice[1].name = "again.jpg";
    rg_set_outcome_t outcomes[2];
    assert_ok(rg_set_add(set, "m", twice, 2, outcomes)); // twice in one batch
    assert_int_equal(outcomes[0].fate, RG__V1__FATE__ADDED);
    assert_int_equal(outcomes[1].fate, RG__V1__FATE__DUPLICATE);
    uint64_t before = rg_set_generation(set);
    assert_ok(rg_set_add(set, "m", twice + 1, 1, outcomes)); // and again in a later one
    assert_int_equal(outcomes[0].fate, RG__V1__FATE__DUPLICATE);
    assert_int_equal(rg_set_generation(set), before);
    assert_int_equal(count_of(set), 1);
    assert_int_equal(nearest_number(set, 1), 1);
    rg_set_close(&set);
}

static void the_excluded_image_is_not_found(void **state)
{
    rg_set_t *set = open_set(*state);
    near_t near[3];
    use(set, "m");
    assert_ok(add(set, "m", 0, 3, NULL));
    nearest(set, 1, 1, 2, near);
    assert_true(near[0].number != 1 && near[1].number != 1);
    nearest(set, 1, 1, 3, near);
    assert_true(near[1].number >= 0);
    assert_int_equal(near[2].number, -1);
    nearest(set, 1, 99, 1, near); // an id that is not stored excludes nothing
    assert_int_equal(near[0].number, 1);
    rg_set_close(&set);
}

static void everything_survives_a_restart(void **state)
{
    rg_set_t *set = open_set(*state);
    near_t near[2], again[2];
    use(set, "m");
    assert_ok(add(set, "m", 0, 300, NULL));
    nearest(set, 7, 7, 2, near);
    uint64_t before = rg_set_generation(set);
    rg_set_close(&set);
    set = open_set(*state);
    rg_read_view_t read = read_view_of(set);
    assert_int_equal(rg_view_count(read.view), 300);
    assert_int_equal(read.view->generation, before);
    assert_string_equal(read.view->model.name, "m");
    rg_read_view_end(&read);
    nearest(set, 7, 7, 2, again);
    assert_memory_equal(near, again, sizeof near);
    assert_int_equal(use(set, "m"), 0); // current already
    assert_int_equal(rg_set_generation(set), before);
    rg_set_close(&set);
}

static void the_generation_grows_with_every_change(void **state)
{
    rg_set_t *set = open_set(*state);
    assert_int_equal(rg_set_generation(set), 0);
    use(set, "m");
    assert_int_equal(rg_set_generation(set), 1);
    assert_ok(add(set, "m", 0, 3, NULL));
    assert_int_equal(rg_set_generation(set), 2);
    assert_ok(add(set, "m", 0, 3, NULL));
    assert_int_equal(rg_set_generation(set), 2);
    rg_read_view_t read = read_view_of(set);
    rg_store_image_t image;
    assert_ok(rg_store_next(read.txn, 0, &image));
    rg_read_view_end(&read);
    assert_int_equal(image.generation, 2);
    assert_int_equal(take_out(set, 99, 1), 0);
    assert_int_equal(rg_set_generation(set), 2);
    assert_int_equal(take_out(set, 1, 1), 1);
    assert_int_equal(rg_set_generation(set), 3);
    rg_set_close(&set);
}

static void removed_images_are_gone(void **state)
{
    rg_set_t *set = open_set(*state);
    near_t near[3];
    use(set, "m");
    assert_ok(add(set, "m", 0, 4, NULL));
    assert_int_equal(take_out(set, 1, 2), 2);
    for (int reopened = 0; reopened < 2; reopened++) {
        assert_int_equal(count_of(set), 2);
        nearest(set, 1, -1, 3, near);
        assert_int_equal(near[0].number, 0);
        assert_int_equal(near[1].number, 3);
        assert_int_equal(near[2].number, -1);
        assert_int_equal(take_out(set, 1, 2), 0);
        rg_set_close(&set);
        set = open_set(*state);
    }
    assert_ok(add(set, "m", 1, 1, NULL)); // an image may be added again
    assert_true(is_found(set, 1));
    assert_int_equal(take_out(set, 0, 4), 3); // all that are left
    assert_int_equal(count_of(set), 0);
    assert_int_equal(nearest_number(set, 1), -1);
    rg_set_close(&set);
}

static void lists_page_by_page(void **state)
{
    rg_set_t *set = open_set(*state);
    rg_store_image_t images[4];
    size_t n;
    uint64_t next = 0;
    use(set, "m");
    rg_read_view_t read = read_view_of(set);
    assert_ok(rg_read_view_list(&read, 0, 0, images, 4, &n, &next));
    assert_int_equal(n, 0);
    assert_int_equal(next, 0);
    rg_read_view_end(&read);
    assert_ok(add(set, "m", 0, 7, NULL));
    assert_int_equal(take_out(set, 2, 1), 1);
    read = read_view_of(set);
    int number = 0;
    do {
        assert_ok(rg_read_view_list(&read, next, 0, images, 4, &n, &next));
        for (size_t i = 0; i < n; i++) {
            number += number == 2;
            assert_int_equal(atoi(images[i].name), number++);
        }
    } while (next);
    assert_int_equal(number, 7);
    assert_ok(rg_read_view_list(&read, 0, 1, images, 4, &n, &next)); // without a next model
    assert_int_equal(n, 0);
    assert_int_equal(next, 0);
    rg_read_view_end(&read);
    rg_set_close(&set);
}

static void nothing_goes_before_the_first_model(void **state)
{
    rg_set_t *set = open_set(*state);
    const rg_store_model_t *model;
    assert_fails(add(set, "m", 0, 1, NULL), RG_EMODEL, "");
    assert_fails(add(set, "", 0, 1, NULL), RG_EMODEL, "");
    assert_fails(rg_set_find_model(set, "", &model), RG_EMODEL, "");
    rg_read_view_t read = read_view_of(set);
    assert_fails(rg_read_view_check_model(&read, ""), RG_EMODEL, "no model is current");
    assert_int_equal(rg_view_count(read.view), 0);
    rg_read_view_end(&read);
    assert_int_equal(take_out(set, 0, 1), 0);
    use(set, "m");
    assert_fails(add(set, "", 0, 1, NULL), RG_EMODEL, "");
    rg_set_close(&set);
}

static void bad_models_change_nothing(void **state)
{
    rg_set_t *set = open_set(*state);
    uint64_t missing;
    use(set, "m");
    assert_ok(add(set, "m", 0, 1, NULL));
    rg_store_model_t bad = model_of("");
    assert_fails(rg_set_use_model(set, &bad, &missing), RG_EINVAL, "");
    bad = model_of("m");
    bad.embed_dim++;
    assert_fails(rg_set_use_model(set, &bad, &missing), RG_ESHAPE, "");
    bad = model_of("n");
    bad.embed_dim = 0;
    assert_fails(rg_set_use_model(set, &bad, &missing), RG_ELIMIT, "");
    bad.embed_dim = UINT32_MAX;
    assert_fails(rg_set_use_model(set, &bad, &missing), RG_ELIMIT, "");
    bad = model_of("n");
    bad.features_shape[1] = 0;
    assert_fails(rg_set_use_model(set, &bad, &missing), RG_ELIMIT, "");
    for (int i = 0; i < 3; i++) bad.features_shape[i] = 1u << 31; // the product overflows
    assert_fails(rg_set_use_model(set, &bad, &missing), RG_ELIMIT, "");
    rg_read_view_t read = read_view_of(set);
    assert_string_equal(read.view->model.name, "m");
    assert_int_equal(read.view->generation, 2);
    assert_int_equal(rg_view_count(read.view), 1);
    rg_read_view_end(&read);
    rg_set_close(&set);
}

static void bad_items_are_refused_alone(void **state)
{
    rg_set_t *set = open_set(*state);
    use(set, "m");
    picture_t p[7];
    rg_set_item_t items[7];
    rg_set_outcome_t outcomes[7];
    char long_name[RG_TEXT_MAX + 2] = {0}, full_name[RG_TEXT_MAX + 1] = {0};
    for (unsigned i = 0; i < 7; i++) {
        picture(&p[i], i);
        items[i] = item_of(&p[i]);
    }
    p[0].embedding[3] = NAN;
    p[1].embedding[7] = -INFINITY;
    p[2].embedding[0] = 1e30f; // its square is infinite
    items[3].name = memset(long_name, 'x', RG_TEXT_MAX + 1);
    items[4].name = "";
    items[5].thumbnail.size = 0;
    items[6].name = memset(full_name, 'x', RG_TEXT_MAX);
    assert_ok(rg_set_add(set, "m", items, 7, outcomes));
    for (int i = 0; i < 6; i++) {
        if (i == 3) continue;
        assert_int_equal(outcomes[i].fate, RG__V1__FATE__REFUSED);
        assert_true(strlen(outcomes[i].reason) > 0);
    }
    assert_non_null(strstr(outcomes[0].reason, "finite"));
    assert_int_equal(outcomes[3].fate, RG__V1__FATE__ADDED); // under a shorter name
    assert_non_null(strstr(outcomes[4].reason, "name"));
    assert_non_null(strstr(outcomes[5].reason, "thumbnail"));
    assert_int_equal(outcomes[6].fate, RG__V1__FATE__ADDED);
    assert_int_equal(count_of(set), 2);
    uint64_t before = rg_set_generation(set);
    assert_ok(rg_set_add(set, "m", items, 6, outcomes)); // none is new
    assert_int_equal(rg_set_generation(set), before);
    rg_set_close(&set);
}

static void a_full_store_takes_no_half_batch(void **state)
{
    rg_set_t *set = NULL;
    const rg_set_options_t options = {.path = *state, .index = "Flat", .map_bytes = 512 << 10};
    unsigned n = 0;
    int err;
    assert_ok(rg_set_open(&set, &options));
    use(set, "m");
    while ((err = add(set, "m", n, 50, NULL)) == 0 && n < 1400) n += 50;
    assert_fails(err, RG_EFULL, *state);
    assert_true(n > 0);
    uint64_t before = rg_set_generation(set);
    for (int reopened = 0; reopened < 2; reopened++) {
        assert_int_equal(rg_set_generation(set), before);
        assert_int_equal(count_of(set), n);
        assert_true(is_found(set, 3));
        assert_false(is_found(set, n + 1));
        rg_set_close(&set);
        assert_ok(rg_set_open(&set, &options));
    }
    rg_set_close(&set);
}

static void a_stored_model_of_impossible_sizes_is_told_at_open(void **state)
{
    for (int next = 0; next < 2; next++) {
        rg_store_t *store = NULL;
        rg_store_txn_t *txn = NULL;
        rg_set_t *set = NULL;
        const rg_set_options_t options = {.path = *state, .index = "Flat", .map_bytes = MAP_BYTES};
        rg_store_state_t written = {.model = model_of("m"), .next = model_of("n")};
        (next ? &written.next : &written.model)->embed_dim = 0;
        assert_ok(rg_store_open(&store, *state, MAP_BYTES));
        assert_ok(rg_store_begin_write(store, &txn));
        assert_ok(rg_store_set_state(txn, &written));
        assert_ok(rg_store_commit(&txn));
        rg_store_close(&store);
        assert_fails(rg_set_open(&set, &options), RG_ELIMIT, "");
        assert_null(set);
    }
}

// Adds batches of 7 without end and reports the first number of each one that is acknowledged.
static void add_without_end(const char *path, int report)
{
    rg_set_t *set = NULL;
    const rg_set_options_t options = {.path = path, .index = "Flat", .map_bytes = MAP_BYTES};
    const rg_store_model_t model = model_of("m");
    uint64_t missing;
    rg_read_view_t read;
    CHECK(rg_set_open(&set, &options) == 0);
    CHECK(rg_set_use_model(set, &model, &missing) == 0 && rg_read_view_begin(&read, set) == 0);
    unsigned n = (unsigned)rg_view_count(read.view);
    rg_read_view_end(&read);
    for (;; n += 7) {
        CHECK(add(set, "m", n, 7, NULL) == 0);
        CHECK(write(report, &n, sizeof n) == sizeof n);
    }
}

static void a_kill_loses_nothing_acknowledged(void **state)
{
    for (unsigned round = 0; round < 4; round++) {
        unsigned acknowledged = kill_after(5 + 3 * round, add_without_end, *state) + 7;
        rg_set_t *set = open_set(*state);
        size_t stored = count_of(set);
        assert_in_range(stored, acknowledged, acknowledged + 7);
        assert_int_equal(stored % 7, 0); // whole batches
        uint8_t *seen = rg_alloc(stored);
        rg_read_view_t read = read_view_of(set);
        rg_store_image_t image = {0};
        while (rg_store_next(read.txn, image.label + 1, &image) == 0) {
            unsigned number = (unsigned)atoi(image.name);
            assert_true(number < stored);
            assert_int_equal(seen[number]++, 0); // none is stored twice
        }
        rg_read_view_end(&read);
        for (size_t i = 0; i < stored; i++) assert_int_equal(seen[i], 1);
        free(seen);
        rg_set_close(&set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_kill_loses_nothing_acknowledged), // first: it forks before FAISS has threads
        IN_FOLDER(an_added_image_is_found_by_the_next_search),
        IN_FOLDER(a_read_view_stays_as_it_was),
        IN_FOLDER(a_duplicate_keeps_its_name),
        IN_FOLDER(the_excluded_image_is_not_found),
        IN_FOLDER(everything_survives_a_restart),
        IN_FOLDER(the_generation_grows_with_every_change),
        IN_FOLDER(removed_images_are_gone),
        IN_FOLDER(lists_page_by_page),
        IN_FOLDER(nothing_goes_before_the_first_model),
        IN_FOLDER(bad_models_change_nothing),
        IN_FOLDER(bad_items_are_refused_alone),
        IN_FOLDER(a_full_store_takes_no_half_batch),
        IN_FOLDER(a_stored_model_of_impossible_sizes_is_told_at_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
