#include "tests/unit/model/tiny.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include "common/core/simd.h"
#include "common/data/image.h"
#include "services/encoder/answer.h"

static const atomic_int GO = 0, STOP = 1;

static void put_pixels(const tiny_t *f, rg_msg_t *msg, const char *name, uint32_t first, uint32_t n)
{
    rg_msg_copy(msg, name, RG__V1__DTYPE__U8, 4, (const uint32_t[]){n, SIDE, SIDE, 3},
                f->pixels + first * IMAGE);
}

static Rg__V1__Item **items(rg_msg_t *msg, uint32_t n)
{
    Rg__V1__Item **list = (Rg__V1__Item **)rg_msg_array(msg, &rg__v1__item__descriptor, n);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t id[RG_ID_SIZE] = {(uint8_t)i};
        list[i]->name = rg_msg_text(msg, "%u.jpg", i);
        rg_msg_bytes(msg, &list[i]->id, id, sizeof id);
    }
    return list;
}

static void put_thumbnail(rg_msg_t *msg, uint32_t i, const void *bytes, size_t size)
{
    char name[12];
    snprintf(name, sizeof name, "%u", i);
    rg_msg_copy(msg, name, RG__V1__DTYPE__U8, 1, (const uint32_t[]){(uint32_t)size}, bytes);
}

static rg_msg_t *store_request(const tiny_t *f, uint32_t n, uint32_t thumbnails)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_STORE_REQUEST);
    Rg__V1__StoreRequest *body = rg_msg_body(msg);
    body->items = items(msg, n);
    body->n_items = n;
    put_pixels(f, msg, "pixels", 0, n);
    for (uint32_t i = 0; i < thumbnails; i++) put_thumbnail(msg, i, "jpeg", 3 + i % 2);
    return msg;
}

static int ask(tiny_t *f, int (*answer)(rg_inference_t *, const rg_msg_t *, rg_msg_t **), rg_msg_t *request,
               rg_msg_t **out)
{
    *out = NULL;
    int err = answer(f->networks, request, out);
    rg_msg_destroy(&request);
    return err;
}

static const void *payload(const rg_msg_t *msg, const char *name, Rg__V1__Dtype dtype, int rank,
                           const uint32_t *want)
{
    rg_payload_t found;
    assert_ok(rg_msg_payload(msg, name, dtype, rank, want, &found));
    return found.data;
}

// shape: of what the set shall hold of a neighbour, a code or a content map.
static void check_add(tiny_t *f, const uint32_t shape[3], int maps)
{
    rg_msg_t *add;
    tiny_save_stage2(f);
    assert_ok(tiny_load(f, ""));
    assert_ok(
        ask(f, rg_answer_store, store_request(f, TINY_IMAGES, TINY_IMAGES), &add)); // the request is gone
    const Rg__V1__AddRequest *body = rg_msg_body(add);
    assert_string_equal(body->model, f->networks->embedding);
    assert_int_equal(body->n_items, TINY_IMAGES);
    assert_string_equal(body->items[7]->name, "7.jpg");
    assert_int_equal(body->items[7]->id.data[0], 7);
    float *content = rg_alloc(TINY_IMAGES * MAP * sizeof *content), code[TINY_IMAGES * Z],
          embeddings[TINY_IMAGES * D];
    const size_t n = (size_t)TINY_IMAGES * shape[0] * shape[1] * shape[2];
    uint16_t *features = rg_alloc(n * sizeof *features);
    assert_ok(rg_inference_encode(f->networks, content, code, f->values, TINY_IMAGES));
    assert_ok(rg_inference_embed(f->networks, NULL, embeddings, content, code, TINY_IMAGES, 0));
    rg_half_from_float(features, maps ? content : code, n);
    assert_memory_equal(payload(add, "embeddings", RG__V1__DTYPE__F32, 2, (const uint32_t[]){TINY_IMAGES, D}),
                        embeddings, sizeof embeddings);
    assert_memory_equal(payload(add, "features", RG__V1__DTYPE__F16, 4,
                                (const uint32_t[]){TINY_IMAGES, shape[0], shape[1], shape[2]}),
                        features, n * sizeof *features);
    assert_memory_equal(payload(add, "19", RG__V1__DTYPE__U8, 1, (const uint32_t[]){4}), "jpeg", 4);
    free(features);
    free(content);
    rg_msg_destroy(&add);
}

