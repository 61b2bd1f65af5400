// Whole evaluations on a few procedural faces and untrained networks. The classifier's head is made by hand:
// it says no to everything, so what its numbers must be follows from the labels alone.
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <jansson.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "common/data/image.h"
#include "common/model/layers.h"
#include "common/model/safetensors.h"
#include "services/ctl/faces/faces.h"
#include "services/evaluator/evaluate.h"
#include "services/evaluator/features.h"
#include "tests/support/folder.h"
#include "tests/support/near.h"
#include "tests/support/result.h"

enum { FACES = 80, K = 3, GENERATION = 7 };

static const char *folder;
static rg_config_t config;
static uint64_t fingerprint; // of the faces
static pid_t retrieval;

// ------------------------------------------------------------------ a retrieval service of one black image
static rg_service_t *service;

static void fill_thumbnails(rg_msg_t *reply, uint32_t n)
{
    rg_image_t black;
    uint8_t *jpeg;
    size_t size;
    rg_image_init(&black, config.data.img_size, config.data.img_size);
    assert_ok(rg_jpeg_encode(&black, 90, &jpeg, &size));
    rg_image_fini(&black);
    for (uint32_t i = 0; i < n; i++) {
        char name[12];
        snprintf(name, sizeof name, "%u", i);
        rg_msg_copy(reply, name, RG__V1__DTYPE__U8, 1, (uint32_t[]){(uint32_t)size}, jpeg);
    }
    free(jpeg);
}

static int on_search(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    (void)self;
    const Rg__V1__SearchRequest *asked = rg_msg_body(request);
    uint32_t n = asked->queries * asked->k;
    const uint32_t shape[] = {n, 1, 1, (uint32_t)rg_code_width(&config)};
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_SEARCH_REPLY);
    Rg__V1__SearchReply *body = rg_msg_body(reply);
    body->generation = GENERATION;
    body->n_neighbours = n;
    body->neighbours = (Rg__V1__Neighbour **)rg_msg_array(reply, &rg__v1__neighbour__descriptor, n);
    for (uint32_t i = 0; i < n; i++) rg_msg_bytes(reply, &body->neighbours[i]->id, "0123456789abcdef", 16);
    uint16_t *features = rg_msg_room(reply, "features", RG__V1__DTYPE__F16, 4, shape);
    for (size_t i = 0; i < (size_t)n * shape[3]; i++) features[i] = asked->random ? 0x3c00 : 0xbc00; // 1, -1
    if (asked->thumbnails) fill_thumbnails(reply, n);
    rg_service_reply(service, peer, &reply);
    return 0;
}

static int serve(void)
{
    static const rg_route_t routes[] = {{RG__V1__ENVELOPE__BODY_SEARCH_REQUEST, on_search, RG_ROLE_READER}};
    const rg_service_spec_t spec = {
        .name = "retrieval", .endpoint = config.endpoints.retrieval, .routes = routes, .n_routes = 1};
    const rg_wire_options_t wire = rg_wire_options(&config);
    int err = rg_service_new(&service, &wire, &spec);
    if (!err) err = rg_service_run(service);
    rg_service_destroy(&service);
    return err ? 1 : 0;
}

// ------------------------------------------------------------------ a run directory
static void save(const char *stage, rg_params_t *const *sets, int n, const rg_names_t *attributes)
{
    char path[RG_PATH_SIZE], file[32];
    rg_checkpoint_info_t info = {
        .iteration = 5, .iterations = 10, .fingerprint = fingerprint, .attributes = *attributes};
    snprintf(info.stage, sizeof info.stage, "%s", stage);
    snprintf(file, sizeof file, "%s.safetensors", stage);
    rg_config_path(&config, file, path);
    assert_ok(rg_checkpoint_save(path, &config, sets, n, &info));
}

