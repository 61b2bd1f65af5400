#include "tests/unit/retrieval/sets.h"

enum { N = 40 };

static void assert_model(rg_set_t *set, const char *name)
{
    rg_read_view_t read = read_view_of(set);
    assert_string_equal(read.view->model.name, name);
    assert_ok(rg_read_view_check_model(&read, name));
    rg_read_view_end(&read);
}

// The stored image of picture n.
static rg_store_image_t image_of(rg_set_t *set, unsigned n)
{
    rg_read_view_t read = read_view_of(set);
    rg_store_image_t image;
    uint64_t label;
    picture_t p;
    picture(&p, n);
    assert_ok(rg_store_find(read.txn, p.id, &label));
    assert_ok(rg_store_image(read.txn, label, &image));
    rg_read_view_end(&read);
    return image;
}

// The number of images embedded in the slot of the current model, or in the other slot.
static uint64_t embedded_in(rg_set_t *set, uint32_t other)
{
    rg_read_view_t read = read_view_of(set);
    uint64_t count;
    assert_ok(rg_store_embedded(read.txn, read.slot ^ other, &count));
    rg_read_view_end(&read);
    return count;
}

static void the_old_model_serves_until_the_last_image(void **state)
{
    rg_set_t *set = filled_set(*state, "Flat", "old", N);
    rg_store_image_t before = image_of(set, 7);
    assert_int_equal(use(set, "new"), N);
    for (unsigned n = 0; n < N; n++) {
        assert_model(set, "old");
        assert_int_equal(rg_set_generation(set), 2);
        assert_int_equal(missing_of(set), N - n);
        assert_true(is_found_at(set, n, 1));
        assert_ok(add_scaled(set, "new", n, 1, 2, NULL));
    }
    assert_model(set, "new"); // at once
    assert_int_equal(rg_set_generation(set), 3);
    assert_int_equal(missing_of(set), 0);
    assert_int_equal(count_of(set), N);
    rg_store_image_t after = image_of(set, 7);
    assert_memory_equal(&before, &after, sizeof before); // label, name, generation and time stay
    for (int reopened = 0; reopened < 2; reopened++) {
        for (unsigned n = 0; n < N; n++) assert_true(is_found_at(set, n, 2));
        assert_int_equal(embedded_in(set, 0), N);
        assert_int_equal(embedded_in(set, 1), 0); // the old slot is empty
        rg_set_close(&set);
        set = open_set(*state);
    }
    assert_fails(add(set, "old", 99, 1, NULL), RG_EMODEL, "model old is not the current model, which is new");
    rg_set_close(&set);
}

static void thumbnails_and_names_stay(void **state)
{
    rg_set_t *set = filled_set(*state, "Flat", "old", N);
    picture_t p;
    picture(&p, 3);
    use(set, "new");
    assert_ok(add(set, "new", 0, 3, NULL));
    rg_set_item_t item = item_of(&p);
    item.name = "renamed.jpg";
    item.thumbnail = (rg_store_value_t){0};
    item.annotated = 1;
    rg_set_outcome_t outcome;
    assert_ok(rg_set_add(set, "new", &item, 1, &outcome));
    assert_int_equal(outcome.fate, RG__V1__FATE__ADDED);
    assert_ok(rg_set_add(set, "new", &item, 1, &outcome));
    assert_int_equal(outcome.fate, RG__V1__FATE__DUPLICATE);
    assert_ok(add(set, "new", 4, N - 4, NULL));
    assert_model(set, "new");
    rg_store_image_t image = image_of(set, 3);
    assert_string_equal(image.name, "000003.jpg");
    assert_int_equal(image.annotated, 0);
    rg_read_view_t read = read_view_of(set);
    rg_store_value_t jpeg;
    assert_ok(rg_store_thumbnail(read.txn, &image, &jpeg));
    assert_int_equal(jpeg.size, sizeof p.thumbnail);
    assert_memory_equal(jpeg.data, p.thumbnail, sizeof p.thumbnail);
    rg_read_view_end(&read);
    rg_set_close(&set);
}

static void only_stored_images_are_taken(void **state)
{
    rg_set_t *set = filled_set(*state, "Flat", "old", N);
    use(set, "new");
    picture_t p;
    picture(&p, N);
    const rg_set_item_t item = item_of(&p);
    rg_set_outcome_t outcome;
    assert_ok(rg_set_add(set, "new", &item, 1, &outcome));
    assert_int_equal(outcome.fate, RG__V1__FATE__REFUSED);
    assert_non_null(strstr(outcome.reason, "not stored"));
    assert_int_equal(missing_of(set), N);
    assert_int_equal(count_of(set), N);
    rg_set_close(&set);
}

