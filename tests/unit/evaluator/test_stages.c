// The numbers of each stage, on untrained networks.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/data/dataset.h"
#include "tests/support/onnx_builder.h"
#include "tests/support/test.h"
#include "tests/unit/evaluator/evaluation_fixture.h"

// The fraction of the test labels that are 0: the accuracy of the classifier.
static double share_of_zeros(int edited_only)
{
    rg_dataset_t data;
    int columns[RG_ATTRIBUTES_MAX], zeros = 0, n = 0;
    assert_ok(rg_dataset_open(&data, &config));
    assert_ok(rg_dataset_columns(&data, &config.data, columns));
    for (uint32_t i = 0; i < data.n[RG_SPLIT_TEST]; i++)
        for (int c = 0; c < (edited_only ? config.data.attributes.count : data.attributes.count); c++, n++) {
            size_t row = data.index[RG_SPLIT_TEST][i] * (size_t)data.attributes.count;
            zeros += data.labels[row + (size_t)(edited_only ? columns[c] : c)] == 0;
        }
    rg_dataset_close(&data);
    return (double)zeros / n;
}

static void measures_the_classifier(void **state)
{
    (void)state;
    fixture_save_classifier();
    json_t *report = fixture_evaluate(RG_STAGE_CLASSIFIER);
    assert_near(report_number(report, "accuracy_all"), share_of_zeros(0), 1e-5);
    assert_near(report_number(report, "accuracy_edited"), share_of_zeros(1), 1e-5);
    report_rate(report, "accuracy.Eyeglasses");
    assert_string_equal(report_text(report, "split"), "test");
    assert_int_equal(report_number(report, "images"), FIXTURE_FACES / 10);
    assert_int_equal(report_number(report, "iteration"), 5);
    assert_int_equal(report_number(report, "img_size"), 32);
    assert_memory_equal(report_text(report, "extractor"), "builtin-classifier-", 19);
    assert_int_equal(strlen(report_text(report, "extractor")), 19 + 16);
    json_decref(report);
}

// A quarter of the annotation is for the networks.
static void says_which_images_the_judge_learned_from(void **state)
{
    (void)state;
    static const char *const images[] = {"the 16 training images whose annotation the networks learn",
                                         "48 training images, none of the 16 whose annotation the networks "
                                         "learn"};
    const rg_config_t whole = config;
    config.data.annotated = 0.25;
    json_t *report = fixture_evaluate(RG_STAGE_CLASSIFIER);
    assert_string_equal(report_text(report, "judge_images"),
                        "all 64 training images, with the 16 whose annotation the networks learn");
    json_decref(report);
    for (int others = 0; others < 2; others++) {
        config.classifier_images = others;
        fixture_save_classifier();
        report = fixture_evaluate(RG_STAGE_CLASSIFIER);
        assert_string_equal(report_text(report, "judge_images"), images[others]);
        json_decref(report);
    }
    config.classifier_images = RG_CLASSIFIER_ANNOTATED;
    fixture_fails(RG_STAGE_CLASSIFIER, RG_EMODEL, "was trained with classifier.images: others; set it so");
    config = whole;
    fixture_save_classifier();
}

// Exemplars are real images, whatever the generator makes: nearer to the real ones than the translations of an
// untrained one. They are other faces.
static void check_exemplars(const json_t *report)
{
    double distance = report_number(report, "frechet_exemplar");
    assert_true(distance > 0 && distance < report_number(report, "frechet_latent"));
    assert_near(report_number(report, "wanted_accuracy_exemplar"), report_number(report, "ceiling_accuracy"),
                1e-9);
    assert_true(report_number(report, "identity_exemplar") < 1);
}

