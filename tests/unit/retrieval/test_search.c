#include "tests/unit/retrieval/sets.h"

#include <math.h>

#include "services/retrieval/search.h"
#include "tests/unit/retrieval/clouds.h"

enum { DIM = 24, N = 3000, MORE = 500, QUERIES = 60, K = 10 };

static const rg_index_effort_t HARD = {.nprobe = 24, .ef_search = 96};

// A view of N rows of a cloud, with an index over all of them.
static rg_view_t *indexed_view(const char *factory)
{
    rg_store_model_t model = model_of("m");
    model.embed_dim = DIM;
    rg_view_t *view = rg_view_new(&model, 1);
    float *x = cloud(N, DIM, 1);
    for (size_t i = 0; i < N; i++)
        rg_view_append(view, &(rg_image_row_t){.label = cloud_label(i), .vector = x + i * DIM});
    free(x);
    if (strcmp(factory, "Flat") != 0)
        assert_ok(
            rg_index_build(&view->index, &(rg_index_plan_t){.factory = factory, .work = &GO}, &view->rows));
    return view;
}

static void append_more(rg_view_t *view)
{
    float *x = cloud(MORE, DIM, 7);
    for (size_t i = 0; i < MORE; i++)
        rg_view_append(view, &(rg_image_row_t){.label = cloud_label(N + i), .vector = x + i * DIM});
    free(x);
}

static void run(rg_hit_t *hits, const rg_view_t *view, const float *queries, rg_index_effort_t effort)
{
    const rg_search_t search = {.queries = queries, .n = QUERIES, .k = K, .effort = effort};
    assert_ok(rg_search_run(hits, view, &search));
}

// The share of the exact neighbours, among rows that are alive, that a search of the view finds.
static double recall(const rg_view_t *view, rg_index_effort_t effort)
{
    float *queries = cloud(QUERIES, DIM, 2);
    rg_hit_t hits[QUERIES * K], exact[QUERIES * K];
    int same = 0;
    run(hits, view, queries, effort);
    rg_exact_search(exact, &view->rows, 0, view->alive.words ? &view->alive : NULL, queries, QUERIES, K,
                    NULL);
    for (int i = 0; i < QUERIES * K; i++) {
        assert_true(hits[i].row >= 0 && rg_view_is_alive(view, (size_t)hits[i].row));
        float dist = rg_exact_distance(&view->rows, (size_t)hits[i].row, queries + i / K * DIM);
        assert_true(hits[i].dist_l2sq == dist);
        if (i % K) assert_true(hits[i - 1].dist_l2sq <= hits[i].dist_l2sq);
        for (int j = i / K * K; j < (i / K + 1) * K; j++) same += exact[i].row == hits[j].row;
    }
    free(queries);
    return (double)same / (QUERIES * K);
}

// Recall is at least 0.95 after the build, after additions behind the index, and after removals.
static void recall_holds(const char *factory)
{
    rg_view_t *view = indexed_view(factory);
    assert_int_equal(rg_view_indexed(view), strcmp(factory, "Flat") == 0 ? 0 : N);
    assert_true(recall(view, HARD) >= 0.95);
    append_more(view);
    assert_true(recall(view, HARD) >= 0.95);
    for (size_t i = 0; i < N + MORE; i += 5) rg_view_kill(view, i);
    assert_true(recall(view, HARD) >= 0.95);
    for (size_t i = 0; i < N; i++) rg_view_kill(view, i); // all rows of the index are dead
    assert_int_equal(rg_view_count(view), MORE - MORE / 5);
    assert_true(recall(view, HARD) == 1);
    rg_view_destroy(&view);
}

static void recall_of_hnsw(void **state)
{
    (void)state;
    recall_holds("HNSW32");
}

static void recall_of_ivf(void **state)
{
    (void)state;
    recall_holds("IVF32,Flat");
}

static void recall_without_an_index(void **state)
{
    (void)state;
    recall_holds("Flat");
}

static void effort_raises_recall(void **state)
{
    (void)state;
    static const struct {
        const char *factory;
        rg_index_effort_t little, much;
    } kinds[] = {{"IVF32,Flat", {1, 0}, {32, 0}}, {"HNSW8", {0, 1}, {0, 400}}};
    for (int i = 0; i < 2; i++) {
        rg_view_t *view = indexed_view(kinds[i].factory);
        double little = recall(view, kinds[i].little), much = recall(view, kinds[i].much);
        assert_true(much >= little + 0.02);
        assert_true(much >= 0.99);
        assert_true(recall(view, (rg_index_effort_t){0}) < much); // the effort of one search does not stay
        rg_view_destroy(&view);
    }
}

