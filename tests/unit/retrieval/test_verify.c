#include "tests/unit/retrieval/sets.h"

#include "services/retrieval/verify.h"
#include "tests/unit/retrieval/process.h"
#include "tests/unit/retrieval/values.h"

enum { N = 20 };

static uint64_t label_of(unsigned n)
{
    return n + 1;
}

// Overwrites the value of a key, with its checksum, or deletes the key (value NULL), in a child process while
// the set is open.
static void damage(const char *path, const char *table, const void *key, size_t size, const void *value,
                   size_t value_size)
{
    pid_t child = fork();
    if (child == 0) {
        char sealed[VALUE_MAX];
        MDB_val k = {size, (void *)key}, v = {0, sealed};
        if (value) v.mv_size = seal_value(table, k, value, value_size, sealed);
        _exit(change_value(path, table, k, value ? &v : NULL) != 0);
    }
    wait_for_success(child);
}

static void damage_image(const char *path, const char *table, unsigned n, const void *value, size_t size)
{
    uint64_t label = label_of(n);
    damage(path, table, &label, sizeof label, value, size);
}

static rg_verify_report_t report(rg_set_t *set)
{
    rg_read_view_t read = read_view_of(set);
    rg_verify_report_t found;
    assert_ok(rg_verify(&found, &read, &GO));
    rg_read_view_end(&read);
    return found;
}

// The check finds this many problems, and the sentence of the first contains `text`.
static void assert_problem(rg_set_t *set, uint64_t problems, const char *text)
{
    rg_verify_report_t found = report(set);
    assert_int_equal(found.problems, problems);
    if (!strstr(found.problem[0], text)) fail_msg("'%s' is not in: %s", text, found.problem[0]);
}

static void a_sound_set_has_no_problems(void **state)
{
    static const char *const kinds[] = {"Flat", "HNSW16"};
    for (int i = 0; i < 2; i++) {
        char *path = rg_format("%s/%s", (char *)*state, kinds[i]);
        rg_set_t *set = filled_set(path, kinds[i], "m", N);
        for (int changed = 0; changed < 2; changed++) {
            picture_t p;
            rg_verify_report_t found = report(set);
            assert_int_equal(found.problems, 0);
            assert_int_equal(found.images, N - 2 * (unsigned)changed);
            assert_int_equal(found.bytes,
                             found.images * (sizeof p.embedding + sizeof p.features + sizeof p.thumbnail));
            assert_true(found.recall == 1);
            build_and_publish(set, 0);
            assert_int_equal(take_out(set, 3, 2), changed ? 0 : 2);
            if (!changed) use(set, "next"); // a set with a next model is sound, too
            if (!changed) assert_ok(add(set, "next", 0, N / 2, NULL));
        }
        rg_set_close(&set);
        free(path);
    }
}

static void an_empty_set_is_sound(void **state)
{
    rg_set_t *set = open_set(*state);
    assert_int_equal(report(set).problems, 0);
    use(set, "m");
    assert_int_equal(report(set).problems, 0);
    assert_true(report(set).recall == 1);
    rg_set_close(&set);
}