static void what_the_old_model_adds_becomes_missing(void **state)
{
    rg_set_t *set = filled_set(*state, "Flat", "old", N);
    rg_store_image_t images[N];
    size_t n;
    uint64_t next;
    use(set, "new");
    assert_ok(add_scaled(set, "new", 0, N - 1, 2, NULL));
    assert_ok(add(set, "old", N, 3, NULL));
    assert_int_equal(missing_of(set), 4);
    assert_true(is_found_at(set, N + 1, 1));
    rg_read_view_t read = read_view_of(set);
    assert_ok(rg_read_view_list(&read, 0, 1, images, N, &n, &next));
    assert_int_equal(n, 4);
    for (unsigned i = 0; i < 4; i++) assert_int_equal(atoi(images[i].name), N - 1 + i);
    rg_read_view_end(&read);
    assert_ok(add_scaled(set, "new", N - 1, 3, 2, NULL));
    assert_model(set, "old");
    assert_ok(add_scaled(set, "new", N + 2, 1, 2, NULL));
    assert_model(set, "new");
    for (unsigned i = 0; i < N + 3; i++) assert_true(is_found_at(set, i, 2));
    rg_set_close(&set);
}

static void missing_images_are_listed_until_none_is_left(void **state)
{
    rg_set_t *set = filled_set(*state, "Flat", "old", N);
    rg_store_image_t images[7];
    uint64_t from = 0;
    unsigned number = 0;
    size_t n;
    use(set, "new");
    do { // as an encoder does
        rg_read_view_t read = read_view_of(set);
        assert_ok(rg_read_view_list(&read, from, 1, images, 7, &n, &from));
        rg_read_view_end(&read);
        for (size_t i = 0; i < n; i++) assert_int_equal(atoi(images[i].name), number + i);
        if (n) assert_ok(add(set, "new", number, (unsigned)n, NULL));
        number += (unsigned)n;
    } while (from);
    assert_int_equal(number, N);
    assert_model(set, "new");
    rg_set_close(&set);
}

static void removing_the_last_missing_image_switches(void **state)
{
    rg_set_t *set = filled_set(*state, "Flat", "old", N);
    use(set, "new");
    assert_ok(add_scaled(set, "new", 2, N - 2, 2, NULL));
    assert_int_equal(take_out(set, 5, 1), 1); // an image that the next model has embedded
    assert_model(set, "old");
    assert_int_equal(take_out(set, 0, 1), 1);
    assert_int_equal(missing_of(set), 1);
    uint64_t generation = rg_set_generation(set);
    assert_int_equal(take_out(set, 1, 1), 1);
    assert_model(set, "new");
    assert_true(rg_set_generation(set) > generation);
    assert_int_equal(count_of(set), N - 3);
    for (unsigned n = 0; n < N; n++) assert_int_equal(is_found_at(set, n, 2), n > 1 && n != 5);
    rg_set_close(&set);
}

static void removing_all_images_switches(void **state)
{
    rg_set_t *set = filled_set(*state, "Flat", "old", N);
    use(set, "new");
    assert_int_equal(take_out(set, 0, N), N);
    assert_model(set, "new");
    assert_int_equal(count_of(set), 0);
    assert_ok(add(set, "new", 0, 3, NULL));
    assert_true(is_found(set, 2));
    rg_set_close(&set);
}

static void a_restart_goes_on(void **state)
{
    rg_set_t *set = filled_set(*state, "Flat", "old", N);
    use(set, "new");
    assert_ok(add_scaled(set, "new", 0, 15, 2, NULL));
    rg_set_close(&set);
    set = open_set(*state);
    assert_model(set, "old");
    assert_int_equal(missing_of(set), N - 15);
    for (unsigned n = 0; n < N; n++) assert_true(is_found_at(set, n, 1));
    assert_int_equal(use(set, "new"), N - 15); // announced again: the reindexing goes on
    assert_ok(add_scaled(set, "new", 15, N - 15, 2, NULL));
    assert_model(set, "new");
    rg_set_close(&set);
}

static void going_back_forgets_the_next(void **state)
{
    rg_set_t *set = filled_set(*state, "Flat", "old", N);
    use(set, "new");
    assert_ok(add(set, "new", 0, 15, NULL));
    assert_int_equal(use(set, "old"), 0);
    assert_int_equal(missing_of(set), 0);
    assert_int_equal(rg_set_generation(set), 2);
    assert_fails(add(set, "new", 15, 1, NULL), RG_EMODEL, "");
    assert_int_equal(embedded_in(set, 1), 0);
    assert_int_equal(use(set, "new"), N); // announced after another model: from the beginning
    rg_set_close(&set);
}

