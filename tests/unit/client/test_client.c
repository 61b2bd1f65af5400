// The client library with a real retrieval service, used through its public header only.

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/test.h"
#include "tests/unit/client/asserts.h"

enum { D = 4, H = 2, W = 2, C = 3, FEATURES = H * W * C, IMAGES = 8 };
static const rg_client_model_t MODEL = {"mine", D, {H, W, C}};

typedef struct {
    void *folder;
    char endpoint[600];
    pid_t server; // 0: not running
    rg_client_t *client;
} fixture_t;

// ---- the service
static void run_server(const char *folder)
{
    char program[600], run[600];
    snprintf(program, sizeof program, "%s/rg-retrieval", getenv("RG_BIN"));
    snprintf(run, sizeof run, "run=%s", folder);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execl(program, program, "--set", run, "--set", "retrieval.map_size_gib=1", "--set", "threads=1", NULL);
    perror(program);
    _exit(127);
}

static void start(fixture_t *f)
{
    f->server = fork();
    if (f->server == 0) run_server(f->folder);
    assert_true(f->server > 0);
}

static void stop(fixture_t *f)
{
    int status;
    kill(f->server, SIGTERM);
    assert_int_equal(waitpid(f->server, &status, 0), f->server);
    f->server = 0;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int fixture_make(void **state)
{
    fixture_t *f = calloc(1, sizeof *f);
    if (!getenv("RG_BIN") || folder_make(&f->folder) != 0) return -1;
    snprintf(f->endpoint, sizeof f->endpoint, "ipc://%s/retrieval.ipc", (char *)f->folder);
    *state = f;
    return rg_client_open(&f->client, f->endpoint, NULL);
}

static int fixture_drop(void **state)
{
    fixture_t *f = *state;
    rg_client_close(&f->client);
    if (f->server) {
        kill(f->server, SIGKILL);
        waitpid(f->server, NULL, 0);
    }
    int failed = folder_remove(&f->folder);
    free(f);
    return failed;
}

// ---- images: number i lies at (i, 0, 0, 0)
typedef struct {
    char name[32], jpeg[32];
    float embedding[D];
    uint16_t features[FEATURES];
} picture_t;

static picture_t picture(int i)
{
    picture_t made = {.embedding = {(float)i}};
    snprintf(made.name, sizeof made.name, "%d.jpg", i);
    snprintf(made.jpeg, sizeof made.jpeg, "JPEG bytes %d", i);
    for (int j = 0; j < FEATURES; j++) made.features[j] = (uint16_t)(100 * i + j);
    return made;
}

static rg_client_item_t item(const picture_t *picture)
{
    rg_client_item_t made = {.name = picture->name,
                             .embedding = picture->embedding,
                             .features = picture->features,
                             .jpeg = picture->jpeg,
                             .jpeg_size = strlen(picture->jpeg)};
    rg_client_content_id(picture->jpeg, made.jpeg_size, made.id);
    return made;
}

static void id_of(int i, unsigned char id[RG_CLIENT_ID_SIZE])
{
    const picture_t made = picture(i);
    rg_client_content_id(made.jpeg, strlen(made.jpeg), id);
}

// Adds images 0 to IMAGES-1, which all have this fate.
static void add(fixture_t *f, int fate)
{
    picture_t pictures[IMAGES];
    rg_client_item_t items[IMAGES];
    rg_client_outcome_t outcomes[IMAGES];
    uint64_t generation = 0;
    for (int i = 0; i < IMAGES; i++) {
        pictures[i] = picture(i);
        items[i] = item(&pictures[i]);
    }
    assert_client_ok(rg_client_add(f->client, &MODEL, items, IMAGES, outcomes, &generation));
    assert_true(generation > 0);
    for (int i = 0; i < IMAGES; i++) assert_int_equal(outcomes[i].fate, fate);
}

static void start_filled(fixture_t *f)
{
    uint64_t missing = 1;
    start(f);
    assert_client_ok(rg_client_use_model(f->client, &MODEL, &missing));
    assert_int_equal(missing, 0);
    add(f, RG_CLIENT_ADDED);
}

static void assert_image(const rg_client_image_t *image, int i)
{
    const picture_t want = picture(i);
    unsigned char id[RG_CLIENT_ID_SIZE];
    id_of(i, id);
    assert_true(image->found);
    assert_string_equal(image->name, want.name);
    assert_memory_equal(image->id, id, sizeof id);
    assert_true(image->generation > 0);
}

static rg_client_search_t near(const float *queries, uint32_t n, uint32_t k)
{
    return (rg_client_search_t){.model = MODEL.name, .queries = queries, .n = n, .dimension = D, .k = k};
}

// The image nearest to image i is itself.
static void assert_finds(fixture_t *f, int i)
{
    const picture_t made = picture(i);
    const rg_client_search_t search = near(made.embedding, 1, 1);
    rg_client_result_t *result = NULL;
    assert_client_ok(rg_client_search(f->client, &search, &result));
    assert_image(&result->images[0], i);
    assert_true(result->images[0].dist_l2sq == 0);
    rg_client_result_destroy(&result);
    assert_null(result);
}

// ---- tests
static void what_was_added_is_found(void **state)
{
    fixture_t *f = *state;
    start_filled(f);
    const float queries[2][D] = {{0.25f}, {7, 1}};
    const rg_client_search_t search = near(&queries[0][0], 2, 2);
    rg_client_result_t *result = NULL;
    rg_client_status_t status;
    assert_client_ok(rg_client_search(f->client, &search, &result));
    assert_client_ok(rg_client_status(f->client, &status));
    assert_int_equal(result->n, 2);
    assert_int_equal(result->k, 2);
    assert_int_equal(result->size, IMAGES);
    assert_int_equal(result->generation, status.generation);
    assert_null(result->features);
    static const int found[] = {0, 1, 7, 6};
    static const float distances[] = {0.0625f, 0.5625f, 1, 2};
    for (int i = 0; i < 4; i++) {
        assert_image(&result->images[i], found[i]);
        assert_true(result->images[i].dist_l2sq == distances[i]);
        assert_null(result->images[i].jpeg);
    }
    rg_client_result_destroy(&result);
    add(f, RG_CLIENT_DUPLICATE);
}

static void status_tells_model_and_size(void **state)
{
    fixture_t *f = *state;
    rg_client_status_t status;
    start(f);
    assert_client_ok(rg_client_status(f->client, &status));
    assert_string_equal(status.model, "");
    assert_int_equal(status.images, 0);
    assert_client_ok(rg_client_use_model(f->client, &MODEL, NULL));
    add(f, RG_CLIENT_ADDED);
    assert_client_ok(rg_client_status(f->client, &status));
    assert_string_equal(status.model, MODEL.name);
    assert_int_equal(status.dimension, D);
    assert_int_equal(status.images, IMAGES);
    assert_true(status.generation > 0);
}

static void features_and_thumbnails_come_along(void **state)
{
    fixture_t *f = *state;
    start_filled(f);
    const picture_t made = picture(3);
    rg_client_search_t search = near(made.embedding, 1, IMAGES + 1);
    rg_client_result_t *result = NULL;
    search.features = search.thumbnails = 1;
    assert_client_ok(rg_client_search(f->client, &search, &result));
    assert_image(&result->images[0], 3);
    assert_int_equal(result->images[0].jpeg_size, strlen(made.jpeg));
    assert_memory_equal(result->images[0].jpeg, made.jpeg, strlen(made.jpeg));
    assert_memory_equal(result->features_shape, MODEL.features_shape, sizeof MODEL.features_shape);
    assert_memory_equal(result->features, made.features, sizeof made.features);
    // The set has only IMAGES images.
    const rg_client_image_t *missing = &result->images[IMAGES];
    assert_int_equal(missing->found, 0);
    assert_string_equal(missing->name, "");
    assert_null(missing->jpeg);
    for (int i = 0; i < FEATURES; i++) assert_int_equal(result->features[IMAGES * FEATURES + i], 0);
    // A result outlives its client.
    rg_client_close(&f->client);
    assert_memory_equal(result->features, made.features, sizeof made.features);
    rg_client_result_destroy(&result);
}

static void an_excluded_image_is_not_found(void **state)
{
    fixture_t *f = *state;
    start_filled(f);
    const picture_t made = picture(3);
    unsigned char id[RG_CLIENT_ID_SIZE];
    rg_client_search_t search = near(made.embedding, 1, IMAGES);
    rg_client_result_t *result = NULL;
    id_of(3, id);
    search.exclude = id;
    assert_client_ok(rg_client_search(f->client, &search, &result));
    for (int i = 0; i < IMAGES - 1; i++) assert_string_not_equal(result->images[i].name, made.name);
    assert_int_equal(result->images[IMAGES - 1].found, 0);
    rg_client_result_destroy(&result);
}

static void random_images_need_no_query(void **state)
{
    fixture_t *f = *state;
    start_filled(f);
    const rg_client_search_t search = {.model = MODEL.name, .n = 2, .k = 3, .random = 1, .seed = 5};
    rg_client_result_t *one = NULL, *two = NULL;
    assert_client_ok(rg_client_search(f->client, &search, &one));
    assert_client_ok(rg_client_search(f->client, &search, &two));
    for (int i = 0; i < 6; i++) {
        assert_true(one->images[i].found);
        assert_string_equal(one->images[i].name, two->images[i].name);
    }
    rg_client_result_destroy(&one);
    rg_client_result_destroy(&two);
}

static void what_was_removed_is_not_found(void **state)
{
    fixture_t *f = *state;
    start_filled(f);
    unsigned char ids[3][RG_CLIENT_ID_SIZE];
    const picture_t made = picture(2);
    const rg_client_search_t search = near(made.embedding, 1, 1);
    rg_client_result_t *result = NULL;
    uint32_t removed = 0;
    id_of(2, ids[0]);
    id_of(3, ids[1]);
    id_of(1000, ids[2]); // not there
    assert_client_ok(rg_client_remove(f->client, ids[0], 3, &removed));
    assert_int_equal(removed, 2);
    assert_client_ok(rg_client_search(f->client, &search, &result));
    assert_image(&result->images[0], 1);
    rg_client_result_destroy(&result);
}

static void a_refused_image_says_why(void **state)
{
    fixture_t *f = *state;
    start_filled(f);
    picture_t made = picture(20);
    rg_client_outcome_t outcome;
    made.embedding[1] = 0.0f / 0.0f;
    rg_client_item_t bad = item(&made);
    assert_client_ok(rg_client_add(f->client, &MODEL, &bad, 1, &outcome, NULL));
    assert_int_equal(outcome.fate, RG_CLIENT_REFUSED);
    assert_string_not_equal(outcome.reason, "");
}

static void errors_of_the_server_have_its_sentence(void **state)
{
    fixture_t *f = *state;
    start_filled(f);
    const float query[D + 1] = {0};
    const rg_client_model_t other = {"yours", D, {H, W, C}};
    const picture_t made = picture(9);
    const rg_client_item_t one = item(&made);
    rg_client_search_t search = near(query, 1, 1);
    rg_client_outcome_t outcome;
    rg_client_result_t *result = NULL;
    search.model = other.name;
    assert_client_fails(rg_client_search(f->client, &search, &result), RG_CLIENT_EMODEL, "server: ");
    assert_client_fails(rg_client_add(f->client, &other, &one, 1, &outcome, NULL), RG_CLIENT_EMODEL,
                        "server: ");
    search = near(query, 1, 1);
    search.dimension = D + 1;
    assert_client_fails(rg_client_search(f->client, &search, &result), RG_CLIENT_ESHAPE, "server: ");
    search = near(query, 1, 1000000);
    assert_client_fails(rg_client_search(f->client, &search, &result), RG_CLIENT_ELIMIT, "server: ");
    const float nothing[D] = {0.0f / 0.0f};
    search = near(nothing, 1, 1);
    assert_client_fails(rg_client_search(f->client, &search, &result), RG_CLIENT_ENUMERIC, "server: ");
    assert_null(result);
    assert_finds(f, 4); // and goes on
}

static void several_searches_are_under_way_at_once(void **state)
{
    fixture_t *f = *state;
    start_filled(f);
    rg_client_result_t *result = NULL;
    assert_client_fails(rg_client_search_take(f->client, &result), RG_CLIENT_EINVAL,
                        "no search is under way");
    for (int i = 0; i < IMAGES; i++) {
        const picture_t made = picture(i);
        rg_client_search_t search = near(made.embedding, 1, 1);
        if (i == 2) search.model = "yours";
        assert_client_ok(rg_client_search_send(f->client, &search));
    }
    assert_finds(f, 5); // another conversation meanwhile
    for (int i = 0; i < IMAGES - 1; i++) {
        if (i == 2) {
            assert_client_fails(rg_client_search_take(f->client, &result), RG_CLIENT_EMODEL, "server: ");
            continue;
        }
        assert_client_ok(rg_client_search_take(f->client, &result));
        assert_image(&result->images[0], i);
        rg_client_result_destroy(&result);
    } // the last one is never taken
}

static void a_restarted_server_is_found_again(void **state)
{
    fixture_t *f = *state;
    start_filled(f);
    assert_finds(f, 1);
    stop(f);
    start(f);
    assert_finds(f, 1);
    stop(f);
    const picture_t made = picture(6);
    const rg_client_search_t search = near(made.embedding, 1, 1);
    rg_client_result_t *result = NULL;
    assert_client_ok(rg_client_search_send(f->client, &search)); // no server runs
    start(f);
    assert_client_ok(rg_client_search_take(f->client, &result));
    assert_image(&result->images[0], 6);
    rg_client_result_destroy(&result);
}

// A thread that opens a client and searches many times. Gives NULL, or its endpoint if anything failed.
static void *search_much(void *endpoint)
{
    rg_client_t *client = NULL;
    rg_client_result_t *result = NULL;
    int err = rg_client_open(&client, endpoint, NULL);
    for (int i = 0; i < 50 && !err; i++) {
        const picture_t made = picture(i % IMAGES);
        const rg_client_search_t search = near(made.embedding, 1, 1);
        err = rg_client_search(client, &search, &result);
        if (!err) err = strcmp(result->images[0].name, made.name) != 0;
        if (result) rg_client_result_destroy(&result);
    }
    rg_client_close(&client);
    return err ? endpoint : NULL;
}

static void threads_have_a_client_each(void **state)
{
    fixture_t *f = *state;
    pthread_t threads[4];
    void *failed;
    start_filled(f);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, search_much, f->endpoint), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

static void nobody_there_is_a_timeout_with_the_endpoint(void **state)
{
    fixture_t *f = *state;
    const rg_client_options_t options = {.timeout_ms = 1};
    const float query[D] = {0};
    const rg_client_search_t search = near(query, 1, 1);
    rg_client_t *hasty = NULL;
    rg_client_status_t status;
    rg_client_result_t *result = NULL;
    assert_client_ok(rg_client_open(&hasty, f->endpoint, &options));
    assert_client_fails(rg_client_status(hasty, &status), RG_CLIENT_ETIMEOUT, f->endpoint);
    assert_client_fails(rg_client_search(hasty, &search, &result), RG_CLIENT_ETIMEOUT, f->endpoint);
    assert_client_ok(rg_client_search_send(hasty, &search));
    assert_client_fails(rg_client_search_take(hasty, &result), RG_CLIENT_ETIMEOUT, f->endpoint);
    rg_client_close(&hasty);
    rg_client_close(&hasty); // does nothing
}

static void bad_arguments_never_leave(void **state)
{
    fixture_t *f = *state; // whose server is not there
    const float query[D] = {0};
    const picture_t made = picture(0);
    rg_client_item_t one = item(&made);
    const rg_client_model_t huge = {"huge", UINT32_MAX, {UINT32_MAX, UINT32_MAX, UINT32_MAX}};
    rg_client_outcome_t outcome;
    rg_client_result_t *result = NULL;
    rg_client_search_t search = near(query, 1, 1);
    search.model = NULL;
    assert_client_fails(rg_client_search(f->client, &search, &result), RG_CLIENT_EINVAL, "model is missing");
    search = near(NULL, 1, 1);
    assert_client_fails(rg_client_search(f->client, &search, &result), RG_CLIENT_EINVAL,
                        "queries is missing");
    search = near(query, 0, 1);
    assert_client_fails(rg_client_search(f->client, &search, &result), RG_CLIENT_EINVAL,
                        "queries: dimension 0");
    search = near(query, UINT32_MAX, 1);
    search.dimension = UINT32_MAX;
    assert_client_fails(rg_client_search(f->client, &search, &result), RG_CLIENT_ELIMIT, "message_max_mib");
    search = near(query, 1, 1);
    search.filter.n_exclude = 1;
    assert_client_fails(rg_client_search_send(f->client, &search), RG_CLIENT_EINVAL, "filter.exclude");
    assert_client_fails(rg_client_remove(f->client, NULL, 1, NULL), RG_CLIENT_EINVAL, "ids is missing");
    assert_client_fails(rg_client_add(f->client, &MODEL, &one, 0, &outcome, NULL), RG_CLIENT_ELIMIT,
                        "0 images");
    assert_client_fails(rg_client_add(f->client, &MODEL, &one, 255, &outcome, NULL), RG_CLIENT_ELIMIT, "254");
    assert_client_fails(rg_client_add(f->client, &huge, &one, 1, &outcome, NULL), RG_CLIENT_ELIMIT,
                        "embeddings: larger than");
    one.jpeg_size = 0;
    assert_client_fails(rg_client_add(f->client, &MODEL, &one, 1, &outcome, NULL), RG_CLIENT_EINVAL,
                        "items[0] has no thumbnail");
}

static void an_endpoint_that_cannot_be_is_refused(void **state)
{
    rg_client_t *client = NULL;
    const rg_client_options_t insecure = {.insecure = 1}, large = {.message_max_mib = 2048};
    (void)state;
    assert_client_fails(rg_client_open(&client, NULL, NULL), RG_CLIENT_EINVAL, "endpoint is missing");
    assert_client_fails(rg_client_open(&client, "carrier pigeon", NULL), RG_CLIENT_ECONFIG, "carrier pigeon");
    assert_client_fails(rg_client_open(&client, "tcp://192.0.2.1:5555", NULL), RG_CLIENT_ECONFIG, "insecure");
    assert_client_fails(rg_client_open(&client, "ipc://x.ipc", &large), RG_CLIENT_EINVAL, "2048");
    assert_null(client);
    assert_client_ok(rg_client_open(&client, "tcp://192.0.2.1:5555", &insecure));
    rg_client_close(&client);
}

int main(void)
{
#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, fixture_make, fixture_drop)
    const struct CMUnitTest tests[] = {
        WITH_BENCH(what_was_added_is_found),
        WITH_BENCH(status_tells_model_and_size),
        WITH_BENCH(features_and_thumbnails_come_along),
        WITH_BENCH(an_excluded_image_is_not_found),
        WITH_BENCH(random_images_need_no_query),
        WITH_BENCH(what_was_removed_is_not_found),
        WITH_BENCH(a_refused_image_says_why),
        WITH_BENCH(errors_of_the_server_have_its_sentence),
        WITH_BENCH(several_searches_are_under_way_at_once),
        WITH_BENCH(a_restarted_server_is_found_again),
        WITH_BENCH(threads_have_a_client_each),
        WITH_BENCH(nobody_there_is_a_timeout_with_the_endpoint),
        WITH_BENCH(bad_arguments_never_leave),
        cmocka_unit_test(an_endpoint_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