// Each case damages a new set: table, new value (NULL: deleted), problems found, text of the first one.
static void damaged_images_are_named(void **state)
{
    static const float other[D] = {1, 2, 3};
    static const struct {
        const char *table;
        const void *value;
        size_t size;
        uint64_t problems;
        const char *says;
    } cases[] = {
        {"thumbnails", NULL, 0, 2, "(thumbnail)"},
        {"thumbnails", "", 0, 1, "(thumbnail)"},
        {"features.1", NULL, 0, 1, "000007.jpg: no features"},
        {"features.1", "abc", 3, 1, "(features)"},
        {"embeddings.1", NULL, 0, 1, "000007.jpg: no embedding"},
        {"embeddings.1", "abc", 3, 1, "(embedding)"},
        {"embeddings.1", other, sizeof other, 1, "000007.jpg: its embedding in memory is not the stored one"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = rg_format("%s/%zu", (char *)*state, i);
        rg_set_t *set = filled_set(path, "Flat", "m", N);
        damage_image(path, cases[i].table, 7, cases[i].value, cases[i].size);
        assert_problem(set, cases[i].problems, cases[i].says);
        rg_set_close(&set);
        free(path);
    }
}

static void damaged_ids_are_named(void **state)
{
    rg_set_t *set = filled_set(*state, "Flat", "m", N);
    picture_t p;
    uint64_t wrong = label_of(9);
    picture(&p, 7);
    damage(*state, "ids", p.id, sizeof p.id, &wrong, sizeof wrong);
    assert_problem(set, 1, "000007.jpg: its content id belongs to another image");
    damage(*state, "ids", p.id, sizeof p.id, "abc", 3);
    assert_problem(set, 1, "the entry of id 07000000");
    damage(*state, "ids", p.id, sizeof p.id, NULL, 0);
    assert_problem(set, 2, "000007.jpg: no content id");
    rg_set_close(&set);
}

static void entries_without_an_image_are_counted(void **state)
{
    rg_set_t *set = filled_set(*state, "Flat", "m", N);
    picture_t p;
    uint64_t none = 12345;
    picture(&p, 12345);
    damage(*state, "ids", p.id, sizeof p.id, &none, sizeof none);
    assert_problem(set, 1, "21 content ids are stored for 20 images");
    damage(*state, "ids", p.id, sizeof p.id, NULL, 0);
    damage(*state, "by_name", p.name, strlen(p.name), "", 0);
    assert_problem(set, 1, "21 names are stored for 20 images");
    damage(*state, "by_name", p.name, strlen(p.name), NULL, 0);
    damage(*state, "thumbnails", &none, sizeof none, "x", 1);
    assert_problem(set, 1, "21 thumbnails are stored for 20 images");
    damage(*state, "thumbnails", &none, sizeof none, NULL, 0);
    damage(*state, "by_name", "000007.jpg\0\0\0\0\0\0\0\x08", 18, NULL, 0);
    assert_problem(set, 1, "19 names are stored for 20 images");
    rg_set_close(&set);
}

// An id without an image can be removed, and its image can be added again.
static void an_id_without_an_image_is_no_obstacle(void **state)
{
    rg_set_t *set = filled_set(*state, "Flat", "m", N);
    picture_t p;
    uint64_t none = 12345;
    Rg__V1__Fate fate;
    for (int again = 0; again < 2; again++) {
        picture(&p, 100 + (unsigned)again);
        damage(*state, "ids", p.id, sizeof p.id, &none, sizeof none);
        if (again) assert_int_equal(take_out(set, 101, 1), 0);
        assert_ok(add(set, "m", 100 + (unsigned)again, 1, &fate));
        assert_int_equal(fate, RG__V1__FATE__ADDED);
        assert_true(is_found(set, 100 + (unsigned)again));
        assert_int_equal(report(set).problems, 0);
    }
    rg_set_close(&set);
}

static void images_that_are_gone_are_counted(void **state)
{
    rg_set_t *set = filled_set(*state, "Flat", "m", N);
    damage_image(*state, "images", 7, NULL, 0);
    assert_problem(set, 4, "20 images can be found, of which only 19 are stored");
    rg_set_close(&set);
}

static void a_record_that_cannot_be_read_is_a_problem(void **state)
{
    rg_set_t *set = filled_set(*state, "Flat", "m", N);
    damage_image(*state, "images", 7, "abc", 3);
    assert_problem(set, 1, "image 8 is damaged");
    assert_int_equal(rg_set_damaged(set), 1);
    rg_set_leave_out_damaged(set);
    assert_int_equal(count_of(set), N - 1);
    assert_problem(set, 1, "image 8 is damaged");
    rg_set_close(&set);
}

static void many_problems_are_counted(void **state)
{
    rg_set_t *set = filled_set(*state, "Flat", "m", N);
    assert_ok(add(set, "m", N, N, NULL));
    for (unsigned n = 0; n < 2 * N; n++) damage_image(*state, "features.1", n, "abc", 3);
    rg_verify_report_t found = report(set);
    assert_int_equal(found.problems, 2 * N);
    assert_non_null(strstr(found.problem[RG_VERIFY_PROBLEMS_MAX - 1], "(features)"));
    rg_set_close(&set);
}

static void an_image_behind_the_sets_back_is_named(void **state)
{
    rg_set_t *set = filled_set(*state, "Flat", "m", N), *other = NULL;
    char *path = rg_format("%s/other", (char *)*state);
    other = filled_set(path, "Flat", "m", N);
    rg_read_view_t read = read_view_of(other), mixed = read_view_of(set);
    assert_int_equal(take_out(set, 3, 1), 1); // then the view of one generation, the transaction of another
    rg_read_view_t now = read_view_of(set);
    rg_read_view_t wrong = {now.view, mixed.txn, mixed.slot, set};
    rg_verify_report_t found;
    assert_ok(rg_verify(&found, &wrong, &GO));
    assert_int_equal(found.problems, 1);
    assert_non_null(strstr(found.problem[0], "000003.jpg: it is stored, but cannot be found"));
    assert_string_equal(GO.phase, "comparing images");
    assert_int_equal(GO.done, N);
    assert_int_equal(GO.total, N - 1);
    assert_fails(rg_verify(&found, &read, stopped()), RG_ESTOPPED, "");
    rg_read_view_end(&read);
    rg_read_view_end(&mixed);
    rg_read_view_end(&now);
    rg_set_close(&set);
    rg_set_close(&other);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(damaged_images_are_named),
        IN_FOLDER(damaged_ids_are_named),
        IN_FOLDER(entries_without_an_image_are_counted),
        IN_FOLDER(an_id_without_an_image_is_no_obstacle),
        IN_FOLDER(images_that_are_gone_are_counted),
        IN_FOLDER(a_record_that_cannot_be_read_is_a_problem),
        IN_FOLDER(many_problems_are_counted),
        IN_FOLDER(an_image_behind_the_sets_back_is_named),
        IN_FOLDER(an_empty_set_is_sound),
        IN_FOLDER(a_sound_set_has_no_problems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