static void a_third_model_takes_the_next_ones_place(void **state)
{
    rg_set_t *set = filled_set(*state, "Flat", "old", N);
    use(set, "new");
    assert_ok(add(set, "new", 0, 15, NULL));
    assert_int_equal(use(set, "newer"), N);
    assert_fails(add(set, "new", 15, 1, NULL), RG_EMODEL, "");
    rg_read_view_t read = read_view_of(set);
    assert_fails(rg_read_view_check_model(&read, "new"), RG_EMODEL,
                 "model new is not the current model, which is old");
    assert_fails(rg_read_view_check_model(&read, "newer"), RG_EMODEL,
                 "model newer has 40 images still to embed; until then model old is current");
    rg_read_view_end(&read);
    assert_ok(add_scaled(set, "newer", 0, N, 3, NULL));
    assert_model(set, "newer");
    assert_true(is_found_at(set, 20, 3));
    rg_set_close(&set);
}

static void the_next_model_may_have_other_sizes(void **state)
{
    rg_set_t *set = filled_set(*state, "Flat", "old", N);
    rg_store_model_t model = {.name = "small", .embed_dim = 3, .features_shape = {1, 2, 1}};
    uint64_t missing;
    assert_ok(rg_set_use_model(set, &model, &missing));
    assert_int_equal(missing, N);
    model.embed_dim = 4;
    assert_fails(rg_set_use_model(set, &model, &missing), RG_ESHAPE, "");
    const rg_store_model_t *next;
    assert_ok(rg_set_find_model(set, "small", &next));
    assert_int_equal(next->embed_dim, 3);
    assert_ok(add(set, "small", 0, N, NULL)); // with the first numbers of each embedding
    rg_read_view_t read = read_view_of(set);
    assert_int_equal(read.view->rows.dim, 3);
    rg_store_image_t image = {0};
    rg_store_value_t map;
    assert_ok(rg_store_next(read.txn, 0, &image));
    assert_ok(rg_store_derived(read.txn, &image, read.slot, RG_DERIVED_FEATURES, 4, &map));
    rg_read_view_end(&read);
    assert_true(is_found(set, 17));
    rg_set_close(&set);
}

// The next reindexing uses the pages that a switch of models has freed.
static void the_store_does_not_grow_forever(void **state)
{
    static const char *const names[] = {"old", "new"};
    rg_set_t *set = filled_set(*state, "Flat", "old", N);
    assert_ok(add(set, "old", N, 500, NULL));
    uint64_t bytes[7];
    for (int i = 1; i < 7; i++) {
        assert_int_equal(use(set, names[i % 2]), N + 500);
        assert_ok(add_scaled(set, names[i % 2], 0, N + 500, (float)i, NULL));
        assert_model(set, names[i % 2]);
        assert_true(is_found_at(set, 300, (float)i));
        bytes[i] = rg_store_bytes(rg_set_store(set));
    }
    assert_true(bytes[6] <= bytes[2] + bytes[2] / 4);
    rg_set_close(&set);
}

static void an_index_of_the_old_model_goes_with_it(void **state)
{
    rg_set_t *set = open_indexed(*state, "HNSW16");
    use(set, "old");
    assert_ok(add(set, "old", 0, N, NULL));
    build_and_publish(set, 0);
    assert_ok(rg_set_save(set));
    use(set, "new");
    assert_ok(add_scaled(set, "new", 0, N / 2, 2, NULL));
    assert_int_equal(indexed_of(set), N); // the old index is used during the reindexing
    assert_ok(add_scaled(set, "new", N / 2, N / 2, 2, NULL));
    assert_int_equal(indexed_of(set), 0);
    assert_true(is_found_at(set, 5, 2));
    assert_fails(rg_set_restore(set), RG_EMODEL, "");
    rg_set_close(&set);
    set = open_indexed(*state, "HNSW16");
    assert_non_null(strstr(rg_set_snapshot_problem(set), "belongs to model old, not to new"));
    for (unsigned n = 0; n < N; n++) assert_true(is_found_at(set, n, 2));
    rg_set_close(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(the_old_model_serves_until_the_last_image),
        IN_FOLDER(thumbnails_and_names_stay),
        IN_FOLDER(only_stored_images_are_taken),
        IN_FOLDER(what_the_old_model_adds_becomes_missing),
        IN_FOLDER(missing_images_are_listed_until_none_is_left),
        IN_FOLDER(removing_the_last_missing_image_switches),
        IN_FOLDER(removing_all_images_switches),
        IN_FOLDER(a_restart_goes_on),
        IN_FOLDER(going_back_forgets_the_next),
        IN_FOLDER(a_third_model_takes_the_next_ones_place),
        IN_FOLDER(the_next_model_may_have_other_sizes),
        IN_FOLDER(the_store_does_not_grow_forever),
        IN_FOLDER(an_index_of_the_old_model_goes_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
