// An evaluation apart from its numbers: the protocol and the file of all reports, the cache, ONNX networks,
// errors, and stopping.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "common/model/safetensors.h"
#include "services/evaluator/features.h"
#include "tests/support/test.h"
#include "tests/unit/evaluator/evaluation_fixture.h"

static void an_error_names_the_missing_checkpoint(void **state)
{
    (void)state;
    fixture_fails(RG_STAGE_CLASSIFIER, RG_ENOENT,
                  "classifier.safetensors: no such checkpoint; rg-ctl train --stage classifier makes it");
    fixture_fails(RG_STAGE_1, RG_ENOENT,
                  "stage1.safetensors: no such checkpoint; rg-ctl train --stage 1 makes it");
    fixture_save_model(RG_STAGE_1, 1);
    fixture_fails(RG_STAGE_1, RG_ENOENT, "classifier.safetensors: no such checkpoint");
    fixture_save_classifier();
}

// Changes a number in the report's line of the history, to recognize the line.
static void mark_report(json_t *report, double value)
{
    char path[RG_PATH_SIZE];
    rg_config_path(&config, "evaluations.jsonl", path);
    json_object_set_new(report, "frechet_latent", json_real(value));
    assert_int_equal(json_dump_file(report, path, JSON_COMPACT), 0);
}

static void measures_weights_once(void **state)
{
    (void)state;
    json_t *first = fixture_evaluate(RG_STAGE_1);
    mark_report(first, 123);
    fixture_save_model(RG_STAGE_1, 2);
    json_t *other = fixture_evaluate(RG_STAGE_1);
    assert_true(report_number(other, "frechet_latent") != 123);
    assert_string_not_equal(report_text(other, "weights"), report_text(first, "weights"));
    fixture_save_model(RG_STAGE_1, 1);
    json_t *again = fixture_evaluate(RG_STAGE_1), *reported;
    assert_near(report_number(again, "frechet_latent"), 123, 0); // from the history
    char path[RG_PATH_SIZE];
    rg_config_path(&config, "reports/stage1.json", path);
    reported = json_load_file(path, 0, NULL);
    assert_true(json_equal(reported, again));
    json_decref(first);
    json_decref(other);
    json_decref(again);
    json_decref(reported);
}

// The number of lines in the history, and the last one.
static int read_last_report(json_t **last)
{
    char path[RG_PATH_SIZE], line[1 << 14];
    rg_config_path(&config, "evaluations.jsonl", path);
    FILE *file = fopen(path, "r");
    int n = 0;
    while (file && fgets(line, sizeof line, file)) n++;
    if (file) fclose(file);
    *last = n ? json_loads(line, 0, NULL) : NULL;
    return n;
}

static void measures_quickly_on_a_few_images(void **state)
{
    (void)state;
    rg_evaluation_progress_t progress = {0};
    atomic_int stop = 0;
    char path[RG_PATH_SIZE];
    json_t *before, *after, *once, *reported;
    int n = read_last_report(&before);
    config.evaluation.follow = 5;
    assert_ok(rg_evaluate_quickly(&config, RG_STAGE_1, &progress, &stop));
    assert_int_equal(read_last_report(&after), n + 1);
    assert_int_equal(report_number(after, "images"), 5);
    assert_int_equal(report_number(after, "sources"), 1);
    assert_true(report_number(after, "time") > 0);
    assert_fails(rg_report_comparable(before, after), RG_EMODEL, "images is 8 in one and 5 in the other");
    assert_ok(rg_evaluate_quickly(&config, RG_STAGE_1, &progress, &stop));
    assert_int_equal(read_last_report(&once), n + 1); // the same weights, the same protocol
    rg_config_path(&config, "reports/stage1.json", path);
    reported = json_load_file(path, 0, NULL);
    assert_int_equal(report_number(reported, "images"), 8);
    config.evaluation.follow = 0;
    json_t *const all[] = {before, after, once, reported};
    for (int i = 0; i < 4; i++) json_decref(all[i]);
}