static void save_classifier(void)
{
    rg_dataset_t data;
    rg_classifier_t net;
    rg_params_t set, *sets[] = {&set};
    assert_ok(rg_dataset_open(&data, &config));
    rg_params_init(&set, "classifier");
    rg_classifier_declare(&net, &set, data.attributes.count);
    rg_params_alloc(&set, 0);
    rg_layers_init(&set, 1);
    rg_param_fill(net.head.weight, 0);
    rg_param_fill(net.head.bias, -1);
    for (int i = 0; i < RG_CLASSIFIER_BLOCKS; i++) rg_param_fill(net.norm[i].gain, 1);
    save("classifier", sets, 1, &data.attributes);
    rg_params_fini(&set);
    rg_dataset_close(&data);
}

static void save_stage(const char *stage, unsigned parts, uint64_t seed)
{
    rg_model_t *model;
    rg_params_t *sets[RG_PARTS];
    rg_config_t seeded = config;
    seeded.seed = seed;
    rg_model_new(&model, &seeded, parts, 0);
    save(stage, sets, rg_model_sets(model, sets), &config.data.attributes);
    rg_model_destroy(&model);
}

static int make_config(void)
{
    char *run = rg_format("run=%s/run", folder), *root = rg_format("data.root=%s/faces", folder);
    const char *const overrides[] = {run,
                                     root,
                                     "data.img_size=32",
                                     "model.gf=4",
                                     "model.n_res=1",
                                     "model.df=4",
                                     "model.d_layers=2",
                                     "model.mlp=8",
                                     "model.embed_dim=6",
                                     "model.k=2",
                                     "evaluation.batch=3",
                                     "evaluation.k=3",
                                     "threads=1"};
    int err = rg_config_load(&config, NULL, overrides, sizeof overrides / sizeof *overrides);
    free(run);
    free(root);
    return err;
}

static int set_up(void **state)
{
    if (folder_make(state)) return -1;
    folder = *state;
    char *faces = rg_format("%s/faces", folder);
    const rg_faces_spec_t spec = {.folder = faces, .count = FACES, .seed = 1};
    if (make_config() || rg_mkdirs(config.run)) return -1;
    retrieval = fork(); // before there are threads
    if (retrieval == 0) _exit(serve());
    rg_dataset_t data;
    int err = rg_faces_make(&spec);
    if (!err) err = rg_dataset_open(&data, &config);
    free(faces);
    if (err) return err;
    fingerprint = data.fingerprint;
    rg_dataset_close(&data);
    return 0;
}

static int tear_down(void **state)
{
    int status = -1;
    kill(retrieval, SIGTERM);
    waitpid(retrieval, &status, 0);
    return folder_remove(state) || status;
}

static json_t *evaluate(enum rg_stage stage)
{
    rg_evaluation_progress_t progress = {0};
    atomic_int stop = 0;
    char *text = NULL;
    assert_ok(rg_evaluate(&config, stage, &progress, &stop, &text));
    json_t *report = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(report);
    free(text);
    return report;
}

static double number(const json_t *report, const char *key)
{
    const json_t *value = json_object_get(report, key);
    if (!json_is_number(value)) fail_msg("no number %s", key);
    return json_number_value(value);
}

static double rate(const json_t *report, const char *key)
{
    double value = number(report, key);
    if (value < 0 || value > 1) fail_msg("%s is %g", key, value);
    return value;
}

static const char *text(const json_t *report, const char *key)
{
    const char *value = json_string_value(json_object_get(report, key));
    if (!value) fail_msg("no text %s", key);
    return value;
}

static void leaves_a_picture(const char *stage)
{
    char name[64], path[RG_PATH_SIZE];
    snprintf(name, sizeof name, "samples/eval-%s.png", stage);
    rg_config_path(&config, name, path);
    assert_true(rg_exists(path));
}

