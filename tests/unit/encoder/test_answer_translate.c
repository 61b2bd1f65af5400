// Edits of codes, and the translations made with them.
#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include "tests/unit/encoder/messages.h"

// ---- edits

static rg_config_t config;

static int configure(void **state)
{
    (void)state;
    tiny_configure(&config, "run");
    return 0;
}

static int read_edits(rg_edits_t *edits, size_t n, char *const names[], const int values[])
{
    Rg__V1__Edit edit[4], *asked[4];
    for (size_t i = 0; i < n; i++) {
        rg__v1__edit__init(&edit[i]);
        edit[i].attribute = names[i];
        edit[i].value = values[i];
        asked[i] = &edit[i];
    }
    return rg_answer_edits(edits, &config, asked, n);
}

static void names_become_positions(void **state)
{
    rg_edits_t edits;
    (void)state;
    assert_ok(read_edits(&edits, 2, (char *[]){"Young", "Blond_Hair"}, (int[]){0, 1}));
    assert_int_equal(edits.value[0], 1);
    assert_int_equal(edits.value[1], -1);
    assert_int_equal(edits.value[2], 0);
    assert_ok(read_edits(&edits, 0, NULL, NULL));
    for (int a = 0; a < A; a++) assert_int_equal(edits.value[a], -1);
}

static void unknown_and_repeated_names_are_refused(void **state)
{
    rg_edits_t edits;
    (void)state;
    assert_fails(read_edits(&edits, 1, (char *[]){"Smiling"}, (int[]){1}), RG_ECONFIG, "Smiling");
    assert_fails(read_edits(&edits, 2, (char *[]){"Male", "Male"}, (int[]){1, 0}), RG_EINVAL,
                 "Male is given twice");
}

static void only_named_dims_change(void **state)
{
    rg_edits_t edits;
    float code[Z], from[Z];
    (void)state;
    for (int i = 0; i < Z; i++) {
        code[i] = (float)i;
        from[i] = (float)-i - 10;
    }
    assert_ok(read_edits(&edits, 1, (char *[]){"Male"}, (int[]){1}));
    rg_answer_edit_code(&edits, &config, from, code);
    for (int i = 0; i < Z; i++) assert_true(code[i] == (i / DIMS == 1 ? from[i] : (float)i));
}

static void the_first_sample_is_the_mean_and_others_are_draws(void **state)
{
    rg_edits_t two, one;
    float mean[Z], draw[Z], again[Z], other[Z];
    (void)state;
    assert_ok(read_edits(&two, 2, (char *[]){"Blond_Hair", "Male"}, (int[]){1, 0}));
    assert_ok(read_edits(&one, 1, (char *[]){"Blond_Hair"}, (int[]){1}));
    rg_answer_draw_code(&two, &config, 3, 0, mean);
    for (int z = 0; z < DIMS; z++) assert_true(mean[z] == 1 && mean[DIMS + z] == -1);
    rg_answer_draw_code(&two, &config, 3, 1, draw);
    rg_answer_draw_code(&one, &config, 3, 1, again);
    rg_answer_draw_code(&two, &config, 3, 2, other);
    assert_memory_equal(draw, again, DIMS * sizeof *draw); // of the attribute that both name
    for (int z = 0; z < DIMS; z++) {
        assert_true(draw[z] != mean[z] && fabsf(draw[z] - mean[z]) < 6 * (float)config.model.attr_std);
        assert_true(draw[z] != other[z]);
    }
    rg_answer_draw_code(&two, &config, 4, 1, other);
    assert_memory_not_equal(draw, other, sizeof draw);
}

// ---- translations

static const atomic_int GO = 0, STOP = 1;

static rg_msg_t *translate_request(const tiny_t *f, uint32_t n, uint32_t samples)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_TRANSLATE_REQUEST);
    Rg__V1__TranslateRequest *body = rg_msg_body(msg);
    set_edit(msg, &body->edits, &body->n_edits, "Young", 1);
    body->samples = samples;
    body->seed = 9;
    put_pixels(f, msg, "pixels", 0, n);
    return msg;
}

static int translate(tiny_t *f, const atomic_int *stop, rg_msg_t *request, rg_msg_t **out)
{
    *out = NULL;
    int err = rg_answer_translate(f->networks, NULL, stop, request, out);
    rg_msg_destroy(&request);
    return err;
}