// Where the index finds too few rows, an exact search finds them.
static void as_many_are_found_as_there_are(void **state)
{
    (void)state;
    rg_view_t *view = indexed_view("IVF32,Flat");
    float *query = cloud(1, DIM, 2);
    uint8_t *seen = rg_alloc(N);
    rg_hit_t *hits = rg_alloc((N + 5) * sizeof *hits);
    for (size_t i = 0; i < N; i += 2) rg_view_kill(view, i);
    const rg_search_t search = {.queries = query, .n = 1, .k = N / 2 + 5, .effort = {1, 0}};
    assert_ok(rg_search_run(hits, view, &search));
    for (size_t i = 0; i < N / 2; i++) {
        assert_int_equal(hits[i].row % 2, 1);
        assert_int_equal(seen[hits[i].row]++, 0);
    }
    for (size_t i = N / 2; i < N / 2 + 5; i++) assert_int_equal(hits[i].row, -1);
    free(hits);
    free(seen);
    free(query);
    rg_view_destroy(&view);
}

static void what_is_excluded_is_not_found(const char *factory)
{
    rg_view_t *view = indexed_view(factory);
    append_more(view);
    rg_view_kill(view, 5);
    float queries[5 * DIM];
    static const size_t of[] = {3, 4, 5, N + 2, N + 3};
    const ptrdiff_t exclude[] = {3, -1, 5, N + 2, -1};
    rg_hit_t hits[5 * K];
    for (int i = 0; i < 5; i++)
        memcpy(queries + i * DIM, rg_rows_at(&view->rows, of[i]).vector, DIM * sizeof *queries);
    for (size_t k = 1; k <= K; k += K - 1) {
        const rg_search_t search = {.queries = queries, .n = 5, .k = k, .exclude = exclude, .effort = HARD};
        assert_ok(rg_search_run(hits, view, &search));
        for (size_t i = 0; i < 5 * k; i++)
            assert_true(hits[i].row >= 0 && hits[i].row != exclude[i / k] && hits[i].row != 5);
        assert_int_equal(hits[k].row, 4); // the other queries find themselves
        assert_true(hits[k].dist_l2sq == 0);
        assert_int_equal(hits[4 * k].row, N + 3);
    }
    rg_view_destroy(&view);
}

static void excludes(void **state)
{
    (void)state;
    what_is_excluded_is_not_found("Flat");
    what_is_excluded_is_not_found("HNSW32");
    what_is_excluded_is_not_found("IVF32,Flat");
}

static void the_last_one_excluded_leaves_none(void **state)
{
    (void)state;
    rg_view_t *view = indexed_view("HNSW32");
    for (size_t i = 1; i < N; i++) rg_view_kill(view, i);
    const ptrdiff_t exclude[] = {0};
    rg_hit_t hits[2];
    rg_search_t search = {.queries = rg_rows_at(&view->rows, 0).vector, .n = 1, .k = 2, .exclude = exclude};
    assert_ok(rg_search_run(hits, view, &search));
    assert_int_equal(hits[0].row, -1);
    search.exclude = NULL;
    assert_ok(rg_search_run(hits, view, &search));
    assert_int_equal(hits[0].row, 0);
    assert_int_equal(hits[1].row, -1);
    rg_view_destroy(&view);
}

// A search among allowed rows is exact and finds no others.
static void searches_among_chosen_rows(void **state)
{
    (void)state;
    rg_view_t *view = indexed_view("IVF32,Flat");
    rg_bitset_t allowed;
    float *queries = cloud(QUERIES, DIM, 2);
    rg_hit_t hits[QUERIES * K], exact[QUERIES * K];
    rg_bitset_init(&allowed, view->rows.count, 0);
    for (size_t i = 0; i < 7 * (K - 1); i += 7) rg_bitset_set(&allowed, i); // one row fewer than k
    const rg_search_t search = {
        .queries = queries, .n = QUERIES, .k = K, .allowed = &allowed, .effort = {1, 0}};
    assert_ok(rg_search_run(hits, view, &search));
    rg_exact_search(exact, &view->rows, 0, &allowed, queries, QUERIES, K, NULL);
    for (int i = 0; i < QUERIES * K; i++) {
        assert_int_equal(hits[i].row, exact[i].row);
        if (i % K == K - 1) assert_int_equal(hits[i].row, -1);
    }
    rg_bitset_fini(&allowed);
    free(queries);
    rg_view_destroy(&view);
}

