// Threads of the set: one changes it and publishes what was built, one builds, two read. Each does a fixed
// number of steps, so that the test ends however the threads run.
#include "tests/unit/retrieval/sets.h"

#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/retrieval/process.h"

enum { BATCH = 10, ROUNDS = 40, BUILDS = 60, READS = 200, READERS = 2, SPAN = ROUNDS * BATCH };

typedef struct {
    rg_set_t *set;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    rg_set_build_t *built; // waiting for the writer
    int builder_is_done;
} together_t;

// The embeddings of the two models have opposite signs.
static float times_of(const char *model)
{
    return *model == 'b' ? -1 : 1;
}

// ---- reading

// A graph that several threads have built may have rows that no path leads to.
static atomic_int searched, missed;

// The nearest image to the embedding of this image is the image itself.
static void check_image(const rg_read_view_t *read, const rg_store_image_t *image)
{
    picture_t p;
    rg_hit_t hit;
    picture(&p, (unsigned)atoi(image->name));
    for (int d = 0; d < D; d++) p.embedding[d] *= times_of(read->view->model.name);
    const rg_search_t search = {.queries = p.embedding, .n = 1, .k = 1, .effort = {.ef_search = 512}};
    CHECK(rg_search_run(&hit, read->view, &search) == 0);
    CHECK(hit.row >= 0);
    atomic_fetch_add(&searched, 1);
    if (hit.dist_l2sq > 0) {
        atomic_fetch_add(&missed, 1);
        return;
    }
    CHECK(rg_rows_at(&read->view->rows, (size_t)hit.row).label == (int64_t)image->label);
}

// All images of the generation are stored and found, and no others.
static uint64_t check_read_view(rg_set_t *set)
{
    rg_read_view_t read;
    rg_store_image_t image = {0};
    rg_store_value_t embedding;
    uint64_t count, n = 0;
    CHECK(rg_read_view_begin(&read, set) == 0);
    CHECK(rg_store_count(read.txn, &count) == 0);
    CHECK(rg_view_count(read.view) == count);
    while (rg_store_next(read.txn, image.label + 1, &image) == 0) {
        ptrdiff_t row = rg_rows_find(&read.view->rows, (int64_t)image.label);
        CHECK(row >= 0 && rg_view_is_alive(read.view, (size_t)row));
        CHECK(rg_store_derived(read.txn, &image, read.slot, RG_DERIVED_EMBEDDING, sizeof(float[D]),
                               &embedding) == 0);
        CHECK(memcmp(embedding.data, rg_rows_at(&read.view->rows, (size_t)row).vector, embedding.size) == 0);
        if (n++ % 7 == count % 7) check_image(&read, &image);
    }
    CHECK(n == count);
    uint64_t generation = read.view->generation;
    rg_read_view_end(&read);
    return generation;
}

static void *keep_reading(void *data)
{
    together_t *t = data;
    uint64_t last = 0;
    for (int i = 0; i < READS; i++) {
        uint64_t generation = check_read_view(t->set);
        CHECK(generation >= last);
        last = generation;
    }
    return NULL;
}

// ---- building

static void *keep_building(void *data)
{
    together_t *t = data;
    for (int i = 0; i < BUILDS; i++) {
        rg_set_build_t *built = NULL;
        CHECK(rg_set_build(t->set, i % 3 == 2, &GO, &built) == 0);
        if (i % 5 == 4) CHECK(rg_set_save(t->set) == 0);
        pthread_mutex_lock(&t->lock);
        t->built = built;
        pthread_cond_signal(&t->changed);
        while (t->built) pthread_cond_wait(&t->changed, &t->lock);
        pthread_mutex_unlock(&t->lock);
    }
    pthread_mutex_lock(&t->lock);
    t->builder_is_done = 1;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

static void publish_built(together_t *t)
{
    pthread_mutex_lock(&t->lock);
    if (t->built) {
        CHECK(rg_set_publish_build(t->set, &t->built) == 0);
        pthread_cond_signal(&t->changed);
    }
    pthread_mutex_unlock(&t->lock);
}

static void publish_the_rest(together_t *t)
{
    pthread_mutex_lock(&t->lock);
    while (!t->builder_is_done || t->built) {
        if (t->built) {
            CHECK(rg_set_publish_build(t->set, &t->built) == 0);
            pthread_cond_signal(&t->changed);
        } else {
            pthread_cond_wait(&t->changed, &t->lock);
        }
    }
    pthread_mutex_unlock(&t->lock);
}

// ---- changing

static int holds(rg_set_t *set, unsigned n)
{
    rg_read_view_t read;
    CHECK(rg_read_view_begin(&read, set) == 0);
    ptrdiff_t row = row_of(&read, n);
    int found = row >= 0 && rg_view_is_alive(read.view, (size_t)row);
    rg_read_view_end(&read);
    return found;
}

// After an acknowledged addition or removal, every new read view shows it.
static void add_and_see(together_t *t, const char *model, unsigned first)
{
    CHECK(add_scaled(t->set, model, first, BATCH, times_of(model), NULL) == 0);
    for (unsigned n = first; n < first + BATCH; n++) CHECK(holds(t->set, n));
}

static void remove_and_see(together_t *t, unsigned first)
{
    take_out(t->set, first, BATCH);
    for (unsigned n = first; n < first + BATCH; n++) CHECK(!holds(t->set, n));
}

static void reindex(together_t *t, const char *model)
{
    use(t->set, model);
    for (unsigned n = 0; n < SPAN; n += BATCH) {
        CHECK(add_scaled(t->set, model, n, BATCH, times_of(model), NULL) == 0);
        publish_built(t);
    }
    rg_read_view_t read;
    CHECK(rg_read_view_begin(&read, t->set) == 0);
    CHECK(strcmp(read.view->model.name, model) == 0);
    rg_read_view_end(&read);
}

static void change(together_t *t)
{
    const char *model = "a";
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned first = round * BATCH;
        add_and_see(t, model, first);
        if (round % 3 == 2) remove_and_see(t, first - BATCH);
        if (round % 4 == 3) add_and_see(t, model, first - 2 * BATCH); // duplicates, or added again
        if (round % 8 == 7) reindex(t, model = *model == 'a' ? "b" : "a");
        publish_built(t);
    }
    publish_the_rest(t);
}

static void everything_holds_at_once(void **state)
{
    together_t t = {.set = open_indexed(*state, "HNSW16"),
                    .lock = PTHREAD_MUTEX_INITIALIZER,
                    .changed = PTHREAD_COND_INITIALIZER};
    pthread_t readers[READERS], builder;
    use(t.set, "a");
    assert_int_equal(pthread_create(&builder, NULL, keep_building, &t), 0);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, keep_reading, &t), 0);
    change(&t);
    pthread_join(builder, NULL);
    for (int i = 0; i < READERS; i++) pthread_join(readers[i], NULL);
    uint64_t generation = check_read_view(t.set);
    size_t count = count_of(t.set);
    rg_set_close(&t.set);
    t.set = open_indexed(*state, "HNSW16");
    assert_int_equal(check_read_view(t.set), generation);
    assert_int_equal(count_of(t.set), count);
    rg_set_close(&t.set);
    assert_true(100 * missed <= searched);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(everything_holds_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