// ------------------------------------------------------------------ tests
// Fraction of the test labels that are 0.
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
    save_classifier();
    json_t *report = evaluate(RG_STAGE_CLASSIFIER);
    assert_near(number(report, "accuracy_all"), share_of_zeros(0), 1e-5);
    assert_near(number(report, "accuracy_edited"), share_of_zeros(1), 1e-5);
    rate(report, "accuracy.Eyeglasses");
    assert_string_equal(text(report, "split"), "test");
    assert_int_equal(number(report, "images"), FACES / 10);
    assert_int_equal(number(report, "iteration"), 5);
    assert_int_equal(number(report, "img_size"), 32);
    assert_memory_equal(text(report, "extractor"), "builtin-classifier-", 19);
    assert_int_equal(strlen(text(report, "extractor")), 19 + 16);
    json_decref(report);
}

static void check_translation(const json_t *report, const char *const *modes, int n)
{
    for (int m = 0; m < n; m++) {
        static const char *const forms[] = {"wanted_accuracy_%s", "untouched_accuracy_%s", "frechet_%s"};
        char key[64];
        for (int f = 0; f < 3; f++) {
            snprintf(key, sizeof key, forms[f], modes[m]);
            f < 2 ? rate(report, key) : number(report, key);
        }
    }
    // it says no to everything: to a translation, to its source and to a real image alike
    double no = number(report, "untranslated_baseline");
    assert_near(number(report, "wanted_accuracy_latent"), no, 1e-9);
    assert_near(number(report, "wanted_accuracy_reference"), no, 1e-9);
    assert_near(number(report, "ceiling_accuracy"), no, 1e-9);
    assert_near(number(report, "untouched_accuracy_latent"), number(report, "untouched_ceiling_accuracy"),
                1e-9);
    assert_true(number(report, "reconstruction_l1_255") > 1);
    assert_true(number(report, "frechet_latent") > number(report, "frechet_floor"));
    assert_int_equal(number(report, "images_reference"), FACES / 10);
    assert_int_equal(number(report, "images_bounds"), FACES / 20);
}

static void measures_stage1(void **state)
{
    (void)state;
    static const char *const modes[] = {"latent", "reference"};
    save_stage("stage1", RG_STAGE1_PARTS, 1);
    json_t *report = evaluate(RG_STAGE_1);
    check_translation(report, modes, 2);
    assert_null(json_object_get(report, "frechet_latent_random"));
    leaves_a_picture("stage1");
    json_decref(report);
}

// Writes a number of its own into the line of the history that this report is.
static void mark(json_t *report, double value)
{
    char path[RG_PATH_SIZE];
    rg_config_path(&config, "evaluations.jsonl", path);
    json_object_set_new(report, "frechet_latent", json_real(value));
    assert_int_equal(json_dump_file(report, path, JSON_COMPACT), 0);
}

static void measures_weights_once(void **state)
{
    (void)state;
    json_t *first = evaluate(RG_STAGE_1);
    mark(first, 123);
    save_stage("stage1", RG_STAGE1_PARTS, 2);
    json_t *other = evaluate(RG_STAGE_1);
    assert_true(number(other, "frechet_latent") != 123);
    assert_string_not_equal(text(other, "weights"), text(first, "weights"));
    save_stage("stage1", RG_STAGE1_PARTS, 1);
    json_t *again = evaluate(RG_STAGE_1), *reported;
    assert_near(number(again, "frechet_latent"), 123, 0); // as it was found
    char path[RG_PATH_SIZE];
    rg_config_path(&config, "reports/stage1.json", path);
    reported = json_load_file(path, 0, NULL);
    assert_true(json_equal(reported, again));
    json_decref(first);
    json_decref(other);
    json_decref(again);
    json_decref(reported);
}