static void samples_of_an_image_are_adjacent(void **state)
{
    tiny_t *f = *state;
    rg_msg_t *many, *means, *one;
    tiny_save_stage1(f);
    assert_ok(tiny_load(f, ""));
    assert_ok(translate(f, &GO, translate_request(f, 6, 3), &many)); // more than one batch
    assert_ok(translate(f, &GO, translate_request(f, 6, 0), &means));
    assert_ok(translate(f, &GO, translate_request(f, 1, 3), &one));
    const Rg__V1__TranslateReply *body = rg_msg_body(many);
    assert_string_equal(body->stage, "stage1");
    assert_int_equal(body->generation, 0);
    assert_int_equal(body->n_neighbours, 0);
    const uint8_t *all = payload(many, "pixels", RG__V1__DTYPE__U8, 4, (const uint32_t[]){18, SIDE, SIDE, 3});
    const uint8_t *mean =
        payload(means, "pixels", RG__V1__DTYPE__U8, 4, (const uint32_t[]){6, SIDE, SIDE, 3});
    const uint8_t *first = payload(one, "pixels", RG__V1__DTYPE__U8, 4, (const uint32_t[]){3, SIDE, SIDE, 3});
    for (int i = 0; i < 6 * IMAGE; i++) // sample 0 of each
        assert_in_range(all[(i / IMAGE * 3) * IMAGE + i % IMAGE] + 1, mean[i], mean[i] + 2);
    for (int i = 0; i < 3 * IMAGE; i++) assert_in_range(all[i] + 1, first[i], first[i] + 2);
    assert_memory_not_equal(first, first + IMAGE, IMAGE);
    assert_memory_not_equal(first + IMAGE, first + 2 * IMAGE, IMAGE);
    rg_msg_destroy(&many);
    rg_msg_destroy(&means);
    rg_msg_destroy(&one);
}

// A translation keeps the detail of its own source, also in later batches.
static void every_sample_keeps_the_detail_of_its_own_source(void **state)
{
    tiny_t *f = *state;
    rg_msg_t *reply;
    tiny_save_copying(f);
    assert_ok(tiny_load(f, ""));
    assert_ok(translate(f, &GO, translate_request(f, 6, 3), &reply)); // more than one batch
    const uint8_t *copies =
        payload(reply, "pixels", RG__V1__DTYPE__U8, 4, (const uint32_t[]){18, SIDE, SIDE, 3});
    for (int i = 0; i < 18; i++) assert_memory_equal(copies + i * IMAGE, f->pixels + i / 3 * IMAGE, IMAGE);
    rg_msg_destroy(&reply);
}

// If the reference is the source itself, nothing changes: its code is the source's own.
static void references_give_the_named_codes(void **state)
{
    tiny_t *f = *state;
    rg_msg_t *self, *other, *plain;
    const uint32_t shape[] = {1, SIDE, SIDE, 3};
    memset(f->pixels + IMAGE, 255, IMAGE); // white: very unlike the source
    tiny_save(f, &f->config, "stage1", RG_STAGE1_PARTS, 0, 50);
    assert_ok(tiny_load(f, ""));
    rg_msg_t *request = translate_request(f, 1, 1);
    put_pixels(f, request, "references", 0, 1);
    assert_ok(translate(f, &GO, request, &self));
    request = translate_request(f, 1, 1);
    put_pixels(f, request, "references", 1, 1);
    assert_ok(translate(f, &GO, request, &other));
    request = translate_request(f, 1, 1);
    ((Rg__V1__TranslateRequest *)rg_msg_body(request))->n_edits = 0;
    assert_ok(translate(f, &GO, request, &plain));
    const uint8_t *unchanged = payload(plain, "pixels", RG__V1__DTYPE__U8, 4, shape);
    assert_memory_equal(payload(self, "pixels", RG__V1__DTYPE__U8, 4, shape), unchanged, IMAGE);
    assert_memory_not_equal(payload(other, "pixels", RG__V1__DTYPE__U8, 4, shape), unchanged, IMAGE);
    rg_msg_destroy(&self);
    rg_msg_destroy(&other);
    rg_msg_destroy(&plain);
}

// ---- translations of stage 3

// A retrieval service that finds image 1, then image 2 and so on. Every fifth neighbour is missing.
typedef struct {
    const rg_config_t *config;
    rg_service_t *service;
    rg_link_t *link;
    pthread_t thread;
    sem_t ready;
    int err, run_err; // before and after `ready`
    unsigned found;
} set_t;

enum { MISSING = 5, GENERATION = 7, FIRST_MS = 1000 };