// ---- random

// A view of n rows. Every third row is dead.
static rg_view_t *small_view(size_t n)
{
    const rg_store_model_t model = model_of("m");
    rg_view_t *view = rg_view_new(&model, 1);
    const float zeros[D] = {0};
    for (size_t i = 0; i < n; i++)
        rg_view_append(view, &(rg_image_row_t){.label = (int64_t)i, .vector = i % 3 == 2 ? NULL : zeros});
    return view;
}

static void random_ones_are_distinct_uniform_and_repeatable(void **state)
{
    (void)state;
    enum { ROWS = 9, PICK = 3, TIMES = 6000 };
    rg_view_t *view = small_view(ROWS);
    rg_hit_t *hits = rg_alloc(TIMES * PICK * sizeof *hits), *again = rg_alloc(TIMES * PICK * sizeof *again);
    ptrdiff_t *exclude = rg_alloc(TIMES * sizeof *exclude);
    int seen[PICK][ROWS] = {{0}};
    for (int i = 0; i < TIMES; i++) exclude[i] = i % 2 ? -1 : 4;
    rg_search_t search = {.n = TIMES, .k = PICK, .exclude = exclude, .random = 1, .seed = 5};
    assert_ok(rg_search_run(hits, view, &search));
    for (int i = 0; i < TIMES * PICK; i++) {
        assert_true(hits[i].row % 3 != 2 && hits[i].row != exclude[i / PICK]);
        for (int j = i / PICK * PICK; j < i; j++) assert_int_not_equal(hits[j].row, hits[i].row);
        seen[i % PICK][hits[i].row]++;
    }
    for (int place = 0; place < PICK; place++) // expected: 1/5 of one half, 1/6 of the other; within 6 sigma
        for (int row = 0; row < ROWS; row++)
            if (row % 3 != 2) assert_in_range(seen[place][row], row == 4 ? 400 : 900, row == 4 ? 600 : 1300);
    assert_ok(rg_search_run(again, view, &search));
    for (int i = 0; i < TIMES * PICK; i++) assert_int_equal(hits[i].row, again[i].row);
    search.seed = 6;
    assert_ok(rg_search_run(again, view, &search));
    int same = 0;
    for (int i = 0; i < TIMES * PICK; i++) same += hits[i].row == again[i].row;
    assert_true(same < TIMES * PICK / 2);
    free(hits);
    free(again);
    free(exclude);
    rg_view_destroy(&view);
}

static void random_ones_of_a_small_set_may_be_missing(void **state)
{
    (void)state;
    rg_view_t *view = small_view(0);
    rg_hit_t hits[3];
    const ptrdiff_t exclude[] = {0};
    rg_search_t search = {.n = 1, .k = 3, .random = 1};
    assert_ok(rg_search_run(hits, view, &search));
    assert_int_equal(hits[0].row, -1);
    rg_view_destroy(&view);
    view = small_view(3);
    search.exclude = exclude;
    assert_ok(rg_search_run(hits, view, &search));
    assert_int_equal(hits[0].row, 1);
    assert_int_equal(hits[1].row, -1);
    rg_view_destroy(&view);
}

static void random_ones_are_chosen_ones(void **state)
{
    (void)state;
    rg_view_t *view = small_view(90);
    rg_bitset_t allowed;
    rg_hit_t hits[200 * 4];
    int seen[90] = {0};
    rg_bitset_init(&allowed, 90, 0);
    for (size_t i = 0; i < 90; i += 30) rg_bitset_set(&allowed, i);
    const rg_search_t search = {.n = 200, .k = 4, .allowed = &allowed, .random = 1};
    assert_ok(rg_search_run(hits, view, &search));
    for (int i = 0; i < 200 * 4; i++) {
        if (i % 4 == 3)
            assert_int_equal(hits[i].row, -1);
        else
            seen[hits[i].row]++;
    }
    for (int i = 0; i < 90; i += 30) assert_int_equal(seen[i], 200);
    rg_bitset_fini(&allowed);
    rg_view_destroy(&view);
}

// ---- pools