static int lines_of_history(json_t **last)
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
    int n = lines_of_history(&before);
    config.evaluation.follow = 5;
    assert_ok(rg_evaluate_quickly(&config, RG_STAGE_1, &progress, &stop));
    assert_int_equal(lines_of_history(&after), n + 1);
    assert_int_equal(number(after, "images"), 5);
    assert_int_equal(number(after, "sources"), 1);
    assert_true(number(after, "time") > 0);
    assert_fails(rg_report_comparable(before, after), RG_EMODEL, "images is 8 in one and 5 in the other");
    assert_ok(rg_evaluate_quickly(&config, RG_STAGE_1, &progress, &stop));
    assert_int_equal(lines_of_history(&once), n + 1); // the same weights, the same protocol
    rg_config_path(&config, "reports/stage1.json", path);
    reported = json_load_file(path, 0, NULL);
    assert_int_equal(number(reported, "images"), 8);
    config.evaluation.follow = 0;
    json_t *const all[] = {before, after, once, reported};
    for (int i = 0; i < 4; i++) json_decref(all[i]);
}

// An extractor that tells classes, and maps to compare: other distances, the same accuracies, an inception
// score between 1 and the classes there are.
static void measures_with_networks_of_the_users(void **state)
{
    (void)state;
    const rg_config_t before = config;
    json_t *builtin = evaluate(RG_STAGE_1);
    snprintf(config.evaluation.extractor.file, RG_CONFIG_TEXT, "tests/unit/onnx/fixtures/inception.onnx");
    snprintf(config.evaluation.extractor.features, RG_CONFIG_TEXT, "pooled");
    snprintf(config.evaluation.extractor.classes, RG_CONFIG_TEXT, "y");
    config.evaluation.extractor.size = 33;
    snprintf(config.evaluation.lpips.file, RG_CONFIG_TEXT, "tests/unit/onnx/fixtures/squeeze.onnx");
    config.evaluation.lpips.layers.count = 1;
    snprintf(config.evaluation.lpips.layers.name[0], RG_NAME_SIZE, "fire1");
    json_t *report = evaluate(RG_STAGE_1), *again = evaluate(RG_STAGE_1);
    assert_true(json_equal(report, again));
    assert_memory_equal(text(report, "extractor"), "onnx-", strlen("onnx-"));
    assert_non_null(strstr(text(report, "extractor"), " size=33 pixels=imagenet features=pooled classes=y"));
    assert_string_equal(text(report, "judge"), text(builtin, "extractor"));
    assert_non_null(strstr(text(report, "lpips"), "layers=1 unweighted="));
    assert_near(number(report, "wanted_accuracy_latent"), number(builtin, "wanted_accuracy_latent"), 0);
    assert_true(number(report, "frechet_latent") != number(builtin, "frechet_latent"));
    assert_true(number(report, "inception_score_latent") >= 1 &&
                number(report, "inception_score_latent") < 100);
    assert_true(number(report, "inception_score_ceiling") >= 1);
    assert_true(number(report, "lpips_real") > number(report, "lpips_latent"));
    assert_true(number(report, "lpips_latent") > 0);
    assert_int_equal(rg_report_comparable(report, builtin), RG_EMODEL);
    json_decref(builtin);
    json_decref(report);
    json_decref(again);
    config = before;
}

static void does_not_depend_on_the_batch(void **state)
{
    (void)state;
    json_t *small = evaluate(RG_STAGE_1);
    config.evaluation.batch = 8;
    json_t *large = evaluate(RG_STAGE_1);
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

// Removes a stage's report and the run's history, so that it is measured again.
static void forget(const char *stage, char path[RG_PATH_SIZE])
{
    char name[64];
    rg_config_path(&config, "evaluations.jsonl", path);
    unlink(path);
    snprintf(name, sizeof name, "reports/%s.json", stage);
    rg_config_path(&config, name, path);
    unlink(path);
}

// The one file of what the extractor said of the real images.
static void find_kept(char path[RG_PATH_SIZE])
{
    char name[64], **names;
    size_t count;
    rg_config_path(&config, "features", path);
    assert_ok(rg_list_dir(path, &names, &count));
    assert_int_equal(count, 1); // of all evaluations so far
    snprintf(name, sizeof name, "features/%.40s", names[0]);
    rg_config_path(&config, name, path);
    rg_names_free(&names, count);
}

// Writes it anew, whole, with logits that say yes to everything.
static void keep_another_opinion(const char *path)
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
    const rg_feature_matrix_t matrix = {other, (uint32_t)rows->shape[0], width};
    assert_ok(rg_feature_cache_write(path, key, &matrix));
    free(other);
    free(key);
    rg_safetensors_close(&file);
}

