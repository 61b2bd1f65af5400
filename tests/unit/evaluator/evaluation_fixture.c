#include "tests/unit/evaluator/evaluation_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "common/data/image.h"
#include "common/model/layers.h"
#include "services/ctl/faces/faces.h"
#include "tests/support/test.h"

rg_config_t config;
const char *fixture_folder;

static uint64_t fingerprint; // of the faces

// ---- a retrieval service whose set is one black image

static pid_t retrieval;
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

// Features are -1, or 1 for a random search.
static int on_search(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    (void)self;
    const Rg__V1__SearchRequest *asked = rg_msg_body(request);
    uint32_t n = asked->queries * asked->k;
    const uint32_t shape[] = {n, 1, 1, (uint32_t)rg_code_width(&config)};
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_SEARCH_REPLY);
    Rg__V1__SearchReply *body = rg_msg_body(reply);
    body->generation = FIXTURE_GENERATION;
    body->n_neighbours = n;
    body->neighbours = (Rg__V1__Neighbour **)rg_msg_array(reply, &rg__v1__neighbour__descriptor, n);
    for (uint32_t i = 0; i < n; i++) rg_msg_bytes(reply, &body->neighbours[i]->id, "0123456789abcdef", 16);
    uint16_t *features = rg_msg_reserve(reply, "features", RG__V1__DTYPE__F16, 4, shape);
    for (size_t i = 0; i < (size_t)n * shape[3]; i++) features[i] = asked->random ? 0x3c00 : 0xbc00;
    if (asked->thumbnails) fill_thumbnails(reply, n);
    rg_service_reply(service, peer, &reply);
    return 0;
}

static int serve_retrieval(void)
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

// ---- checkpoints

void fixture_save(enum rg_stage stage, rg_params_t *const *sets, int n, const rg_names_t *attributes)
{
    char path[RG_PATH_SIZE];
    rg_checkpoint_info_t info = {
        .iteration = 5, .iterations = 10, .fingerprint = fingerprint, .attributes = *attributes};
    if (stage == RG_STAGE_CLASSIFIER) info.others = (uint64_t)config.classifier_images;
    snprintf(info.stage, sizeof info.stage, "%s", rg_stage_name(stage));
    rg_stage_checkpoint(stage, &config, path);
    assert_ok(rg_checkpoint_save(path, &config, sets, n, &info));
}

void fixture_save_classifier(void)
{
    rg_dataset_t data;
    rg_classifier_t net;
    rg_params_t set, *sets[] = {&set};
    assert_ok(rg_dataset_open(&data, &config));
    fingerprint = data.fingerprint;
    rg_params_init(&set, "classifier");
    rg_classifier_declare(&net, &set, data.attributes.count);
    rg_params_alloc(&set, 0);
    rg_layers_init(&set, 1);
    rg_param_fill(net.head.weight, 0);
    rg_param_fill(net.head.bias, -1);
    for (int i = 0; i < RG_CLASSIFIER_BLOCKS; i++) rg_param_fill(net.norm[i].gain, 1);
    fixture_save(RG_STAGE_CLASSIFIER, sets, 1, &data.attributes);
    rg_params_fini(&set);
    rg_dataset_close(&data);
}

void fixture_save_model(enum rg_stage stage, uint64_t seed)
{
    rg_model_t *model;
    rg_params_t *sets[RG_PARTS];
    rg_config_t seeded = config;
    seeded.seed = seed;
    rg_model_new(&model, &seeded, rg_stage_parts(stage, &config), 0);
    fixture_save(stage, sets, rg_model_sets(model, sets), &config.data.attributes);
    rg_model_destroy(&model);
}

// ---- the run directory

static int load_config(void)
{
    char *run = rg_format("run=%s/run", fixture_folder),
         *root = rg_format("data.root=%s/faces", fixture_folder);
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

int fixture_set_up(void **state)
{
    if (folder_make(state)) return -1;
    fixture_folder = *state;
    char *faces = rg_format("%s/faces", fixture_folder);
    const rg_faces_spec_t spec = {.folder = faces, .count = FIXTURE_FACES, .seed = 1};
    if (load_config() || rg_mkdirs(config.run)) return -1;
    retrieval = fork(); // before there are threads
    if (retrieval == 0) _exit(serve_retrieval());
    rg_dataset_t data;
    int err = rg_faces_make(&spec);
    if (!err) err = rg_dataset_open(&data, &config);
    free(faces);
    if (err) return err;
    fingerprint = data.fingerprint;
    rg_dataset_close(&data);
    return 0;
}

int fixture_tear_down(void **state)
{
    int status = -1;
    kill(retrieval, SIGTERM);
    waitpid(retrieval, &status, 0);
    return folder_remove(state) || status;
}

// ---- evaluations

json_t *fixture_evaluate(enum rg_stage stage)
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

void fixture_fails(enum rg_stage stage, int err, const char *sentence)
{
    rg_evaluation_progress_t progress = {0};
    atomic_int stop = 0;
    char *report = NULL;
    assert_fails(rg_evaluate(&config, stage, &progress, &stop, &report), err, sentence);
    assert_null(report);
}

void fixture_forget_reports(enum rg_stage stage, char path[RG_PATH_SIZE])
{
    char name[64];
    rg_config_path(&config, "evaluations.jsonl", path);
    unlink(path);
    snprintf(name, sizeof name, "reports/%s.json", rg_stage_name(stage));
    rg_config_path(&config, name, path);
    unlink(path);
}

int fixture_has_samples(enum rg_stage stage)
{
    char name[64], path[RG_PATH_SIZE];
    snprintf(name, sizeof name, "samples/eval-%s.png", rg_stage_name(stage));
    rg_config_path(&config, name, path);
    return rg_exists(path);
}

double report_number(const json_t *report, const char *key)
{
    const json_t *value = json_object_get(report, key);
    if (!json_is_number(value)) fail_msg("no number %s", key);
    return json_number_value(value);
}

double report_rate(const json_t *report, const char *key)
{
    double value = report_number(report, key);
    if (value < 0 || value > 1) fail_msg("%s is %g", key, value);
    return value;
}

const char *report_text(const json_t *report, const char *key)
{
    const char *value = json_string_value(json_object_get(report, key));
    if (!value) fail_msg("no text %s", key);
    return value;
}