// Row i lies at i on a line, so the nearest rows to 0 are the first ones.
static void a_pool_is_drawn_from(void **state)
{
    (void)state;
    enum { ROWS = 50, POOL = 10, PICK = 3, TIMES = 3000 };
    const rg_store_model_t model = model_of("m");
    rg_view_t *view = rg_view_new(&model, 1);
    for (size_t i = 0; i < ROWS; i++)
        rg_view_append(view, &(rg_image_row_t){.label = (int64_t)i, .vector = (const float[D]){(float)i}});
    rg_hit_t *hits = rg_alloc(TIMES * PICK * sizeof *hits), *again = rg_alloc(TIMES * PICK * sizeof *again);
    float *queries = rg_alloc(TIMES * D * sizeof *queries);
    ptrdiff_t *exclude = rg_alloc(TIMES * sizeof *exclude);
    int seen[ROWS] = {0};
    for (int i = 0; i < TIMES; i++) exclude[i] = 4;
    rg_search_t search = {
        .queries = queries, .n = TIMES, .k = PICK, .pool = POOL, .exclude = exclude, .seed = 5};
    assert_ok(rg_search_run(hits, view, &search));
    for (int i = 0; i < TIMES * PICK; i++) {
        assert_in_range(hits[i].row, 0, POOL); // the 10 nearest, without row 4
        assert_int_not_equal(hits[i].row, 4);
        if (i % PICK) assert_true(hits[i - 1].row < hits[i].row); // nearest first, none twice
        seen[hits[i].row]++;
    }
    for (int row = 0; row <= POOL; row++) // expected: 3/10; within 6 sigma
        if (row != 4) assert_in_range(seen[row], 750, 1050);
    assert_ok(rg_search_run(again, view, &search));
    for (int i = 0; i < TIMES * PICK; i++) assert_int_equal(hits[i].row, again[i].row);
    search.number = 7; // the same search without its first 7 queries
    search.n -= 7;
    assert_ok(rg_search_run(again, view, &search));
    for (size_t i = 0; i < search.n * PICK; i++) assert_int_equal(hits[7 * PICK + i].row, again[i].row);
    free(exclude);
    free(queries);
    free(again);
    free(hits);
    rg_view_destroy(&view);
}

static void a_pool_of_a_small_set_may_lack_some(void **state)
{
    (void)state;
    rg_view_t *view = small_view(3); // two of them alive
    const float query[D] = {0};
    rg_hit_t hits[3];
    const rg_search_t search = {.queries = query, .n = 1, .k = 3, .pool = 8};
    assert_ok(rg_search_run(hits, view, &search));
    assert_int_equal(hits[0].row + hits[1].row, 1);
    assert_int_equal(hits[2].row, -1);
    rg_view_destroy(&view);
}

// ---- filters

// Pictures 0..9 with the names 000000.jpg..., and 10..19 with other names; every second one is annotated.
// Picture 4 is removed.
static rg_set_t *filtered_set(const char *path)
{
    rg_set_t *set = open_set(path);
    use(set, "m");
    for (unsigned batch = 0; batch < 2; batch++) {
        picture_t p[10];
        rg_set_item_t items[10];
        rg_set_outcome_t outcomes[10];
        for (unsigned i = 0; i < 10; i++) {
            picture(&p[i], 10 * batch + i);
            items[i] = item_of(&p[i]);
            items[i].annotated = i % 2;
            if (batch) items[i].name = i < 5 ? "10-low" : "10-high";
        }
        assert_ok(rg_set_add(set, "m", items, 10, outcomes));
    }
    take_out(set, 4, 1);
    return set;
}

// The rows that the filter allows, as bits; ~0 if the filter has no condition.
static unsigned chosen(rg_set_t *set, const Rg__V1__Filter *filter)
{
    rg_read_view_t read = read_view_of(set);
    rg_bitset_t marks;
    unsigned bits = 0;
    assert_ok(rg_search_filter(&marks, filter, read.view, read.txn));
    if (!marks.words) bits = ~0u;
    for (size_t row = 0; marks.words && row < marks.count; row++)
        bits |= (unsigned)rg_bitset_get(&marks, row) << row;
    rg_bitset_fini(&marks);
    rg_read_view_end(&read);
    return bits;
}

enum { ALIVE = 0xfffef & 0xfffff, ODD = 0xaaaaa };