static double ceiling_again(void)
{
    char path[RG_PATH_SIZE];
    forget("stage1", path);
    json_t *report = evaluate(RG_STAGE_1);
    double ceiling = number(report, "untouched_ceiling_accuracy");
    json_decref(report);
    return ceiling;
}

static void keeps_what_real_images_are_like(void **state)
{
    (void)state;
    char path[RG_PATH_SIZE];
    unsigned char *bytes;
    size_t size;
    double worked_out = ceiling_again();
    find_kept(path);
    keep_another_opinion(path);
    assert_near(ceiling_again(), 1 - worked_out, 1e-6); // it was read
    assert_ok(rg_file_read(path, 1 << 20, &bytes, &size));
    bytes[size - 2] ^= 1;
    assert_ok(rg_file_write(path, bytes, size));
    free(bytes);
    assert_near(ceiling_again(), worked_out, 0); // it was not trusted
    assert_near(ceiling_again(), worked_out, 0); // and is whole again
}

// A mask that is shut makes every translation a copy of its source.
static void translates_with_attention(void **state)
{
    (void)state;
    rg_model_t *model;
    rg_params_t *sets[RG_PARTS];
    config.model.attention = 1;
    rg_model_new(&model, &config, RG_STAGE1_PARTS, 0);
    rg_param_fill(model->generator.mask.weight, 0);
    rg_param_fill(model->generator.mask.bias, -100);
    save("stage1", sets, rg_model_sets(model, sets), &config.data.attributes);
    rg_model_destroy(&model);
    json_t *report = evaluate(RG_STAGE_1);
    assert_near(number(report, "reconstruction_l1_255"), 0, 1e-9);
    assert_near(number(report, "frechet_latent"), 0, 1e-3);
    assert_near(number(report, "frechet_reference"), 0, 1e-3);
    assert_true(number(report, "frechet_floor") > 1e-3);
    json_decref(report);
    config.model.attention = 0;
    save_stage("stage1", RG_STAGE1_PARTS, 2);
}

static void measures_stage2(void **state)
{
    (void)state;
    static const char *const rows[] = {"trained", "untrained", "code_only", "random"};
    static const char *const columns[] = {"attributes", "content", "average", "strict"};
    save_stage("stage2", RG_STAGE2_PARTS, 1);
    json_t *report = evaluate(RG_STAGE_2);
    for (int r = 0; r < 4; r++) {
        double value[4];
        for (int c = 0; c < 4; c++) {
            char key[64];
            snprintf(key, sizeof key, "p%d.%s.%s", K, rows[r], columns[c]);
            value[c] = rate(report, key);
        }
        assert_near(value[2], (value[0] + value[1]) / 2, 1e-4);
        assert_true(value[3] <= value[0]);
    }
    // these weights are the untrained ones
    assert_near(number(report, "p3.trained.attributes"), number(report, "p3.untrained.attributes"), 0);
    assert_int_equal(number(report, "retrieval_images"), FACES * 8 / 10);
    assert_true(rate(report, "p3.trained.found") > 0 && rate(report, "p3.random.found") > 0);
    leaves_a_picture("stage2");
    json_decref(report);
}