static void images_become_an_add_request(void **state)
{
    check_add(*state, (const uint32_t[]){1, 1, Z}, 0);
}

static void with_content_maps_where_the_fusion_wants_them(void **state)
{
    tiny_t *f = *state;
    f->config.model.fusion = RG_FUSION_CONCAT;
    check_add(f, (const uint32_t[]){4, 4, 4 * GF}, 1);
}

static void bad_images_are_refused(void **state)
{
    tiny_t *f = *state;
    rg_msg_t *out, *request;
    assert_fails(ask(f, rg_answer_store, store_request(f, 1, 1), &out), RG_ENOENT,
                 "train stages 1 and 2 first");
    tiny_save_stage2(f);
    assert_ok(tiny_load(f, ""));
    assert_fails(ask(f, rg_answer_store, store_request(f, 3, 2), &out), RG_ESHAPE, "payload '2' is missing");
    assert_fails(ask(f, rg_answer_store, store_request(f, 0, 0), &out), RG_ELIMIT, "0 images: 1 to 128");
    request = store_request(f, 3, 3);
    ((Rg__V1__StoreRequest *)rg_msg_body(request))->n_items = 2;
    assert_fails(ask(f, rg_answer_store, request, &out), RG_ESHAPE, "2 items came with the pixels of 3");
    request = rg_msg_new(RG__V1__ENVELOPE__BODY_EMBED_REQUEST);
    rg_msg_room(request, "pixels", RG__V1__DTYPE__U8, 4, (const uint32_t[]){1, SIDE, SIDE + 1, 3});
    assert_fails(ask(f, rg_answer_embed, request, &out), RG_ESHAPE, "has 17 in dim 2, not 16");
    assert_null(out);
}

static void a_model_is_announced_with_its_shapes(void **state)
{
    tiny_t *f = *state;
    rg_msg_t *load, *announcement;
    tiny_save_stage2(f);
    assert_ok(rg_answer_load(&f->networks, &f->config, NULL, &load));
    const Rg__V1__LoadReply *loaded = rg_msg_body(load);
    assert_string_equal(loaded->stage, "stage2");
    assert_int_equal(loaded->iteration, 100);
    announcement = rg_answer_announcement(f->networks);
    const Rg__V1__ModelRequest *body = rg_msg_body(announcement);
    assert_string_equal(body->model, loaded->model);
    assert_int_equal(body->embed_dim, D);
    assert_int_equal(body->n_features_shape, 3);
    assert_int_equal(body->features_shape[0], 1);
    assert_int_equal(body->features_shape[2], Z);
    assert_string_equal(body->checkpoint, f->networks->path);
    rg_msg_destroy(&announcement);
    rg_msg_destroy(&load);
}

// What a replica does with the announcement of another one.
static void what_is_served_is_loaded(void **state)
{
    tiny_t *f = *state;
    rg_msg_t *load, *served = rg_msg_new(RG__V1__ENVELOPE__BODY_SERVED_REPLY);
    Rg__V1__ServedReply *body = rg_msg_body(served);
    tiny_save_stage2(f);
    assert_ok(rg_answer_load(&f->networks, &f->config, NULL, &load));
    body->checkpoint = rg_msg_text(served, "%s", f->networks->path);
    body->model = rg_msg_text(served, "%s", f->networks->embedding);
    rg_inference_close(&f->networks);
    assert_ok(rg_answer_served(&f->networks, &f->config, served));
    assert_string_equal(f->networks->embedding, body->model);
    rg_inference_close(&f->networks);
    body->model = rg_msg_text(served, "another");
    assert_fails(rg_answer_served(&f->networks, &f->config, served), RG_EMODEL, "and another is served");
    body->checkpoint = rg_msg_text(served, "%s/nowhere.safetensors", f->config.run);
    assert_fails(rg_answer_served(&f->networks, &f->config, served), RG_ENOENT, "nowhere.safetensors");
    rg_msg_destroy(&served);
    rg_msg_destroy(&load);
}