static void check_translation(const json_t *report, const char *const *modes, int n)
{
    for (int m = 0; m < n; m++) {
        static const char *const forms[] = {"wanted_accuracy_%s", "untouched_accuracy_%s", "frechet_%s"};
        char key[64];
        for (int f = 0; f < 3; f++) {
            snprintf(key, sizeof key, forms[f], modes[m]);
            f < 2 ? report_rate(report, key) : report_number(report, key);
        }
    }
    for (int m = 0; m < n; m++) {
        char key[64];
        snprintf(key, sizeof key, "identity_%s", modes[m]);
        assert_true(fabs(report_number(report, key)) < 1);
    }
    // the classifier predicts the same for a translation, for its source and for a real image
    double baseline = report_number(report, "untranslated_baseline");
    assert_near(report_number(report, "wanted_accuracy_latent"), baseline, 1e-9);
    assert_near(report_number(report, "wanted_accuracy_reference"), baseline, 1e-9);
    assert_near(report_number(report, "ceiling_accuracy"), baseline, 1e-9);
    assert_near(report_number(report, "untouched_accuracy_latent"),
                report_number(report, "untouched_ceiling_accuracy"), 1e-9);
    assert_true(report_number(report, "reconstruction_l1_255") > 1);
    assert_true(report_number(report, "frechet_latent") > report_number(report, "frechet_floor"));
    assert_int_equal(report_number(report, "images_reference"), FIXTURE_FACES / 10);
    check_exemplars(report);
    assert_int_equal(report_number(report, "images_bounds"), FIXTURE_FACES / 20);
}

static void measures_stage1(void **state)
{
    (void)state;
    static const char *const modes[] = {"latent", "reference"};
    fixture_save_model(RG_STAGE_1, 1);
    json_t *report = fixture_evaluate(RG_STAGE_1);
    check_translation(report, modes, 2);
    assert_null(json_object_get(report, "frechet_latent_random"));
    assert_true(fixture_has_samples(RG_STAGE_1));
    json_decref(report);
}

// With model.detail and a G that gives the same grey image always, every translation is a copy of its source.
static void translates_with_detail(void **state)
{
    (void)state;
    rg_model_t *model;
    rg_params_t *sets[RG_PARTS];
    config.model.detail = 1;
    rg_model_new(&model, &config, RG_STAGE1_PARTS, 0);
    rg_param_fill(model->generator.out.weight, 0);
    fixture_save(RG_STAGE_1, sets, rg_model_sets(model, sets), &config.data.attributes);
    rg_model_destroy(&model);
    json_t *report = fixture_evaluate(RG_STAGE_1);
    assert_true(report_number(report, "reconstruction_l1_255") > 1); // G alone rebuilds nothing
    assert_near(report_number(report, "frechet_latent"), 0, 1e-3);
    assert_near(report_number(report, "frechet_reference"), 0, 1e-3);
    assert_true(report_number(report, "frechet_floor") > 1e-3);
    assert_near(report_number(report, "identity_latent"), 1, 1e-4);
    assert_near(report_number(report, "identity_latent.not_Male"), 1, 1e-4);
    assert_near(report_number(report, "identity_reference"), 1, 1e-4);
    assert_true(report_number(report, "identity_reconstruction") < .9);
    assert_true(report_number(report, "identity_real") < 0.999);
    json_decref(report);
    // with two annotated images, some targets have no reference: the others are compared with their own sources
    config.data.annotated = 0.03;
    report = fixture_evaluate(RG_STAGE_1);
    assert_in_range((int)report_number(report, "images_reference"), 1, FIXTURE_FACES / 10 - 1);
    assert_near(report_number(report, "identity_reference"), 1, 1e-4);
    json_decref(report);
    config.data.annotated = 1;
    config.model.detail = 0;
    fixture_save_model(RG_STAGE_1, 2);
}

static void does_not_depend_on_the_batch(void **state)
{
    (void)state;
    json_t *small = fixture_evaluate(RG_STAGE_1);
    config.evaluation.batch = 8;
    json_t *large = fixture_evaluate(RG_STAGE_1);
    config.evaluation.batch = 3;
    const char *key;
    json_t *value;
    json_object_foreach(small, key, value)
    {
        double a = json_number_value(value), b = json_number_value(json_object_get(large, key));
        if (json_is_real(value)) assert_near(a, b, 1e-4 * (a + 1));
    }
    json_decref(small);
    json_decref(large);
}