static void measures_stage3(void **state)
{
    (void)state;
    static const char *const modes[] = {"latent", "reference", "latent_random", "reference_random"};
    save_stage("stage3", RG_STAGE3_PARTS, 1);
    json_t *report = evaluate(RG_STAGE_3);
    check_translation(report, modes, 4);
    assert_int_equal(number(report, "set_generation"), GENERATION);
    assert_true(number(report, "pixel_change_255_latent_random") >
                0); // the service's random images are other ones
    assert_true(number(report, "pixel_change_255_reference_random") > 0);
    leaves_a_picture("stage3");
    json_decref(report);
}

// More pictures guide a grid then than a message can bring.
static void shows_as_many_neighbours_as_there_may_be(void **state)
{
    (void)state;
    int k = config.model.k;
    config.model.k = 64;
    save_stage("stage3", RG_STAGE3_PARTS, 2);
    json_t *report = evaluate(RG_STAGE_3);
    leaves_a_picture("stage3");
    json_decref(report);
    config.model.k = k;
    save_stage("stage3", RG_STAGE3_PARTS, 1);
}

// GMM-UNIT continued: no retrieval net, no fusion, and no service that is asked.
static void measures_stage3_without_neighbours(void **state)
{
    (void)state;
    static const char *const modes[] = {"latent", "reference"};
    config.retrieval.neighbours = RG_NEIGHBOURS_NONE;
    save_stage("stage3", rg_stage_parts(RG_STAGE_3, &config), 1);
    json_t *report = evaluate(RG_STAGE_3);
    check_translation(report, modes, 2);
    assert_null(json_object_get(report, "frechet_latent_random"));
    assert_null(json_object_get(report, "set_generation"));
    json_decref(report);
    config.retrieval.neighbours = RG_NEIGHBOURS_RETRIEVED;
    save_stage("stage3", RG_STAGE3_PARTS, 1);
}

static void settings_are_chosen_on_other_images(void **state)
{
    (void)state;
    json_t *test = evaluate(RG_STAGE_1);
    config.evaluation.split = RG_EVALUATE_VALIDATION;
    json_t *validation = evaluate(RG_STAGE_1);
    config.evaluation.split = RG_EVALUATE_TEST;
    assert_string_equal(text(validation, "split"), "validation");
    assert_string_not_equal(text(validation, "images_hash"), text(test, "images_hash"));
    assert_fails(rg_report_comparable(test, validation), RG_EMODEL,
                 "split is \"test\" in one and \"validation\" in the other");
    json_decref(test);
    json_decref(validation);
}

static void refuses(enum rg_stage stage, int err, const char *part)
{
    rg_evaluation_progress_t progress = {0};
    atomic_int stop = 0;
    char *report = NULL;
    assert_fails(rg_evaluate(&config, stage, &progress, &stop, &report), err, part);
    assert_null(report);
}

static void says_which_checkpoint_is_missing(void **state)
{
    (void)state;
    refuses(RG_STAGE_CLASSIFIER, RG_ENOENT,
            "classifier.safetensors: no such checkpoint; rg-ctl train --stage classifier makes it");
    refuses(RG_STAGE_1, RG_ENOENT, "stage1.safetensors: no such checkpoint; rg-ctl train --stage 1 makes it");
    save_stage("stage1", RG_STAGE1_PARTS, 1);
    refuses(RG_STAGE_1, RG_ENOENT, "classifier.safetensors: no such checkpoint");
}

