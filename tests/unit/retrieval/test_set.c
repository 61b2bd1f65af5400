#include "tests/unit/retrieval/pictures.h"

#include <math.h>
#include <signal.h>
#include <sys/wait.h>

#include "services/retrieval/set.h"

static rg_set_t *open_indexed(const char *path, const char *index)
{
    rg_set_t *set = NULL;
    const rg_set_options_t options = {.path = path, .index = index, .map_bytes = MAP_BYTES};
    assert_ok(rg_set_open(&set, &options));
    return set;
}

static rg_set_t *open_set(const char *path)
{
    return open_indexed(path, "Flat");
}

static void use(rg_set_t *set, const char *name)
{
    const rg_model_t model = model_of(name);
    assert_ok(rg_set_use_model(set, &model));
}

static rg_set_item_t item_of(const picture_t *p)
{
    return (rg_set_item_t){.id = p->id,
                           .name = p->name,
                           .embedding = p->embedding,
                           .content = p->content,
                           .thumbnail = {p->thumbnail, sizeof p->thumbnail}};
}

// Adds pictures first..first+n-1; the fates go to fates [n] where it is not NULL.
static int add(rg_set_t *set, const char *model, unsigned first, unsigned n, Rg__V1__Fate *fates)
{
    picture_t *pictures = rg_alloc(n * sizeof *pictures);
    rg_set_item_t *items = rg_alloc(n * sizeof *items);
    rg_outcome_t *outcomes = rg_alloc(n * sizeof *outcomes);
    for (unsigned i = 0; i < n; i++) {
        picture(&pictures[i], first + i);
        items[i] = item_of(&pictures[i]);
    }
    int err = rg_set_add(set, model, items, n, outcomes);
    for (unsigned i = 0; i < n && fates && !err; i++) fates[i] = outcomes[i].fate;
    free(pictures);
    free(items);
    free(outcomes);
    return err;
}

static uint64_t generation(const rg_set_t *set)
{
    return rg_set_state(set)->generation;
}

static uint64_t stale_of(rg_set_t *set)
{
    rg_set_stats_t stats;
    assert_ok(rg_set_stats(set, &stats));
    assert_int_equal(stats.images, rg_set_count(set));
    assert_true(stats.store_bytes > 0);
    return stats.stale;
}

// Number of the picture with that label.
static unsigned number_of(rg_set_t *set, int64_t label)
{
    rg_store_txn_t *txn = NULL;
    rg_image_t image;
    assert_ok(rg_store_read(rg_set_store(set), &txn));
    assert_ok(rg_store_image(txn, (uint64_t)label, &image));
    rg_store_abort(&txn);
    return (unsigned)atoi(image.name);
}

// The nearest k of picture number n, without picture number `without` (-1: all).
static void nearest(rg_set_t *set, unsigned n, int without, size_t k, rg_found_t *found)
{
    picture_t p, other;
    picture(&p, n);
    picture(&other, (unsigned)without);
    const rg_query_t query = {
        .queries = p.embedding, .exclude = without >= 0 ? other.id : NULL, .n = 1, .k = k};
    assert_ok(rg_set_search(set, "m", &query, found));
}

static int same(const rg_found_t *a, const rg_found_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a[i].label != b[i].label || a[i].dist_l2sq != b[i].dist_l2sq) return 0;
    return 1;
}

static void an_added_image_is_found_by_the_next_search(void **state)
{
    rg_set_t *set = open_set(*state);
    rg_found_t found[3];
    Rg__V1__Fate fates[2];
    use(set, "m");
    assert_ok(add(set, "m", 10, 2, fates));
    assert_int_equal(fates[0], RG__V1__FATE__ADDED);
    nearest(set, 10, -1, 3, found);
    assert_int_equal(number_of(set, found[0].label), 10);
    assert_true(fabsf(found[0].dist_l2sq) < 1e-4);
    assert_int_equal(number_of(set, found[1].label), 11);
    assert_true(fabsf(found[1].dist_l2sq - 7) < 1e-4);
    assert_int_equal(found[2].label, -1);
    assert_ok(add(set, "m", 12, 1, NULL));
    nearest(set, 12, -1, 1, found);
    assert_int_equal(number_of(set, found[0].label), 12);
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
    rg_outcome_t outcomes[2];
    assert_ok(rg_set_add(set, "m", twice, 2, outcomes)); // within one batch
    assert_int_equal(outcomes[0].fate, RG__V1__FATE__ADDED);
    assert_int_equal(outcomes[1].fate, RG__V1__FATE__DUPLICATE);
    uint64_t before = generation(set);
    assert_ok(rg_set_add(set, "m", twice + 1, 1, outcomes)); // and later
    assert_int_equal(outcomes[0].fate, RG__V1__FATE__DUPLICATE);
    assert_int_equal(generation(set), before);
    assert_int_equal(rg_set_count(set), 1);
    rg_found_t found[1];
    nearest(set, 1, -1, 1, found);
    assert_int_equal(number_of(set, found[0].label), 1);
    rg_set_close(&set);
}