static void filters_choose(void **state)
{
    rg_set_t *set = filtered_set(*state);
    Rg__V1__Filter filter = RG__V1__FILTER__INIT;
    assert_int_equal(chosen(set, NULL), ~0u);
    assert_int_equal(chosen(set, &filter), ~0u);
    filter.name_prefix = "0000";
    assert_int_equal(chosen(set, &filter), 0x3ff & ALIVE);
    filter.name_prefix = "000003.jpg";
    assert_int_equal(chosen(set, &filter), 1 << 3);
    filter.name_prefix = "10-";
    assert_int_equal(chosen(set, &filter), 0xffc00);
    filter.name_prefix = "10-h";
    assert_int_equal(chosen(set, &filter), 0xf8000);
    filter.name_prefix = "nothing";
    assert_int_equal(chosen(set, &filter), 0);
    filter.name_prefix = "";
    filter.annotation = RG__V1__ANNOTATION__ANNOTATED;
    assert_int_equal(chosen(set, &filter), ODD);
    filter.annotation = RG__V1__ANNOTATION__UNANNOTATED;
    assert_int_equal(chosen(set, &filter), ~ODD & ALIVE);
    rg_set_close(&set);
}

static void filters_combine(void **state)
{
    rg_set_t *set = filtered_set(*state);
    Rg__V1__Filter filter = RG__V1__FILTER__INIT;
    picture_t p[3];
    static const unsigned numbers[] = {1, 12, 777}; // 777 is not stored
    ProtobufCBinaryData exclude[3];
    for (int i = 0; i < 3; i++) {
        picture(&p[i], numbers[i]);
        exclude[i] = (ProtobufCBinaryData){RG_ID_SIZE, p[i].id};
    }
    filter.exclude = exclude;
    filter.n_exclude = 3;
    assert_int_equal(chosen(set, &filter), ALIVE & ~(1 << 1) & ~(1 << 12));
    filter.annotation = RG__V1__ANNOTATION__ANNOTATED;
    assert_int_equal(chosen(set, &filter), ODD & ~(1 << 1));
    filter.name_prefix = "00000";
    assert_int_equal(chosen(set, &filter), ODD & 0x3ff & ~(1 << 1));
    exclude[2].len = 15;
    rg_read_view_t read = read_view_of(set);
    rg_bitset_t marks;
    assert_fails(rg_search_filter(&marks, &filter, read.view, read.txn), RG_EINVAL,
                 "filter.exclude[2] has 15 bytes");
    assert_null(marks.words);
    filter.annotation = 3;
    assert_fails(rg_search_filter(&marks, &filter, read.view, read.txn), RG_EINVAL,
                 "filter.annotation 3 is unknown");
    rg_read_view_end(&read);
    rg_set_close(&set);
}

static void filters_choose_by_time(void **state)
{
    const rg_store_model_t model = model_of("m");
    const float zeros[D] = {0};
    rg_set_t *set = open_set(*state);
    rg_read_view_t read = read_view_of(set);
    rg_view_t *view = rg_view_new(&model, 1);
    for (int i = 0; i < 6; i++)
        rg_view_append(view, &(rg_image_row_t){.label = i, .added_ms = 100 + (uint64_t)i, .vector = zeros});
    static const struct {
        uint64_t from, until;
        unsigned want;
    } cases[] = {{102, 0, 0x3c}, {0, 102, 0x03}, {101, 104, 0x0e}, {103, 103, 0}, {106, 0, 0}, {1, 0, 0x3f}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Rg__V1__Filter filter = RG__V1__FILTER__INIT;
        rg_bitset_t marks;
        filter.added_from_ms = cases[i].from;
        filter.added_until_ms = cases[i].until;
        assert_ok(rg_search_filter(&marks, &filter, view, read.txn));
        for (size_t row = 0; row < 6; row++)
            assert_int_equal(rg_bitset_get(&marks, row), cases[i].want >> row & 1);
        rg_bitset_fini(&marks);
    }
    rg_view_destroy(&view);
    rg_read_view_end(&read);
    rg_set_close(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recall_of_hnsw),
        cmocka_unit_test(recall_of_ivf),
        cmocka_unit_test(recall_without_an_index),
        cmocka_unit_test(effort_raises_recall),
        cmocka_unit_test(as_many_are_found_as_there_are),
        cmocka_unit_test(excludes),
        cmocka_unit_test(the_last_one_excluded_leaves_none),
        cmocka_unit_test(searches_among_chosen_rows),
        cmocka_unit_test(random_ones_are_distinct_uniform_and_repeatable),
        cmocka_unit_test(random_ones_of_a_small_set_may_be_missing),
        cmocka_unit_test(random_ones_are_chosen_ones),
        cmocka_unit_test(a_pool_is_drawn_from),
        cmocka_unit_test(a_pool_of_a_small_set_may_lack_some),
        IN_FOLDER(filters_choose),
        IN_FOLDER(filters_combine),
        IN_FOLDER(filters_choose_by_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
