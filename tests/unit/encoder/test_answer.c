#include "common/core/simd.h"
#include "common/data/image.h"
#include "tests/unit/encoder/messages.h"

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

// shape: of the features that the set stores for an image, a code or a content map.
static void check_add(tiny_t *f, const uint32_t shape[3], int maps)
{
    rg_msg_t *add;
    tiny_save_stage2(f);
    assert_ok(tiny_load(f, ""));
    assert_ok(ask(f, rg_answer_store, store_request(f, TINY_IMAGES, TINY_IMAGES),
                  &add)); // the request is destroyed
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
    assert_fails(ask(f, rg_answer_store, store_request(f, 0, 0), &out), RG_ELIMIT,
                 "0 images: a request may have 1 to 128");
    request = store_request(f, 3, 3);
    ((Rg__V1__StoreRequest *)rg_msg_body(request))->n_items = 2;
    assert_fails(ask(f, rg_answer_store, request, &out), RG_ESHAPE,
                 "2 items came with the pixels of 3 images");
    request = rg_msg_new(RG__V1__ENVELOPE__BODY_EMBED_REQUEST);
    rg_msg_reserve(request, "pixels", RG__V1__DTYPE__U8, 4, (const uint32_t[]){1, SIDE, SIDE + 1, 3});
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

// A replica loads the checkpoint that another encoder announced.
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
    assert_ok(rg_answer_load_served(&f->networks, &f->config, served));
    assert_string_equal(f->networks->embedding, body->model);
    rg_inference_close(&f->networks);
    body->model = rg_msg_text(served, "another");
    assert_fails(rg_answer_load_served(&f->networks, &f->config, served), RG_EMODEL,
                 "but the retrieval service serves another");
    body->checkpoint = rg_msg_text(served, "%s/nowhere.safetensors", f->config.run);
    assert_fails(rg_answer_load_served(&f->networks, &f->config, served), RG_ENOENT, "nowhere.safetensors");
    rg_msg_destroy(&served);
    rg_msg_destroy(&load);
}

// Three images with thumbnails. The second thumbnail is not a JPEG; unless `good`, no thumbnail is.
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
    assert_int_equal(body->n_items, 2); // the thumbnail of image 1 is not a JPEG
    assert_string_equal(body->items[0]->name, "0.jpg");
    assert_string_equal(body->items[1]->name, "2.jpg");
    assert_int_equal(body->items[1]->id.data[0], 2);
    assert_true(body->items[1]->annotated);
    assert_false(rg_msg_has(add, "0")); // thumbnails are stored already
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
    assert_fails(ask(f, rg_answer_missing, list, &add), RG_ELIMIT, "0 images: a request may have 1 to 128");
    list = rg_msg_new(RG__V1__ENVELOPE__BODY_LIST_REPLY);
    Rg__V1__ListReply *body = rg_msg_body(list);
    body->n_images = RG_ANSWER_IMAGES_MAX + 1;
    body->images = (Rg__V1__Listed **)rg_msg_array(list, &rg__v1__listed__descriptor, body->n_images);
    assert_fails(ask(f, rg_answer_missing, list, &add), RG_ELIMIT, "129 images");
    assert_null(add);
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

// Everything that was asked for is passed on, except for the model and the queries, which the encoder sets.
static void a_find_becomes_a_search(void **state)
{
    tiny_t *f = *state;
    rg_msg_t *search, *edited;
    tiny_save_stage2(f);
    assert_ok(tiny_load(f, ""));
    assert_ok(ask(f, rg_answer_find, find_request(f), &search)); // the request is destroyed
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
    assert_fails(ask(f, rg_answer_find, request, &out), RG_EINVAL, "search is missing");
    request = rg_msg_new(RG__V1__ENVELOPE__BODY_FIND_REQUEST);
    Rg__V1__FindRequest *body = rg_msg_body(request);
    body->search = rg_msg_array(request, &rg__v1__search_request__descriptor, 1)[0];
    put_pixels(f, request, "pixels", 0, 2);
    rg_msg_reserve(request, "exclude", RG__V1__DTYPE__U8, 2, (const uint32_t[]){3, RG_ID_SIZE});
    assert_fails(ask(f, rg_answer_find, request, &out), RG_ESHAPE, "has 3 in dim 0, not 2");
    assert_null(out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tiny_open, tiny_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(images_become_an_add_request), TEST(with_content_maps_where_the_fusion_wants_them),
        TEST(bad_images_are_refused),       TEST(a_model_is_announced_with_its_shapes),
        TEST(what_is_served_is_loaded),     TEST(missing_images_are_embedded_from_thumbnails),
        TEST(bad_lists_are_refused),        TEST(queries_are_embedded_with_the_wanted_code),
        TEST(a_find_becomes_a_search),      TEST(bad_finds_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