static void the_excluded_image_is_not_found(void **state)
{
    rg_set_t *set = open_set(*state);
    rg_found_t found[3];
    use(set, "m");
    assert_ok(add(set, "m", 0, 3, NULL));
    nearest(set, 1, 1, 2, found);
    assert_true(number_of(set, found[0].label) != 1 && number_of(set, found[1].label) != 1);
    nearest(set, 1, 1, 3, found);
    assert_true(found[1].label >= 0);
    assert_int_equal(found[2].label, -1);
    nearest(set, 1, 99, 1, found); // not in the set: nothing to exclude
    assert_int_equal(number_of(set, found[0].label), 1);
    rg_set_close(&set);
}

static void random_neighbours_are_distinct_and_repeatable(void **state)
{
    enum { N = 6, K = 4, QUERIES = 50 };
    rg_set_t *set = open_set(*state);
    use(set, "m");
    assert_ok(add(set, "m", 0, N, NULL));
    picture_t p;
    uint8_t exclude[QUERIES * RG_ID_SIZE];
    int seen[N] = {0};
    for (unsigned i = 0; i < QUERIES; i++) {
        picture(&p, i % 2);
        memcpy(exclude + i * RG_ID_SIZE, p.id, RG_ID_SIZE);
    }
    rg_found_t found[QUERIES * K], again[QUERIES * K];
    rg_query_t query = {.exclude = exclude, .n = QUERIES, .k = K, .random = 1, .seed = 5};
    assert_ok(rg_set_search(set, "m", &query, found));
    for (unsigned i = 0; i < QUERIES; i++) {
        for (unsigned j = 0; j < K; j++) {
            unsigned number = number_of(set, found[i * K + j].label);
            assert_true(number != i % 2);
            seen[number]++;
            for (unsigned l = 0; l < j; l++) assert_true(found[i * K + l].label != found[i * K + j].label);
        }
    }
    for (unsigned i = 0; i < N; i++) assert_true(seen[i] > 0);
    assert_ok(rg_set_search(set, "m", &query, again));
    assert_true(same(found, again, QUERIES * K));
    query.seed = 6;
    assert_ok(rg_set_search(set, "m", &query, again));
    assert_false(same(found, again, QUERIES * K));
    rg_set_close(&set);
}

static void random_neighbours_of_a_small_set_may_be_missing(void **state)
{
    rg_set_t *set = open_set(*state);
    rg_found_t found[3];
    picture_t p;
    use(set, "m");
    rg_query_t query = {.n = 1, .k = 3, .random = 1};
    assert_ok(rg_set_search(set, "m", &query, found));
    assert_int_equal(found[0].label, -1);
    assert_ok(add(set, "m", 0, 2, NULL));
    picture(&p, 0);
    query.exclude = p.id;
    assert_ok(rg_set_search(set, "m", &query, found));
    assert_int_equal(number_of(set, found[0].label), 1);
    assert_int_equal(found[1].label, -1);
    rg_set_close(&set);
}

static void everything_survives_a_restart(void **state)
{
    rg_set_t *set = open_set(*state);
    rg_found_t found[2], again[2];
    use(set, "m");
    assert_ok(add(set, "m", 0, 300, NULL)); // more than one chunk of the index
    nearest(set, 7, 7, 2, found);
    uint64_t before = generation(set);
    rg_set_close(&set);
    set = open_set(*state);
    assert_int_equal(rg_set_count(set), 300);
    assert_int_equal(generation(set), before);
    assert_string_equal(rg_set_state(set)->model.name, "m");
    nearest(set, 7, 7, 2, again);
    assert_true(same(found, again, 2));
    use(set, "m"); // current already
    assert_int_equal(generation(set), before);
    rg_set_close(&set);
}