// Three images, each with a thumbnail of its own; that of the second is no JPEG, or none is.
static rg_msg_t *list_reply(const tiny_t *f, int good)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_LIST_REPLY);
    Rg__V1__ListReply *body = rg_msg_body(msg);
    body->images = (Rg__V1__Listed **)rg_msg_array(msg, &rg__v1__listed__descriptor, 3);
    body->n_images = body->missing = 3;
    for (uint32_t i = 0; i < 3; i++) {
        const uint8_t id[RG_ID_SIZE] = {(uint8_t)i};
        const rg_image_t image = {SIDE, SIDE, f->pixels + i * IMAGE};
        uint8_t *jpeg;
        size_t size;
        body->images[i]->name = rg_msg_text(msg, "%u.jpg", i);
        body->images[i]->annotated = i == 2;
        rg_msg_bytes(msg, &body->images[i]->id, id, sizeof id);
        assert_ok(rg_jpeg_encode(&image, 95, &jpeg, &size));
        put_thumbnail(msg, i, i == 1 || !good ? (const void *)"junk" : jpeg, i == 1 || !good ? 4 : size);
        free(jpeg);
    }
    return msg;
}

static void missing_images_are_embedded_from_thumbnails(void **state)
{
    tiny_t *f = *state;
    rg_msg_t *add;
    tiny_save_stage2(f);
    assert_ok(tiny_load(f, ""));
    assert_ok(ask(f, rg_answer_missing, list_reply(f, 1), &add));
    const Rg__V1__AddRequest *body = rg_msg_body(add);
    assert_string_equal(body->model, f->networks->embedding);
    assert_int_equal(body->n_items, 2); // the one in between is no JPEG
    assert_string_equal(body->items[0]->name, "0.jpg");
    assert_string_equal(body->items[1]->name, "2.jpg");
    assert_int_equal(body->items[1]->id.data[0], 2);
    assert_true(body->items[1]->annotated);
    assert_false(rg_msg_has(add, "0")); // they are stored already
    payload(add, "embeddings", RG__V1__DTYPE__F32, 2, (const uint32_t[]){2, D});
    payload(add, "features", RG__V1__DTYPE__F16, 4, (const uint32_t[]){2, 1, 1, Z});
    rg_msg_destroy(&add);
    assert_ok(ask(f, rg_answer_missing, list_reply(f, 0), &add));
    assert_null(add);
}

static void bad_lists_are_refused(void **state)
{
    tiny_t *f = *state;
    rg_msg_t *add, *list;
    assert_fails(ask(f, rg_answer_missing, list_reply(f, 1), &add), RG_ENOENT, "train stages 1 and 2 first");
    tiny_save_stage2(f);
    assert_ok(tiny_load(f, ""));
    list = list_reply(f, 1);
    ((Rg__V1__ListReply *)rg_msg_body(list))->n_images = 0;
    assert_fails(ask(f, rg_answer_missing, list, &add), RG_ELIMIT, "0 images: 1 to 128");
    list = rg_msg_new(RG__V1__ENVELOPE__BODY_LIST_REPLY);
    Rg__V1__ListReply *body = rg_msg_body(list);
    body->n_images = RG_ANSWER_IMAGES_MAX + 1;
    body->images = (Rg__V1__Listed **)rg_msg_array(list, &rg__v1__listed__descriptor, body->n_images);
    assert_fails(ask(f, rg_answer_missing, list, &add), RG_ELIMIT, "129 images");
    assert_null(add);
}

static void set_edit(rg_msg_t *msg, Rg__V1__Edit ***edits, size_t *n, const char *attribute, int value)
{
    *edits = (Rg__V1__Edit **)rg_msg_array(msg, &rg__v1__edit__descriptor, 1);
    (*edits)[0]->attribute = rg_msg_text(msg, "%s", attribute);
    (*edits)[0]->value = value;
    *n = 1;
}

static rg_msg_t *embed_request(const tiny_t *f, const char *attribute)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_EMBED_REQUEST);
    Rg__V1__EmbedRequest *body = rg_msg_body(msg);
    if (attribute) set_edit(msg, &body->edits, &body->n_edits, attribute, 1);
    put_pixels(f, msg, "pixels", 0, 2);
    return msg;
}