static void fill(rg_msg_t *msg, Rg__V1__Neighbour *neighbour, unsigned number)
{
    const uint8_t id[RG_ID_SIZE] = {(uint8_t)number};
    if (number % MISSING == 0) return;
    rg_msg_bytes(msg, &neighbour->id, id, sizeof id);
    neighbour->name = rg_msg_text(msg, "%u.jpg", number);
    neighbour->dist_l2sq = (float)number / 2;
    neighbour->generation = GENERATION - 1;
    neighbour->annotated = number % 2;
    neighbour->added_ms = FIRST_MS + number;
}

static int on_search(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    set_t *set = self;
    const Rg__V1__SearchRequest *asked = rg_msg_body(request);
    const uint32_t n = asked->queries * asked->k;
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_SEARCH_REPLY);
    Rg__V1__SearchReply *body = rg_msg_body(reply);
    body->generation = GENERATION;
    body->n_neighbours = n;
    body->neighbours = (Rg__V1__Neighbour **)rg_msg_array(reply, &rg__v1__neighbour__descriptor, n);
    for (uint32_t i = 0; i < n; i++) fill(reply, body->neighbours[i], ++set->found);
    int shape[3];
    rg_fusion_features(set->config, shape);
    const uint32_t h = (uint32_t)shape[0], w = (uint32_t)shape[1], c = (uint32_t)shape[2];
    uint16_t *features =
        rg_msg_reserve(reply, "features", RG__V1__DTYPE__F16, 4, (const uint32_t[]){n, h, w, c});
    for (uint32_t i = 0; i < n * h * w * c; i++) features[i] = 0x4000; // 2
    rg_service_reply(set->service, peer, &reply);
    return 0;
}

static void *serve(void *self)
{
    static const rg_route_t routes[] = {{RG__V1__ENVELOPE__BODY_SEARCH_REQUEST, on_search, RG_ROLE_READER}};
    set_t *set = self;
    const rg_service_spec_t spec = {.name = "retrieval",
                                    .endpoint = set->config->endpoints.retrieval,
                                    .routes = routes,
                                    .n_routes = 1,
                                    .self = set};
    const rg_wire_options_t wire = rg_wire_options(set->config);
    set->err = rg_service_new(&set->service, &wire, &spec);
    sem_post(&set->ready);
    if (!set->err) set->run_err = rg_service_run(set->service);
    rg_service_destroy(&set->service);
    return NULL;
}

static void start(set_t *set, tiny_t *f)
{
    *set = (set_t){.config = &f->config};
    snprintf(f->config.endpoints.retrieval, sizeof f->config.endpoints.retrieval, "ipc://%s/r.ipc",
             (char *)f->folder);
    sem_init(&set->ready, 0, 0);
    assert_int_equal(pthread_create(&set->thread, NULL, serve, set), 0);
    sem_wait(&set->ready);
    assert_int_equal(set->err, 0);
    const rg_wire_options_t wire = rg_wire_options(&f->config);
    assert_ok(rg_link_new(&set->link, &wire, "retrieval", f->config.endpoints.retrieval, NULL));
}

static void stop(set_t *set)
{
    rg_link_destroy(&set->link);
    pthread_kill(set->thread, SIGTERM);
    pthread_join(set->thread, NULL);
    sem_destroy(&set->ready);
    assert_int_equal(set->run_err, 0);
}

// rebuilt: a batch asks for the neighbours of its reconstructions, too, after those of its outputs.
static void check_what_guided(tiny_t *f, int rebuilt)
{
    enum { IMAGES = 9, SAMPLES = 2, K = 2, OUTPUTS = IMAGES * SAMPLES }; // more than one batch
    set_t set;
    rg_msg_t *reply = NULL, *request = translate_request(f, IMAGES, SAMPLES);
    tiny_save_stage3(f);
    assert_ok(tiny_load(f, ""));
    start(&set, f);
    assert_ok(rg_answer_translate(f->networks, set.link, &GO, request, &reply));
    const Rg__V1__TranslateReply *body = rg_msg_body(reply);
    assert_string_equal(body->stage, "stage3");
    assert_int_equal(body->generation, GENERATION);
    assert_int_equal(body->n_neighbours, OUTPUTS * K);
    for (unsigned i = 0; i < body->n_neighbours; i++) {
        const Rg__V1__Neighbour *neighbour = body->neighbours[i];
        const unsigned number = i + 1 + (rebuilt ? i / (TINY_BATCH * K) * TINY_BATCH * K : 0);
        char name[16];
        snprintf(name, sizeof name, "%u.jpg", number);
        assert_int_equal(neighbour->id.len, number % MISSING ? RG_ID_SIZE : 0);
        if (number % MISSING == 0) continue;
        assert_int_equal(neighbour->id.data[0], number);
        assert_string_equal(neighbour->name, name);
        assert_true(neighbour->dist_l2sq == (float)number / 2);
        assert_int_equal(neighbour->generation, GENERATION - 1);
        assert_int_equal(neighbour->annotated, number % 2);
        assert_int_equal(neighbour->added_ms, FIRST_MS + number);
    }
    rg_msg_destroy(&reply);
    rg_msg_destroy(&request);
    stop(&set);
    assert_int_equal(set.found, OUTPUTS * K * (rebuilt ? 2 : 1));
}