// An ONNX extractor with classes and an ONNX network for LPIPS change the distances, not the accuracies, and
// add an inception score and LPIPS.
static void measures_with_onnx_networks(void **state)
{
    (void)state;
    const rg_config_t before = config;
    json_t *builtin = fixture_evaluate(RG_STAGE_1);
    snprintf(config.evaluation.extractor.file, RG_CONFIG_TEXT, "tests/unit/onnx/fixtures/inception.onnx");
    snprintf(config.evaluation.extractor.features, RG_CONFIG_TEXT, "pooled");
    snprintf(config.evaluation.extractor.classes, RG_CONFIG_TEXT, "y");
    config.evaluation.extractor.size = 33;
    snprintf(config.evaluation.lpips.file, RG_CONFIG_TEXT, "tests/unit/onnx/fixtures/squeeze.onnx");
    config.evaluation.lpips.layers.count = 1;
    snprintf(config.evaluation.lpips.layers.name[0], RG_NAME_SIZE, "fire1");
    json_t *report = fixture_evaluate(RG_STAGE_1), *again = fixture_evaluate(RG_STAGE_1);
    assert_true(json_equal(report, again));
    assert_memory_equal(report_text(report, "extractor"), "onnx-", strlen("onnx-"));
    assert_non_null(
        strstr(report_text(report, "extractor"), " size=33 pixels=imagenet features=pooled classes=y"));
    assert_string_equal(report_text(report, "judge"), report_text(builtin, "extractor"));
    assert_null(json_object_get(report, "identity_latent")); // no network is configured
    assert_non_null(strstr(report_text(report, "lpips"), "layers=1 unweighted="));
    assert_near(report_number(report, "wanted_accuracy_latent"),
                report_number(builtin, "wanted_accuracy_latent"), 0);
    assert_true(report_number(report, "frechet_latent") != report_number(builtin, "frechet_latent"));
    assert_true(report_number(report, "inception_score_latent") >= 1 &&
                report_number(report, "inception_score_latent") < 100);
    assert_true(report_number(report, "inception_score_ceiling") >= 1);
    assert_true(report_number(report, "lpips_real") > report_number(report, "lpips_latent"));
    assert_true(report_number(report, "lpips_latent") > 0);
    assert_int_equal(rg_report_comparable(report, builtin), RG_EMODEL);
    json_decref(builtin);
    json_decref(report);
    json_decref(again);
    config = before;
}

static void an_error_names_what_an_onnx_network_lacks(void **state)
{
    (void)state;
    const rg_config_t before = config;
    snprintf(config.evaluation.extractor.file, RG_CONFIG_TEXT, "tests/unit/onnx/fixtures/inception.onnx");
    snprintf(config.evaluation.extractor.features, RG_CONFIG_TEXT, "no_such_value");
    config.evaluation.extractor.size = 33;
    fixture_fails(RG_STAGE_1, RG_EMODEL, "no_such_value");
    snprintf(config.evaluation.extractor.file, RG_CONFIG_TEXT, "%s/none.onnx", fixture_folder);
    fixture_fails(RG_STAGE_1, RG_ENOENT, "none.onnx");
    snprintf(config.evaluation.extractor.file, RG_CONFIG_TEXT, "%s/faces/list_attr_celeba.txt",
             fixture_folder);
    fixture_fails(RG_STAGE_1, RG_EFORMAT, "list_attr_celeba.txt");
    config = before;
    snprintf(config.evaluation.lpips.file, RG_CONFIG_TEXT, "tests/unit/onnx/fixtures/squeeze.onnx");
    config.evaluation.lpips.layers.count = 1;
    snprintf(config.evaluation.lpips.layers.name[0], RG_NAME_SIZE, "fire1");
    snprintf(config.evaluation.lpips.weights, RG_CONFIG_TEXT, "%s/run/stage1.safetensors", fixture_folder);
    fixture_fails(RG_STAGE_1, RG_EMODEL, "lin0.model.1.weight");
    config = before;
}

// The path of the only file in the cache.
static void find_cached(char path[RG_PATH_SIZE])
{
    char name[64], **names;
    size_t count;
    rg_config_path(&config, "features", path);
    assert_ok(rg_list_dir(path, &names, &count));
    assert_int_equal(count, 1);
    snprintf(name, sizeof name, "features/%.40s", names[0]);
    rg_config_path(&config, name, path);
    rg_list_free(&names, count);
}

// Rewrites the file of the cache with positive logits everywhere and a right checksum.
static void cache_positive_logits(const char *path)
{
    rg_safetensors_t *file;
    assert_ok(rg_safetensors_open(&file, path));
    const rg_safetensor_t *rows = rg_safetensors_at(file, 0);
    int width = rows->shape[1];
    char *key = rg_strdup(rg_safetensors_metadata(file, "key"));
    float *other = rg_alloc(rows->count * sizeof *other);
    memcpy(other, rows->data, rows->count * sizeof *other);
    for (size_t i = 0; i < rows->count; i++)
        if (i % (size_t)width >= RG_CLASSIFIER_FEATURES) other[i] = 1;
    rg_real_predictions_t real = {.key = key, .row = other, .n = (uint32_t)rows->shape[0], .width = width};
    snprintf(real.path, sizeof real.path, "%s", path);
    rg_real_predictions_save(&real);
    free(other);
    free(key);
    rg_safetensors_close(&file);
}

static double measure_ceiling(void)
{
    char path[RG_PATH_SIZE];
    fixture_forget_reports(RG_STAGE_1, path);
    json_t *report = fixture_evaluate(RG_STAGE_1);
    double ceiling = report_number(report, "untouched_ceiling_accuracy");
    json_decref(report);
    return ceiling;
}