static void the_generation_grows_with_every_change(void **state)
{
    rg_set_t *set = open_set(*state);
    assert_int_equal(generation(set), 0);
    use(set, "m");
    assert_int_equal(generation(set), 1);
    assert_ok(add(set, "m", 0, 3, NULL));
    assert_int_equal(generation(set), 2);
    assert_ok(add(set, "m", 0, 3, NULL));
    assert_int_equal(generation(set), 2);
    rg_store_txn_t *txn = NULL;
    rg_image_t image;
    assert_ok(rg_store_read(rg_set_store(set), &txn));
    assert_ok(rg_store_next(txn, 0, &image));
    rg_store_abort(&txn);
    assert_int_equal(image.generation, 2);
    picture_t p;
    size_t removed;
    picture(&p, 99);
    assert_ok(rg_set_remove(set, p.id, 1, &removed));
    assert_int_equal(removed, 0);
    assert_int_equal(generation(set), 2);
    picture(&p, 1);
    assert_ok(rg_set_remove(set, p.id, 1, &removed));
    assert_int_equal(removed, 1);
    assert_int_equal(generation(set), 3);
    rg_set_close(&set);
}

static void removed_images_are_gone(const char *path, const char *index)
{
    rg_set_t *set = open_indexed(path, index);
    rg_found_t found[3];
    picture_t p[2];
    size_t removed;
    uint8_t ids[2 * RG_ID_SIZE];
    use(set, "m");
    assert_ok(add(set, "m", 0, 4, NULL));
    for (unsigned i = 0; i < 2; i++) {
        picture(&p[i], 1 + i);
        memcpy(ids + i * RG_ID_SIZE, p[i].id, RG_ID_SIZE);
    }
    assert_ok(rg_set_remove(set, ids, 2, &removed));
    assert_int_equal(removed, 2);
    for (int reopened = 0; reopened < 2; reopened++) {
        assert_int_equal(rg_set_count(set), 2);
        nearest(set, 1, -1, 3, found);
        assert_int_equal(number_of(set, found[0].label), 0);
        assert_int_equal(number_of(set, found[1].label), 3);
        assert_int_equal(found[2].label, -1);
        rg_set_close(&set);
        set = open_indexed(path, index);
    }
    assert_ok(add(set, "m", 1, 1, NULL)); // may come back
    nearest(set, 1, -1, 1, found);
    assert_int_equal(number_of(set, found[0].label), 1);
    rg_set_close(&set);
}

static void removes(void **state)
{
    removed_images_are_gone(*state, "Flat");
}

static void removes_where_the_index_cannot(void **state)
{
    removed_images_are_gone(*state, "HNSW16,Flat");
}

static void a_new_model_makes_images_stale_until_added_again(void **state)
{
    rg_set_t *set = open_set(*state);
    rg_found_t found[2];
    Rg__V1__Fate fates[3];
    use(set, "old");
    assert_ok(add(set, "old", 0, 5, NULL));
    use(set, "m");
    assert_int_equal(rg_set_count(set), 0);
    assert_int_equal(stale_of(set), 5);
    nearest(set, 0, -1, 2, found);
    assert_int_equal(found[0].label, -1);
    assert_fails(add(set, "old", 9, 1, NULL), RG_EMODEL);
    assert_says("model old is not the current one, m");
    assert_ok(add(set, "m", 1, 3, fates));
    assert_int_equal(fates[0], RG__V1__FATE__ADDED);
    assert_int_equal(rg_set_count(set), 3);
    assert_int_equal(stale_of(set), 2);
    nearest(set, 1, -1, 1, found);
    assert_int_equal(number_of(set, found[0].label), 1);
    rg_set_close(&set);
    set = open_set(*state);
    assert_int_equal(rg_set_count(set), 3);
    assert_int_equal(stale_of(set), 2);
    use(set, "old"); // what it embedded and nobody replaced is there again
    assert_int_equal(rg_set_count(set), 2);
    assert_int_equal(stale_of(set), 3);
    rg_set_close(&set);
}

