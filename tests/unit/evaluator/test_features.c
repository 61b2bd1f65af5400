// Sets of features by domain, the numbers that a report gets from them, and the cache on disk.
#include "tests/unit/evaluator/cases.h"

#include "common/core/file.h"
#include "services/evaluator/distribution.h"
#include "services/evaluator/features.h"
#include "tests/support/test.h"

// ---- domains

static void domains_are_those_shown_or_asked_for(void **state)
{
    (void)state;
    rg_features_t features;
    rg_target_t target[3] = {{.asked = 1, .source = {0, 0}, .wanted = {0, 1}},
                             {.asked = 0, .source = {0, 1}, .wanted = {1, 1}},
                             {.asked = 1, .source = {1, 1}, .wanted = {1, 0}}};
    float part[3];
    rg_features_init(&features, 3, 1, 0);
    float *rows = rg_features_append(&features, target, 3, NULL).features;
    for (int i = 0; i < 3; i++) rows[i] = (float)i;
    rg_vectors_t showing = rg_features_showing(&features, (rg_domain_t){1, 1}, part);
    assert_int_equal(showing.n, 2);
    assert_near(part[0], 1, 0);
    rg_vectors_t becoming = rg_features_becoming(&features, (rg_domain_t){1, 1}, part);
    assert_int_equal(becoming.n, 1);
    assert_near(part[0], 0, 0);
    becoming = rg_features_becoming(&features, (rg_domain_t){1, 0}, part);
    assert_int_equal(becoming.n, 1);
    assert_near(part[0], 2, 0);
    rg_features_fini(&features);
}

// A hundred images, of which ten show P: too few for more than their count. The extractor is sure of each
// image and predicts two classes equally often: the inception score is almost 2 (in splits of 25 one image is
// left).
static void fill_features(rg_features_t *features, uint64_t seed)
{
    rg_target_t target[100] = {0};
    for (int i = 0; i < 100; i++) {
        target[i].source[0] = i < 10;
        target[i].wanted[0] = i >= 10; // each edit flips P
    }
    rg_features_init(features, 100, 4, 2);
    const rg_predictions_t predictions = rg_features_append(features, target, 100, NULL);
    float *x = cases_normal(100, 4, seed, 1, 0);
    memcpy(predictions.features, x, 400 * sizeof *x);
    for (int i = 0; i < 200; i++) predictions.classes[i] = (i % 2) == (i / 2 % 2);
    free(x);
}

static void small_domains_get_only_their_counts(void **state)
{
    (void)state;
    rg_features_t real, generated;
    rg_report_t *report;
    rg_config_t config;
    cases_config(&config);
    fill_features(&real, 1);
    fill_features(&generated, 2);
    rg_report_new(&report);
    assert_ok(rg_distribution_report(&config, &real, &generated, "latent", report));
    assert_ok(rg_distribution_bounds(&config, &real, report));
    char *json = rg_report_json(report);
    static const char *const present[] = {"\"kid_latent\":",
                                          "\"inception_score_latent\": 1.99",
                                          "\"inception_score_ceiling\": 1.99",
                                          "\"images_latent.P\": 90",
                                          "\"images_latent.not_P\": 10",
                                          "\"images_latent.Q\": 0",
                                          "\"images_bounds\": 50",
                                          "\"images_bounds.not_P\": 45",
                                          "\"frechet_floor.not_P\":",
                                          "\"coverage_ceiling.not_P\":",
                                          "\"images_bounds.P\": 5"};
    static const char *const absent[] = {"\"frechet_latent.P\"", "\"frechet_latent.not_P\"",
                                         "\"frechet_floor.P\""};
    for (size_t i = 0; i < sizeof present / sizeof *present; i++)
        if (!strstr(json, present[i])) fail_msg("no %s in %s", present[i], json);
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        if (strstr(json, absent[i])) fail_msg("%s in %s", absent[i], json);
    free(json);
    rg_report_destroy(&report);
    rg_features_fini(&real);
    rg_features_fini(&generated);
}

// ---- the cache

enum { N = 5, WIDTH = 3 }; // no class probabilities and no attributes: features alone

static rg_config_t run;
static rg_inference_t inference;

static int set_up(void **state)
{
    int failed = folder_make(state);
    rg_config_init(&run);
    run.data.attributes.count = 0;
    snprintf(run.evaluation.cache, RG_CONFIG_TEXT, "%.200s/shared/features", (char *)*state);
    return failed;
}