static void measures_stage2(void **state)
{
    (void)state;
    static const char *const rows[] = {"trained", "untrained", "code_only", "random"};
    static const char *const columns[] = {"attributes", "content", "average", "strict"};
    fixture_save_model(RG_STAGE_2, 1);
    json_t *report = fixture_evaluate(RG_STAGE_2);
    for (int r = 0; r < 4; r++) {
        double value[4];
        for (int c = 0; c < 4; c++) {
            char key[64];
            snprintf(key, sizeof key, "p%d.%s.%s", FIXTURE_K, rows[r], columns[c]);
            value[c] = report_rate(report, key);
        }
        assert_near(value[2], (value[0] + value[1]) / 2, 1e-4);
        assert_true(value[3] <= value[0]);
    }
    // the seed of these weights is that of the untrained net
    assert_near(report_number(report, "p3.trained.attributes"),
                report_number(report, "p3.untrained.attributes"), 0);
    assert_int_equal(report_number(report, "retrieval_images"), FIXTURE_FACES * 8 / 10);
    assert_true(report_rate(report, "p3.trained.found") > 0 && report_rate(report, "p3.random.found") > 0);
    assert_true(fixture_has_samples(RG_STAGE_2));
    json_decref(report);
}

static void measures_stage3(void **state)
{
    (void)state;
    static const char *const modes[] = {"latent", "reference", "latent_random", "reference_random"};
    fixture_save_model(RG_STAGE_3, 1);
    json_t *report = fixture_evaluate(RG_STAGE_3);
    check_translation(report, modes, 4);
    assert_int_equal(report_number(report, "set_generation"), FIXTURE_GENERATION);
    // the features of random neighbours differ
    assert_true(report_number(report, "pixel_change_255_latent_random") > 0);
    assert_true(report_number(report, "pixel_change_255_reference_random") > 0);
    assert_true(fixture_has_samples(RG_STAGE_3));
    json_decref(report);
}

// With 64 neighbours per row a sample grid needs more thumbnails than one reply can carry.
static void shows_the_most_neighbours(void **state)
{
    (void)state;
    int k = config.model.k;
    config.model.k = 64;
    fixture_save_model(RG_STAGE_3, 2);
    json_t *report = fixture_evaluate(RG_STAGE_3);
    assert_true(fixture_has_samples(RG_STAGE_3));
    json_decref(report);
    config.model.k = k;
    fixture_save_model(RG_STAGE_3, 1);
}

// Stage 3 then has the networks of stage 1 and asks no service.
static void measures_stage3_without_neighbours(void **state)
{
    (void)state;
    static const char *const modes[] = {"latent", "reference"};
    config.retrieval.neighbours = RG_NEIGHBOURS_NONE;
    fixture_save_model(RG_STAGE_3, 1);
    json_t *report = fixture_evaluate(RG_STAGE_3);
    check_translation(report, modes, 2);
    assert_null(json_object_get(report, "frechet_latent_random"));
    assert_null(json_object_get(report, "set_generation"));
    json_decref(report);
    config.retrieval.neighbours = RG_NEIGHBOURS_RETRIEVED;
    fixture_save_model(RG_STAGE_3, 1);
}

// Measures identity with a network whose embedding of a face is the mean colour.
static int set_up(void **state)
{
    static builder_t builder;
    if (fixture_set_up(state)) return -1;
    rg_identity_config_t *identity = &config.evaluation.identity;
    snprintf(identity->file, sizeof identity->file, "%s/identity.onnx", fixture_folder);
    snprintf(identity->features, sizeof identity->features, "mean");
    builder_init(&builder, 13);
    builder_node(&builder, "GlobalAveragePool", "x", "mean");
    return builder_write(&builder, identity->file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_the_classifier),
        cmocka_unit_test(says_which_images_the_judge_learned_from),
        cmocka_unit_test(measures_stage1),
        cmocka_unit_test(does_not_depend_on_the_batch),
        cmocka_unit_test(translates_with_detail),
        cmocka_unit_test(measures_stage2),
        cmocka_unit_test(measures_stage3),
        cmocka_unit_test(shows_the_most_neighbours),
        cmocka_unit_test(measures_stage3_without_neighbours),
    };
    return cmocka_run_group_tests(tests, set_up, fixture_tear_down);
}