static void caches_predictions_for_real_images(void **state)
{
    (void)state;
    char path[RG_PATH_SIZE];
    unsigned char *bytes;
    size_t size;
    double computed = measure_ceiling();
    find_cached(path);
    cache_positive_logits(path);
    assert_near(measure_ceiling(), 1 - computed, 1e-6); // the cache was read
    assert_ok(rg_file_read(path, 1 << 20, &bytes, &size));
    bytes[size - 2] ^= 1;
    assert_ok(rg_file_write(path, bytes, size));
    free(bytes);
    assert_near(measure_ceiling(), computed, 0); // a damaged file is not read
    assert_near(measure_ceiling(), computed, 0); // it was written again
}

static void validation_images_are_other_images(void **state)
{
    (void)state;
    json_t *test = fixture_evaluate(RG_STAGE_1);
    config.evaluation.split = RG_EVALUATE_VALIDATION;
    json_t *validation = fixture_evaluate(RG_STAGE_1);
    config.evaluation.split = RG_EVALUATE_TEST;
    assert_string_equal(report_text(validation, "split"), "validation");
    assert_string_not_equal(report_text(validation, "images_hash"), report_text(test, "images_hash"));
    assert_fails(rg_report_comparable(test, validation), RG_EMODEL,
                 "split is \"test\" in one and \"validation\" in the other");
    json_decref(test);
    json_decref(validation);
}

static void an_error_names_what_does_not_fit(void **state)
{
    (void)state;
    const rg_config_t good = config;
    fixture_save_model(RG_STAGE_2, 1);
    config.model.gf = 8;
    fixture_fails(RG_STAGE_1, RG_EMODEL, "another architecture");
    config = good;
    config.evaluation.images = 2;
    fixture_fails(RG_STAGE_1, RG_ENOENT, "at least 4 test images, here are 2 (evaluation.images: 2)");
    config = good;
    config.evaluation.k = FIXTURE_FACES;
    fixture_fails(RG_STAGE_2, RG_ECONFIG, "evaluation.k: 80 images asked of a retrieval set of 64");
    config = good;
    snprintf(config.data.attributes.name[0], RG_NAME_SIZE, "Purple_Hair");
    fixture_fails(RG_STAGE_1, RG_ECONFIG, "Purple_Hair");
    config = good;
    char from[RG_PATH_SIZE], to[RG_PATH_SIZE];
    rg_config_path(&config, "stage2.safetensors", from);
    rg_config_path(&config, "stage3.safetensors", to);
    assert_int_equal(rename(from, to), 0);
    fixture_fails(RG_STAGE_3, RG_EMODEL, "stage3.safetensors: holds stage2, not stage3");
    assert_int_equal(rename(to, from), 0);
}

// It is left out of what is measured, up to data.broken_share.
static void a_broken_image_is_left_out(void **state)
{
    (void)state;
    rg_dataset_t data;
    unsigned char *jpeg;
    size_t size;
    assert_ok(rg_dataset_open(&data, &config));
    uint32_t image = data.index[RG_SPLIT_TEST][1];
    char *path = rg_format("%s/%s", data.folder, data.name[image]);
    assert_ok(rg_file_read(path, 1 << 20, &jpeg, &size));
    assert_ok(rg_file_write(path, jpeg, size / 2));
    char report[RG_PATH_SIZE];
    fixture_forget_reports(RG_STAGE_CLASSIFIER, report);
    config.data.broken_share = 0;
    fixture_fails(RG_STAGE_CLASSIFIER, RG_EFORMAT, data.name[image]);
    config.data.broken_share = 0.01;
    json_t *measured = fixture_evaluate(RG_STAGE_CLASSIFIER);
    assert_int_equal(report_number(measured, "images"), data.n[RG_SPLIT_TEST] - 1);
    assert_int_equal(report_number(measured, "broken_images"), 1);
    json_decref(measured);
    assert_ok(rg_file_write(path, jpeg, size));
    fixture_forget_reports(RG_STAGE_CLASSIFIER, report);
    free(jpeg);
    free(path);
    rg_dataset_close(&data);
}

static void stops_when_asked(void **state)
{
    (void)state;
    fixture_save_model(RG_STAGE_2, 1);
    fixture_save_model(RG_STAGE_3, 1);
    for (enum rg_stage stage = 0; stage < RG_STAGES; stage++) {
        rg_evaluation_progress_t progress = {0};
        atomic_int stop = 1;
        char *report = NULL, path[RG_PATH_SIZE];
        fixture_forget_reports(stage, path);
        assert_fails(rg_evaluate(&config, stage, &progress, &stop, &report), RG_ESTOPPED, "stopped");
        assert_true(atomic_load(&progress.done) <= 3);
        assert_null(report);
        assert_false(rg_exists(path));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_names_the_missing_checkpoint),
        cmocka_unit_test(measures_weights_once),
        cmocka_unit_test(caches_predictions_for_real_images),
        cmocka_unit_test(measures_quickly_on_a_few_images),
        cmocka_unit_test(measures_with_onnx_networks),
        cmocka_unit_test(an_error_names_what_an_onnx_network_lacks),
        cmocka_unit_test(validation_images_are_other_images),
        cmocka_unit_test(an_error_names_what_does_not_fit),
        cmocka_unit_test(a_broken_image_is_left_out),
        cmocka_unit_test(stops_when_asked),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