static rg_evaluation_t new_evaluation(const char *extractor, uint32_t n, int width)
{
    rg_evaluation_t evaluation = {
        .config = &run, .inference = &inference, .n_images = n, .extractor.d = width};
    snprintf(evaluation.extractor.name, RG_EXTRACTOR_NAME, "%s", extractor);
    return evaluation;
}

static float value_at(int i)
{
    return 0.5f * (float)i;
}

// Writes predictions for an extractor; the path of the file.
static void write_predictions(const char *extractor, char path[RG_PATH_SIZE])
{
    rg_evaluation_t evaluation = new_evaluation(extractor, N, WIDTH);
    rg_real_predictions_t real;
    rg_real_predictions_init(&real, &evaluation);
    for (int i = 0; i < N * WIDTH; i++) real.row[i] = value_at(i);
    real.complete = 0;
    rg_real_predictions_save(&real);
    snprintf(path, RG_PATH_SIZE, "%s", real.path);
    rg_real_predictions_fini(&real);
}

// 1 if the cache has predictions for this extractor and size; then they are those written.
static int is_cached(const char *extractor, uint32_t n, int width)
{
    rg_evaluation_t evaluation = new_evaluation(extractor, n, width);
    rg_real_predictions_t real;
    rg_real_predictions_init(&real, &evaluation);
    int found = real.complete;
    for (int i = 0; i < N * WIDTH && found; i++) assert_true(real.row[i] == value_at(i));
    rg_real_predictions_fini(&real);
    return found;
}

static void reads_what_was_written(void **state)
{
    (void)state;
    char path[RG_PATH_SIZE];
    assert_false(is_cached("a", N, WIDTH)); // there is no file yet
    write_predictions("a", path);
    assert_true(is_cached("a", N, WIDTH));
    assert_non_null(strstr(path, "/shared/features/"));
}

static void keeps_keys_apart(void **state)
{
    (void)state;
    char path[RG_PATH_SIZE], other[RG_PATH_SIZE];
    write_predictions("a", path);
    write_predictions("b", other);
    assert_string_not_equal(path, other);
    assert_false(is_cached("c", N, WIDTH));
    assert_false(is_cached("a", N - 1, WIDTH));
    assert_false(is_cached("a", N, WIDTH + 1)); // the key is the same, the matrix is not
    assert_int_equal(rename(path, other), 0);
    assert_false(is_cached("b", N, WIDTH)); // the file has another key
}

static void an_empty_key_means_the_run_directory(void **state)
{
    (void)state;
    const rg_config_t before = run;
    snprintf(run.run, RG_CONFIG_TEXT, "%.200s/run", (char *)*state);
    run.evaluation.cache[0] = 0;
    char path[RG_PATH_SIZE];
    write_predictions("a", path);
    assert_non_null(strstr(path, "/run/features/"));
    assert_true(rg_exists(path));
    run = before;
}

// Each byte in turn is changed; then the file is cut short.
static void a_damaged_file_is_not_read(void **state)
{
    (void)state;
    char path[RG_PATH_SIZE];
    unsigned char *bytes;
    size_t size;
    write_predictions("a", path);
    assert_ok(rg_file_read(path, 1 << 16, &bytes, &size));
    size_t data = size - N * WIDTH * sizeof(float);
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 1;
        assert_ok(rg_file_write(path, bytes, size));
        if (i >= data || i < 8)
            assert_false(is_cached("a", N, WIDTH));
        else
            (void)is_cached("a", N, WIDTH); // some bytes of the header do not matter
        bytes[i] ^= 1;
    }
    for (size_t end = 0; end < size; end += 7) {
        assert_ok(rg_file_write(path, bytes, end));
        assert_false(is_cached("a", N, WIDTH));
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(domains_are_those_shown_or_asked_for),
        cmocka_unit_test(small_domains_get_only_their_counts),
        cmocka_unit_test(reads_what_was_written),
        cmocka_unit_test(keeps_keys_apart),
        cmocka_unit_test(an_empty_key_means_the_run_directory),
        cmocka_unit_test(a_damaged_file_is_not_read),
    };
    return cmocka_run_group_tests(tests, set_up, folder_remove);
}