static void lists_stale_images(void **state)
{
    rg_set_t *set = open_set(*state);
    rg_image_t images[4];
    rg_store_txn_t *txn = NULL;
    use(set, "old");
    assert_ok(add(set, "old", 0, 5, NULL));
    use(set, "m");
    unsigned next = 0;
    for (uint64_t left = 5; left > 0;) { // as refresh does: list, add again, until none is left
        size_t n;
        assert_ok(rg_store_read(rg_set_store(set), &txn));
        assert_ok(rg_set_stale(set, txn, images, 2, &n, &left));
        rg_store_abort(&txn);
        assert_int_equal(left, 5 - next);
        assert_int_equal(n, left < 2 ? left : 2);
        for (size_t i = 0; i < n; i++) assert_int_equal(atoi(images[i].name), next + i);
        if (n > 0) assert_ok(add(set, "m", next, (unsigned)n, NULL));
        next += (unsigned)n;
    }
    assert_int_equal(next, 5);
    rg_set_close(&set);
}

static void nothing_goes_before_the_first_model(void **state)
{
    rg_set_t *set = open_set(*state);
    const float zeros[D] = {0};
    rg_found_t found[1];
    const rg_query_t query = {.queries = zeros, .n = 1, .k = 1};
    assert_fails(add(set, "m", 0, 1, NULL), RG_EMODEL);
    assert_fails(rg_set_search(set, "", &query, found), RG_EMODEL);
    assert_says("no model is current");
    rg_set_close(&set);
}

static void bad_models_change_nothing(void **state)
{
    rg_set_t *set = open_set(*state);
    use(set, "m");
    assert_ok(add(set, "m", 0, 1, NULL));
    rg_model_t bad = model_of("");
    assert_fails(rg_set_use_model(set, &bad), RG_EINVAL);
    bad = model_of("m");
    bad.embed_dim++;
    assert_fails(rg_set_use_model(set, &bad), RG_ESHAPE);
    bad = model_of("n");
    bad.embed_dim = 0;
    assert_fails(rg_set_use_model(set, &bad), RG_ELIMIT);
    bad.embed_dim = UINT32_MAX;
    assert_fails(rg_set_use_model(set, &bad), RG_ELIMIT);
    bad = model_of("n");
    bad.content_shape[1] = 0;
    assert_fails(rg_set_use_model(set, &bad), RG_ELIMIT);
    for (int i = 0; i < 3; i++) bad.content_shape[i] = 1u << 31; // the product overflows
    assert_fails(rg_set_use_model(set, &bad), RG_ELIMIT);
    assert_string_equal(rg_set_state(set)->model.name, "m");
    assert_int_equal(generation(set), 2);
    assert_int_equal(rg_set_count(set), 1);
    rg_set_close(&set);
}

static void bad_items_are_refused_alone(void **state)
{
    rg_set_t *set = open_set(*state);
    use(set, "m");
    picture_t p[7];
    rg_set_item_t items[7];
    rg_outcome_t outcomes[7];
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
        assert_int_equal(outcomes[i].fate, RG__V1__FATE__REFUSED);
        assert_true(strlen(outcomes[i].reason) > 0);
    }
    assert_non_null(strstr(outcomes[0].reason, "finite"));
    assert_non_null(strstr(outcomes[3].reason, "name"));
    assert_int_equal(outcomes[6].fate, RG__V1__FATE__ADDED);
    assert_int_equal(rg_set_count(set), 1);
    uint64_t before = generation(set);
    assert_ok(rg_set_add(set, "m", items, 6, outcomes)); // nothing but refusals
    assert_int_equal(generation(set), before);
    rg_set_close(&set);
}

static void queries_must_be_finite(void **state)
{
    rg_set_t *set = open_set(*state);
    float queries[2 * D] = {0};
    rg_found_t found[2];
    use(set, "m");
    queries[D + 2] = NAN;
    const rg_query_t query = {.queries = queries, .n = 2, .k = 1};
    assert_fails(rg_set_search(set, "m", &query, found), RG_ENUMERIC);
    assert_says("query 1");
    rg_set_close(&set);
}

