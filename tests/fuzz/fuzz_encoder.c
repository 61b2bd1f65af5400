// The encoder's conversations with a hostile peer, on networks of a few thousand weights. Only the reading of
// requests is under test, so translations stop before they are computed.
#include <stdio.h>
#include <unistd.h>

#include "common/core/err.h"
#include "common/data/image.h"
#include "common/nn/backend.h"
#include "services/encoder/answer.h"
#include "tests/fuzz/frames.h"

enum { SIDE = 16 };

static const atomic_int STOP = 1;

static rg_config_t config;
static rg_inference_t *networks;

static void give_up(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, rg_error());
    abort();
}

static void configure(void)
{
    rg_config_init(&config);
    config.data.attributes = (rg_names_t){.count = 2, .name = {"Male", "Young"}};
    config.data.exclusive.count = 0;
    config.data.img_size = SIDE;
    config.model.gf = 4;
    config.model.df = 4;
    config.model.n_res = 1;
    config.model.d_layers = 3;
    config.model.d_scales = 1;
    config.model.attr_dims = 1;
    config.model.mlp = 8;
    config.model.embed_dim = 2;
    config.limits.image_max_side = 512;
}

static void save_networks(const char *path)
{
    rg_model_t *model;
    rg_params_t *sets[RG_PARTS];
    rg_checkpoint_info_t info = {
        .iteration = 1, .iterations = 1, .stage = "stage2", .attributes = config.data.attributes};
    rg_model_new(&model, &config, RG_STAGE2_PARTS, RG_STAGE2_TRAINS);
    int n = rg_model_sets(model, sets);
    if (rg_checkpoint_save(path, &config, sets, n, &info) != 0) give_up("save");
    rg_model_destroy(&model);
}

static void close_networks(void)
{
    rg_inference_close(&networks);
}

static void open_networks(void)
{
    const char *base = getenv("TMPDIR");
    char path[256];
    rg_cpu_threads(1);
    configure();
    snprintf(path, sizeof path, "%s/rg-fuzz-%d.safetensors", base && *base ? base : "/tmp", (int)getpid());
    save_networks(path);
    int err = rg_inference_open(&networks, &config, &(rg_inference_spec_t){RG_STAGE_NONE, path, 0, 16});
    unlink(path);
    if (err) give_up("load");
    atexit(close_networks);
}

static int answer(const rg_msg_t *msg, rg_msg_t **out)
{
    switch (rg_msg_kind(msg)) {
    case RG__V1__ENVELOPE__BODY_STORE_REQUEST:
        return rg_answer_store(networks, msg, out);
    case RG__V1__ENVELOPE__BODY_LIST_REPLY:
        return rg_answer_missing(networks, msg, out);
    case RG__V1__ENVELOPE__BODY_FIND_REQUEST:
        return rg_answer_find(networks, msg, out);
    case RG__V1__ENVELOPE__BODY_EMBED_REQUEST:
        return rg_answer_embed(networks, msg, out);
    case RG__V1__ENVELOPE__BODY_TRANSLATE_REQUEST:
        return rg_answer_translate(networks, NULL, &STOP, msg, out);
    default:
        return RG_EINVAL;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    frames_input_t input = {data, size};
    rg_msg_t *msg;
    if (!networks) open_networks();
    while ((msg = frames_next(&input)) != NULL) {
        unsigned char *envelope;
        size_t bytes;
        rg_msg_t *out = NULL;
        int err = answer(msg, &out);
        rg_msg_destroy(&msg); // the result must not depend on the request
        if (err && out) give_up("both a result and an error");
        if (!out) continue;
        if (rg_msg_pack(out, 1, &envelope, &bytes) != 0) give_up("pack");
        free(envelope);
        rg_msg_destroy(&out);
    }
    return 0;
}

// ---- seeds

static void put_pixels(rg_msg_t *msg, const char *name, uint32_t n)
{
    uint8_t *pixels = rg_msg_reserve(msg, name, RG__V1__DTYPE__U8, 4, (const uint32_t[]){n, SIDE, SIDE, 3});
    for (uint32_t i = 0; i < n * SIDE * SIDE * 3; i++) pixels[i] = (uint8_t)(i * 37);
}

static void put_jpeg(rg_msg_t *msg, const char *name)
{
    uint8_t pixels[SIDE * SIDE * 3] = {1, 2, 3}, *jpeg;
    const rg_image_t image = {SIDE, SIDE, pixels};
    size_t size;
    if (rg_jpeg_encode(&image, 90, &jpeg, &size) != 0) give_up("seed");
    rg_msg_copy(msg, name, RG__V1__DTYPE__U8, 1, (const uint32_t[]){(uint32_t)size}, jpeg);
    free(jpeg);
}

static rg_msg_t *store_request(void)
{
    const uint8_t id[RG_ID_SIZE] = {1};
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_STORE_REQUEST);
    Rg__V1__StoreRequest *body = rg_msg_body(msg);
    body->n_items = 2;
    body->items = (Rg__V1__Item **)rg_msg_array(msg, &rg__v1__item__descriptor, 2);
    for (int i = 0; i < 2; i++) rg_msg_bytes(msg, &body->items[i]->id, id, sizeof id);
    put_pixels(msg, "pixels", 2);
    put_jpeg(msg, "0");
    put_jpeg(msg, "1");
    return msg;
}