static void queries_are_embedded_with_the_wanted_code(void **state)
{
    tiny_t *f = *state;
    rg_msg_t *plain, *edited;
    tiny_save_stage2(f);
    assert_ok(tiny_load(f, ""));
    assert_ok(ask(f, rg_answer_embed, embed_request(f, NULL), &plain));
    assert_ok(ask(f, rg_answer_embed, embed_request(f, "Male"), &edited));
    const uint32_t rows[] = {2, D};
    float features[2 * MAP], code[2 * Z], want[2 * D];
    assert_ok(rg_inference_encode(f->networks, features, code, f->values, 2));
    assert_ok(rg_inference_embed(f->networks, NULL, want, features, code, 2, 0));
    assert_memory_equal(payload(plain, "embeddings", RG__V1__DTYPE__F32, 2, rows), want, sizeof want);
    for (int i = 0; i < 2; i++)
        for (int z = 0; z < DIMS; z++) code[i * Z + DIMS + z] = 1;
    assert_ok(rg_inference_embed(f->networks, NULL, want, features, code, 2, 1));
    assert_memory_equal(payload(edited, "embeddings", RG__V1__DTYPE__F32, 2, rows), want, sizeof want);
    assert_string_equal(((const Rg__V1__EmbedReply *)rg_msg_body(edited))->model, f->networks->embedding);
    rg_msg_destroy(&plain);
    rg_msg_destroy(&edited);
    assert_fails(ask(f, rg_answer_embed, embed_request(f, "Hat"), &plain), RG_ECONFIG, "Hat");
}

static rg_msg_t *find_request(const tiny_t *f)
{
    const uint8_t ids[3][RG_ID_SIZE] = {{1}, {2}, {3}};
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_FIND_REQUEST);
    Rg__V1__FindRequest *body = rg_msg_body(msg);
    set_edit(msg, &body->edits, &body->n_edits, "Male", 1);
    body->search = rg_msg_array(msg, &rg__v1__search_request__descriptor, 1)[0];
    body->search->model = rg_msg_text(msg, "%s", "of another age");
    body->search->k = 5;
    body->search->thumbnails = 1;
    body->search->nprobe = 6;
    body->search->ef_search = 7;
    body->search->filter = rg_msg_array(msg, &rg__v1__filter__descriptor, 1)[0];
    body->search->filter->name_prefix = rg_msg_text(msg, "%s", "album/");
    body->search->filter->annotation = RG__V1__ANNOTATION__UNANNOTATED;
    body->search->filter->added_from_ms = 8;
    body->search->filter->added_until_ms = 9;
    body->search->filter->n_exclude = 1;
    body->search->filter->exclude = rg_msg_alloc(msg, sizeof *body->search->filter->exclude);
    rg_msg_bytes(msg, body->search->filter->exclude, ids[2], RG_ID_SIZE);
    put_pixels(f, msg, "pixels", 0, 2);
    rg_msg_copy(msg, "exclude", RG__V1__DTYPE__U8, 2, (const uint32_t[]){2, RG_ID_SIZE}, ids);
    return msg;
}

// All that was asked for comes along, but for the model and the queries, which are the encoder's to say.
static void a_find_becomes_a_search(void **state)
{
    tiny_t *f = *state;
    rg_msg_t *search, *edited;
    tiny_save_stage2(f);
    assert_ok(tiny_load(f, ""));
    assert_ok(ask(f, rg_answer_find, find_request(f), &search)); // the request is gone
    assert_ok(ask(f, rg_answer_embed, embed_request(f, "Male"), &edited));
    const Rg__V1__SearchRequest *body = rg_msg_body(search);
    const uint32_t rows[] = {2, D}, ids[] = {2, RG_ID_SIZE};
    assert_string_equal(body->model, f->networks->embedding);
    assert_memory_equal(payload(search, "queries", RG__V1__DTYPE__F32, 2, rows),
                        payload(edited, "embeddings", RG__V1__DTYPE__F32, 2, rows), 2 * D * sizeof(float));
    assert_int_equal(((const uint8_t *)payload(search, "exclude", RG__V1__DTYPE__U8, 2, ids))[RG_ID_SIZE], 2);
    assert_int_equal(body->k, 5);
    assert_true(body->thumbnails && !body->features);
    assert_int_equal(body->nprobe, 6);
    assert_int_equal(body->ef_search, 7);
    assert_string_equal(body->filter->name_prefix, "album/");
    assert_int_equal(body->filter->annotation, RG__V1__ANNOTATION__UNANNOTATED);
    assert_int_equal(body->filter->added_from_ms, 8);
    assert_int_equal(body->filter->added_until_ms, 9);
    assert_int_equal(body->filter->n_exclude, 1);
    assert_int_equal(body->filter->exclude[0].data[0], 3);
    rg_msg_destroy(&search);
    rg_msg_destroy(&edited);
}