static void names_what_a_network_lacks(void **state)
{
    (void)state;
    const rg_config_t before = config;
    snprintf(config.evaluation.extractor.file, RG_CONFIG_TEXT, "tests/unit/onnx/fixtures/inception.onnx");
    snprintf(config.evaluation.extractor.features, RG_CONFIG_TEXT, "no_such_value");
    config.evaluation.extractor.size = 33;
    refuses(RG_STAGE_1, RG_EMODEL, "no_such_value");
    snprintf(config.evaluation.extractor.file, RG_CONFIG_TEXT, "%s/none.onnx", folder);
    refuses(RG_STAGE_1, RG_ENOENT, "none.onnx");
    snprintf(config.evaluation.extractor.file, RG_CONFIG_TEXT, "%s/faces/list_attr_celeba.txt", folder);
    refuses(RG_STAGE_1, RG_EFORMAT, "list_attr_celeba.txt");
    config = before;
    snprintf(config.evaluation.lpips.file, RG_CONFIG_TEXT, "tests/unit/onnx/fixtures/squeeze.onnx");
    config.evaluation.lpips.layers.count = 1;
    snprintf(config.evaluation.lpips.layers.name[0], RG_NAME_SIZE, "fire1");
    snprintf(config.evaluation.lpips.weights, RG_CONFIG_TEXT, "%s/run/stage1.safetensors", folder);
    refuses(RG_STAGE_1, RG_EMODEL, "lin0.model.1.weight");
    config = before;
}

static void refuses_what_does_not_fit(void **state)
{
    (void)state;
    const rg_config_t good = config;
    config.model.gf = 8;
    refuses(RG_STAGE_1, RG_EMODEL, "another architecture");
    config = good;
    config.evaluation.images = 2;
    refuses(RG_STAGE_1, RG_ENOENT, "at least 4 test images, here are 2 (evaluation.images: 2)");
    config = good;
    config.evaluation.k = FACES;
    refuses(RG_STAGE_2, RG_ECONFIG, "evaluation.k: 80 images asked of a retrieval set of 64");
    config = good;
    snprintf(config.data.attributes.name[0], RG_NAME_SIZE, "Purple_Hair");
    refuses(RG_STAGE_1, RG_ECONFIG, "Purple_Hair");
    config = good;
    char from[RG_PATH_SIZE], to[RG_PATH_SIZE];
    rg_config_path(&config, "stage2.safetensors", from);
    rg_config_path(&config, "stage3.safetensors", to);
    assert_int_equal(rename(from, to), 0);
    refuses(RG_STAGE_3, RG_EMODEL, "stage3.safetensors: holds stage2, not stage3");
    assert_int_equal(rename(to, from), 0);
}

static void names_a_broken_image(void **state)
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
    forget("classifier", report);
    refuses(RG_STAGE_CLASSIFIER, RG_EFORMAT, data.name[image]);
    assert_ok(rg_file_write(path, jpeg, size));
    free(jpeg);
    free(path);
    rg_dataset_close(&data);
}

static void ends_early(void **state)
{
    (void)state;
    for (enum rg_stage stage = 0; stage < RG_STAGES; stage++) {
        rg_evaluation_progress_t progress = {0};
        atomic_int stop = 1;
        char *report = NULL, path[RG_PATH_SIZE];
        forget(rg_stage_name(stage), path);
        assert_fails(rg_evaluate(&config, stage, &progress, &stop, &report), RG_ESTOPPED, "stopped");
        assert_true(atomic_load(&progress.done) <= 3);
        assert_null(report);
        assert_false(rg_exists(path));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_which_checkpoint_is_missing),
        cmocka_unit_test(measures_the_classifier),
        cmocka_unit_test(measures_stage1),
        cmocka_unit_test(measures_weights_once),
        cmocka_unit_test(keeps_what_real_images_are_like),
        cmocka_unit_test(measures_quickly_on_a_few_images),
        cmocka_unit_test(measures_with_networks_of_the_users),
        cmocka_unit_test(names_what_a_network_lacks),
        cmocka_unit_test(does_not_depend_on_the_batch),
        cmocka_unit_test(translates_with_attention),
        cmocka_unit_test(measures_stage2),
        cmocka_unit_test(refuses_what_does_not_fit),
        cmocka_unit_test(names_a_broken_image),
        cmocka_unit_test(measures_stage3),
        cmocka_unit_test(shows_as_many_neighbours_as_there_may_be),
        cmocka_unit_test(measures_stage3_without_neighbours),
        cmocka_unit_test(settings_are_chosen_on_other_images),
        cmocka_unit_test(ends_early),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