static void translations_say_what_guided_them(void **state)
{
    check_what_guided(*state, 0);
}

static void reconstructions_have_guides_of_their_own(void **state)
{
    tiny_t *f = *state;
    f->config.model.fusion = RG_FUSION_CONCAT;
    f->config.model.detail = 1;
    check_what_guided(f, 1);
}

// Without guidance no retrieval service is needed, and the translation differs from the guided one.
static void guidance_can_be_left_out(void **state)
{
    tiny_t *f = *state;
    set_t set;
    rg_msg_t *with = NULL, *without = NULL, *request = translate_request(f, 1, 1);
    Rg__V1__TranslateRequest *asked = rg_msg_body(request);
    const uint32_t shape[] = {1, SIDE, SIDE, 3};
    tiny_save_stage3(f);
    assert_ok(tiny_load(f, ""));
    start(&set, f);
    assert_ok(rg_answer_translate(f->networks, set.link, &GO, request, &with));
    stop(&set);
    asked->guidance = RG__V1__GUIDANCE__NONE;
    assert_ok(rg_answer_translate(f->networks, NULL, &GO, request, &without));
    const Rg__V1__TranslateReply *body = rg_msg_body(without);
    assert_string_equal(body->stage, "stage3");
    assert_int_equal(body->generation, 0);
    assert_int_equal(body->n_neighbours, 0);
    assert_memory_not_equal(payload(without, "pixels", RG__V1__DTYPE__U8, 4, shape),
                            payload(with, "pixels", RG__V1__DTYPE__U8, 4, shape), IMAGE);
    rg_msg_destroy(&with);
    rg_msg_destroy(&without);
    rg_msg_destroy(&request);
}

static void bad_translations_are_refused(void **state)
{
    tiny_t *f = *state;
    rg_msg_t *out, *request;
    assert_fails(translate(f, &GO, translate_request(f, 1, 1), &out), RG_ENOENT, "train stage 1 first");
    tiny_save_stage1(f);
    assert_ok(tiny_load(f, ""));
    assert_fails(translate(f, &GO, translate_request(f, 2, 1025), &out), RG_ELIMIT,
                 "1025 samples of 2 images");
    assert_fails(translate(f, &GO, translate_request(f, 2, UINT32_MAX), &out), RG_ELIMIT,
                 "4294967295 samples");
    request = translate_request(f, 2, 1);
    put_pixels(f, request, "references", 0, 1);
    assert_fails(translate(f, &GO, request, &out), RG_ESHAPE, "1 references came with 2 images");
    request = translate_request(f, 1, 2);
    put_pixels(f, request, "references", 0, 1);
    assert_fails(translate(f, &GO, request, &out), RG_EINVAL, "samples: 2");
    request = translate_request(f, 1, 1);
    ((Rg__V1__TranslateRequest *)rg_msg_body(request))->guidance = 2;
    assert_fails(translate(f, &GO, request, &out), RG_EINVAL, "guidance: 2 is neither");
    assert_fails(translate(f, &STOP, translate_request(f, 1, 1), &out), RG_ESTOPPED, "stopped after 0 of 1");
    assert_null(out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tiny_open, tiny_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_become_positions),
        cmocka_unit_test(unknown_and_repeated_names_are_refused),
        cmocka_unit_test(only_named_dims_change),
        cmocka_unit_test(the_first_sample_is_the_mean_and_others_are_draws),
        TEST(samples_of_an_image_are_adjacent),
        TEST(every_sample_keeps_the_detail_of_its_own_source),
        TEST(references_give_the_named_codes),
        TEST(translations_say_what_guided_them),
        TEST(reconstructions_have_guides_of_their_own),
        TEST(guidance_can_be_left_out),
        TEST(bad_translations_are_refused),
    };
    return cmocka_run_group_tests(tests, configure, NULL);
}