static rg_msg_t *list_reply(void)
{
    const uint8_t id[RG_ID_SIZE] = {1};
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_LIST_REPLY);
    Rg__V1__ListReply *body = rg_msg_body(msg);
    body->n_images = 2;
    body->images = (Rg__V1__Listed **)rg_msg_array(msg, &rg__v1__listed__descriptor, 2);
    for (int i = 0; i < 2; i++) rg_msg_bytes(msg, &body->images[i]->id, id, sizeof id);
    put_jpeg(msg, "0");
    put_jpeg(msg, "1");
    return msg;
}

static Rg__V1__Edit **edits(rg_msg_t *msg)
{
    Rg__V1__Edit **list = (Rg__V1__Edit **)rg_msg_array(msg, &rg__v1__edit__descriptor, 2);
    list[0]->attribute = rg_msg_text(msg, "%s", "Young");
    list[1]->attribute = rg_msg_text(msg, "%s", "Male");
    list[1]->value = 1;
    return list;
}

static rg_msg_t *embed_request(void)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_EMBED_REQUEST);
    Rg__V1__EmbedRequest *body = rg_msg_body(msg);
    body->n_edits = 2;
    body->edits = edits(msg);
    put_pixels(msg, "pixels", 3);
    return msg;
}

static rg_msg_t *find_request(void)
{
    const uint8_t ids[3][RG_ID_SIZE] = {{1}, {2}, {3}};
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_FIND_REQUEST);
    Rg__V1__FindRequest *body = rg_msg_body(msg);
    body->n_edits = 2;
    body->edits = edits(msg);
    body->search = rg_msg_array(msg, &rg__v1__search_request__descriptor, 1)[0];
    body->search->k = 5;
    body->search->filter = rg_msg_array(msg, &rg__v1__filter__descriptor, 1)[0];
    body->search->filter->name_prefix = rg_msg_text(msg, "%s", "album/");
    body->search->filter->n_exclude = 1;
    body->search->filter->exclude = rg_msg_alloc(msg, sizeof *body->search->filter->exclude);
    rg_msg_bytes(msg, body->search->filter->exclude, ids[0], RG_ID_SIZE);
    put_pixels(msg, "pixels", 3);
    rg_msg_copy(msg, "exclude", RG__V1__DTYPE__U8, 2, (const uint32_t[]){3, RG_ID_SIZE}, ids);
    return msg;
}

static rg_msg_t *translate_request(uint32_t samples)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_TRANSLATE_REQUEST);
    Rg__V1__TranslateRequest *body = rg_msg_body(msg);
    body->n_edits = 2;
    body->edits = edits(msg);
    body->samples = samples;
    body->guidance = samples == 1 ? RG__V1__GUIDANCE__RETRIEVED : RG__V1__GUIDANCE__NONE;
    put_pixels(msg, "pixels", 2);
    if (samples == 1) put_pixels(msg, "references", 2);
    return msg;
}

size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity)
{
    switch (i) {
    case 0:
        return frames_put(out, 0, capacity, store_request());
    case 1:
        return frames_put(out, 0, capacity, list_reply());
    case 2:
        return frames_put(out, 0, capacity, embed_request());
    case 3:
    case 4:
        return frames_put(out, 0, capacity, translate_request(i == 3 ? 1 : 5));
    case 5:
        return frames_put(out, 0, capacity, find_request());
    default:
        return 0;
    }
}