static void a_full_store_takes_no_half_batch(void **state)
{
    rg_set_t *set = NULL;
    const rg_set_options_t options = {.path = *state, .index = "Flat", .map_bytes = 512 << 10};
    rg_found_t found[1];
    unsigned n = 0;
    int err;
    assert_ok(rg_set_open(&set, &options));
    use(set, "m");
    while ((err = add(set, "m", n, 50, NULL)) == 0 && n < 100000) n += 50;
    assert_fails(err, RG_EFULL);
    assert_says(*state);
    assert_true(n > 0);
    uint64_t before = generation(set);
    for (int reopened = 0; reopened < 2; reopened++) {
        assert_int_equal(rg_set_count(set), n);
        assert_int_equal(generation(set), before);
        nearest(set, 3, -1, 1, found);
        assert_int_equal(number_of(set, found[0].label), 3);
        rg_set_close(&set);
        assert_ok(rg_set_open(&set, &options));
    }
    rg_set_close(&set);
}

static void a_bad_index_is_told_at_open(void **state)
{
    rg_set_t *set = NULL;
    const rg_set_options_t options = {.path = *state, .index = "IVF16,Flat", .map_bytes = MAP_BYTES};
    assert_fails(rg_set_open(&set, &options), RG_ECONFIG);
    assert_says("IVF16,Flat");
    assert_null(set);
}

// The child adds batches of 7 without end and writes each one's first number when it is acknowledged.
static void add_until_killed(const char *path, int acknowledge)
{
    rg_set_t *set = NULL;
    const rg_set_options_t options = {.path = path, .index = "Flat", .map_bytes = MAP_BYTES};
    if (rg_set_open(&set, &options) != 0) _exit(1);
    const rg_model_t model = model_of("m");
    if (rg_set_use_model(set, &model) != 0) _exit(1);
    for (unsigned n = (unsigned)rg_set_count(set);; n += 7) {
        if (add(set, "m", n, 7, NULL) != 0) _exit(1);
        if (write(acknowledge, &n, sizeof n) != sizeof n) _exit(1);
    }
}

static unsigned run_and_kill(const char *path, unsigned batches)
{
    int ends[2];
    unsigned last = 0, n;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        add_until_killed(path, ends[1]);
    }
    close(ends[1]);
    for (unsigned i = 0; i < batches; i++) {
        assert_int_equal(read(ends[0], &last, sizeof last), sizeof last);
    }
    kill(child, SIGKILL); // somewhere in a later batch
    assert_int_equal(waitpid(child, NULL, 0), child);
    while (read(ends[0], &n, sizeof n) == sizeof n) last = n;
    close(ends[0]);
    return last + 7; // images acknowledged
}

static void a_kill_loses_nothing_acknowledged(void **state)
{
    for (unsigned round = 0; round < 4; round++) {
        unsigned acknowledged = run_and_kill(*state, 5 + 3 * round);
        rg_set_t *set = open_set(*state);
        size_t stored = rg_set_count(set);
        assert_in_range(stored, acknowledged, acknowledged + 7);
        assert_int_equal(stored % 7, 0); // whole batches
        uint8_t *seen = rg_alloc(stored);
        rg_store_txn_t *txn = NULL;
        rg_image_t image = {0};
        assert_ok(rg_store_read(rg_set_store(set), &txn));
        while (rg_store_next(txn, image.label + 1, &image) == 0) {
            unsigned number = (unsigned)atoi(image.name);
            assert_true(number < stored);
            assert_int_equal(seen[number]++, 0); // none twice
        }
        rg_store_abort(&txn);
        for (size_t i = 0; i < stored; i++) assert_int_equal(seen[i], 1);
        free(seen);
        rg_set_close(&set);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_kill_loses_nothing_acknowledged), // first: it forks before FAISS has threads
        TEST(an_added_image_is_found_by_the_next_search),
        TEST(a_duplicate_keeps_its_name),
        TEST(the_excluded_image_is_not_found),
        TEST(random_neighbours_are_distinct_and_repeatable),
        TEST(random_neighbours_of_a_small_set_may_be_missing),
        TEST(everything_survives_a_restart),
        TEST(the_generation_grows_with_every_change),
        TEST(removes),
        TEST(removes_where_the_index_cannot),
        TEST(a_new_model_makes_images_stale_until_added_again),
        TEST(lists_stale_images),
        TEST(nothing_goes_before_the_first_model),
        TEST(bad_models_change_nothing),
        TEST(bad_items_are_refused_alone),
        TEST(queries_must_be_finite),
        TEST(a_full_store_takes_no_half_batch),
        TEST(a_bad_index_is_told_at_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