static void bad_finds_are_refused(void **state)
{
    tiny_t *f = *state;
    rg_msg_t *out, *request;
    assert_fails(ask(f, rg_answer_find, find_request(f), &out), RG_ENOENT, "train stages 1 and 2 first");
    tiny_save_stage2(f);
    assert_ok(tiny_load(f, ""));
    request = find_request(f);
    ((Rg__V1__FindRequest *)rg_msg_body(request))->search = NULL;
    assert_fails(ask(f, rg_answer_find, request, &out), RG_EINVAL, "search: missing");
    request = rg_msg_new(RG__V1__ENVELOPE__BODY_FIND_REQUEST);
    Rg__V1__FindRequest *body = rg_msg_body(request);
    body->search = rg_msg_array(request, &rg__v1__search_request__descriptor, 1)[0];
    put_pixels(f, request, "pixels", 0, 2);
    rg_msg_room(request, "exclude", RG__V1__DTYPE__U8, 2, (const uint32_t[]){3, RG_ID_SIZE});
    assert_fails(ask(f, rg_answer_find, request, &out), RG_ESHAPE, "has 3 in dim 0, not 2");
    assert_null(out);
}

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

// What the mask lets through of a source goes into its own translations, wherever they are computed.
static void every_sample_is_masked_with_its_own_source(void **state)
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

// A reference that is the source itself changes nothing: its code is the source's own.
static void references_give_the_named_codes(void **state)
{
    tiny_t *f = *state;
    rg_msg_t *self, *other, *plain;
    const uint32_t shape[] = {1, SIDE, SIDE, 3};
    memset(f->pixels + IMAGE, 255, IMAGE); // white, as unlike the source as can be
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

// A retrieval service that finds image 1, 2, ... one after the other, but every fifth is missing.
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
    uint16_t *codes = rg_msg_room(reply, "features", RG__V1__DTYPE__F16, 4, (const uint32_t[]){n, 1, 1, Z});
    for (uint32_t i = 0; i < n * Z; i++) codes[i] = 0x4000; // 2
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

static void translations_say_what_guided_them(void **state)
{
    enum { IMAGES = 9, SAMPLES = 2, K = 2 }; // more than one batch
    tiny_t *f = *state;
    set_t set;
    rg_msg_t *reply = NULL, *request = translate_request(f, IMAGES, SAMPLES);
    tiny_save_stage3(f);
    assert_ok(tiny_load(f, ""));
    start(&set, f);
    assert_ok(rg_answer_translate(f->networks, set.link, &GO, request, &reply));
    const Rg__V1__TranslateReply *body = rg_msg_body(reply);
    assert_string_equal(body->stage, "stage3");
    assert_int_equal(body->generation, GENERATION);
    assert_int_equal(body->n_neighbours, IMAGES * SAMPLES * K);
    for (unsigned i = 0; i < body->n_neighbours; i++) {
        const Rg__V1__Neighbour *neighbour = body->neighbours[i];
        const unsigned number = i + 1;
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
    assert_int_equal(set.found, IMAGES * SAMPLES * K);
}

// What is not to be guided needs no retrieval service, and shows what the neighbours brought.
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
        TEST(images_become_an_add_request),
        TEST(with_content_maps_where_the_fusion_wants_them),
        TEST(bad_images_are_refused),
        TEST(a_model_is_announced_with_its_shapes),
        TEST(what_is_served_is_loaded),
        TEST(missing_images_are_embedded_from_thumbnails),
        TEST(bad_lists_are_refused),
        TEST(queries_are_embedded_with_the_wanted_code),
        TEST(a_find_becomes_a_search),
        TEST(bad_finds_are_refused),
        TEST(samples_of_an_image_are_adjacent),
        TEST(every_sample_is_masked_with_its_own_source),
        TEST(references_give_the_named_codes),
        TEST(translations_say_what_guided_them),
        TEST(guidance_can_be_left_out),
        TEST(bad_translations_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
