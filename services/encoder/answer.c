#include "services/encoder/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/half.h"
#include "common/core/log.h"
#include "common/data/picture.h"
#include "services/encoder/wanted.h"

enum { INDEX_TEXT = 12 }; // "0", "1", ...: payload names

static int check_count(size_t n)
{
    if (n >= 1 && n <= RG_ANSWER_IMAGES_MAX) return 0;
    return rg_fail(RG_ELIMIT, "%zu images: 1 to %d are possible per request", n, RG_ANSWER_IMAGES_MAX);
}

int rg_answer_pixels(const rg_engine_t *engine, const rg_msg_t *request, const char *name,
                     rg_payload_t *pixels)
{
    const uint32_t side = (uint32_t)rg_engine_config(engine)->data.img_size, want[] = {0, side, side, 3};
    rg_payload_t found;
    int err = rg_msg_payload(request, name, RG__V1__DTYPE__U8, 4, want, &found);
    if (!err) err = check_count(found.shape[0]);
    if (!err) *pixels = found;
    return err;
}

// ---- load

int rg_answer_load(rg_engine_t *engine, const rg_msg_t *request, rg_msg_t **reply)
{
    const Rg__V1__LoadRequest *asked = request ? rg_msg_body(request) : NULL;
    int err = rg_engine_load(engine, asked ? asked->checkpoint : "");
    if (err) return err;
    const rg_engine_info_t *info = rg_engine_info(engine);
    *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_LOAD_REPLY);
    Rg__V1__LoadReply *body = rg_msg_body(*reply);
    body->model = rg_msg_text(*reply, "%s", info->model);
    body->stage = rg_msg_text(*reply, "%s", info->stage);
    body->iteration = info->iteration;
    return 0;
}

int rg_answer_served(rg_engine_t *engine, const rg_msg_t *served)
{
    const Rg__V1__ServedReply *body = rg_msg_body(served);
    int err = rg_engine_load(engine, body->checkpoint);
    const rg_engine_info_t *info = rg_engine_info(engine);
    if (!err && strcmp(info->model, body->model) != 0)
        err = rg_fail(RG_EMODEL, "%s: has the model %s, and %.80s is served", info->path, info->model,
                      body->model);
    return err;
}

rg_msg_t *rg_answer_announcement(const rg_engine_t *engine)
{
    const rg_config_t *config = rg_engine_config(engine);
    int features[3];
    rg_fusion_features(config, features);
    const uint32_t shape[] = {(uint32_t)features[0], (uint32_t)features[1], (uint32_t)features[2]};
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_MODEL_REQUEST);
    Rg__V1__ModelRequest *body = rg_msg_body(request);
    body->model = rg_msg_text(request, "%s", rg_engine_info(engine)->model);
    body->embed_dim = (uint32_t)config->model.embed_dim;
    body->n_features_shape = 3;
    body->features_shape = rg_msg_alloc(request, sizeof shape);
    memcpy(body->features_shape, shape, sizeof shape);
    body->checkpoint = rg_msg_text(request, "%s", rg_engine_info(engine)->path);
    return request;
}

// ---- adding

typedef struct {
    const char *name;
    ProtobufCBinaryData id;
    int annotated;
} picture_t;

// Images on their way to the retrieval service, all borrowed from the message they came in.
typedef struct {
    picture_t picture[RG_ANSWER_IMAGES_MAX];
    size_t n;
    const uint8_t *pixels;      // [n,S,S,3]
    const rg_msg_t *thumbnails; // carries them, in the same order; NULL: they are stored already
} pictures_t;

static int read_thumbnail(const rg_msg_t *source, size_t i, rg_payload_t *jpeg)
{
    char name[INDEX_TEXT];
    snprintf(name, sizeof name, "%u", (unsigned)i);
    return rg_msg_payload(source, name, RG__V1__DTYPE__U8, 1, NULL, jpeg);
}

static void drop_source(void *data, void *hint)
{
    rg_msg_t *source = hint;
    (void)data;
    rg_msg_destroy(&source);
}

// The thumbnail stays where it came in; the source lives as long as the new message.
static int pass_on_thumbnail(rg_msg_t *add, const rg_msg_t *source, size_t i)
{
    char name[INDEX_TEXT];
    rg_payload_t jpeg;
    int err = read_thumbnail(source, i, &jpeg);
    if (err) return err;
    snprintf(name, sizeof name, "%u", (unsigned)i);
    rg_msg_attach(add, name, RG__V1__DTYPE__U8, 1, jpeg.shape, (void *)jpeg.data, drop_source,
                  rg_msg_retain(source));
    return 0;
}

static int pass_on(rg_msg_t *add, const pictures_t *pictures, size_t i)
{
    const picture_t *picture = &pictures->picture[i];
    Rg__V1__Item *item = ((Rg__V1__AddRequest *)rg_msg_body(add))->items[i];
    item->name = rg_msg_text(add, "%s", picture->name);
    item->annotated = picture->annotated;
    rg_msg_bytes(add, &item->id, picture->id.data, picture->id.len);
    return pictures->thumbnails ? pass_on_thumbnail(add, pictures->thumbnails, i) : 0;
}

static int compute(rg_engine_t *engine, const pictures_t *pictures, float *embeddings, uint16_t *features)
{
    const rg_config_t *config = rg_engine_config(engine);
    const int maps = config->model.fusion == RG_FUSION_CONCAT;
    size_t map = rg_engine_map_size(engine), width = (size_t)config->model.embed_dim;
    size_t each = maps ? map : (size_t)rg_code_width(config);
    size_t image = (size_t)config->data.img_size * (size_t)config->data.img_size * 3;
    float *content = rg_alloc(RG_ENGINE_BATCH * map * sizeof *content);
    float *code = rg_alloc(RG_ENGINE_BATCH * (size_t)rg_code_width(config) * sizeof *code);
    int err = 0;
    for (size_t i = 0; i < pictures->n && !err; i += RG_ENGINE_BATCH) {
        size_t left = pictures->n - i;
        int n = left < RG_ENGINE_BATCH ? (int)left : RG_ENGINE_BATCH;
        err = rg_engine_encode(engine, pictures->pixels + i * image, n, content, code);
        if (!err) err = rg_engine_embed(engine, content, code, n, 0, embeddings + i * width);
        rg_half_from_float(features + i * each, maps ? content : code, (size_t)n * each);
    }
    free(code);
    free(content);
    return err;
}

static int make_add(rg_engine_t *engine, const pictures_t *pictures, rg_msg_t **out)
{
    const rg_config_t *config = rg_engine_config(engine);
    int shape[3];
    rg_fusion_features(config, shape);
    const uint32_t n = (uint32_t)pictures->n, rows[] = {n, (uint32_t)config->model.embed_dim},
                   each[] = {n, (uint32_t)shape[0], (uint32_t)shape[1], (uint32_t)shape[2]};
    const size_t bytes = (size_t)each[1] * each[2] * each[3] * sizeof(uint16_t);
    if (n > ((size_t)config->limits.message_max_mib << 20) / bytes)
        return rg_fail(RG_ELIMIT, "features of %u images are larger than limits.message_max_mib: %d", n,
                       config->limits.message_max_mib);
    rg_msg_t *add = rg_msg_new(RG__V1__ENVELOPE__BODY_ADD_REQUEST);
    Rg__V1__AddRequest *body = rg_msg_body(add);
    body->model = rg_msg_text(add, "%s", rg_engine_info(engine)->model);
    body->n_items = n;
    body->items = (Rg__V1__Item **)rg_msg_array(add, &rg__v1__item__descriptor, n);
    float *embeddings = rg_msg_room(add, "embeddings", RG__V1__DTYPE__F32, 2, rows);
    uint16_t *features = rg_msg_room(add, "features", RG__V1__DTYPE__F16, 4, each);
    int err = 0;
    for (size_t i = 0; i < n && !err; i++) err = pass_on(add, pictures, i);
    if (!err) err = compute(engine, pictures, embeddings, features);
    if (err)
        rg_msg_destroy(&add);
    else
        *out = add;
    return err;
}

int rg_answer_store(rg_engine_t *engine, const rg_msg_t *request, rg_msg_t **add)
{
    const Rg__V1__StoreRequest *asked = rg_msg_body(request);
    pictures_t pictures = {.thumbnails = request};
    rg_payload_t pixels;
    int err = rg_engine_can_embed(engine);
    if (!err) err = rg_answer_pixels(engine, request, "pixels", &pixels);
    if (err) return err;
    if (pixels.shape[0] != asked->n_items)
        return rg_fail(RG_ESHAPE, "%zu items came with the pixels of %u", asked->n_items, pixels.shape[0]);
    pictures.pixels = pixels.data;
    for (; pictures.n < asked->n_items; pictures.n++) {
        const Rg__V1__Item *item = asked->items[pictures.n];
        pictures.picture[pictures.n] = (picture_t){item->name, item->id, item->annotated};
    }
    return make_add(engine, &pictures, add);
}

static int decode_thumbnail(const rg_config_t *config, const rg_msg_t *source, size_t i, const char *name,
                            uint8_t *pixels)
{
    rg_payload_t jpeg;
    int err = read_thumbnail(source, i, &jpeg);
    return err ? err : rg_picture_decode_stored(config, jpeg.data, jpeg.size, name, pixels);
}

int rg_answer_missing(rg_engine_t *engine, const rg_msg_t *list, rg_msg_t **add)
{
    const rg_config_t *config = rg_engine_config(engine);
    const Rg__V1__ListReply *listed = rg_msg_body(list);
    pictures_t pictures = {0};
    int err = rg_engine_can_embed(engine);
    if (!err) err = check_count(listed->n_images);
    if (err) return err;
    size_t image = (size_t)config->data.img_size * (size_t)config->data.img_size * 3;
    uint8_t *pixels = rg_alloc(listed->n_images * image);
    for (size_t i = 0; i < listed->n_images; i++) {
        const Rg__V1__Listed *found = listed->images[i];
        if (decode_thumbnail(config, list, i, found->name, pixels + pictures.n * image) != 0)
            rg_log(RG_LOG_WARN, "bad_thumbnail", "error=\"%s\"", rg_error());
        else
            pictures.picture[pictures.n++] = (picture_t){found->name, found->id, found->annotated};
    }
    pictures.pixels = pixels;
    *add = NULL;
    err = pictures.n ? make_add(engine, &pictures, add) : 0;
    free(pixels);
    return err;
}

// ---- embed

int rg_answer_embed(rg_engine_t *engine, const rg_msg_t *request, rg_msg_t **reply)
{
    const rg_config_t *config = rg_engine_config(engine);
    const Rg__V1__EmbedRequest *asked = rg_msg_body(request);
    const size_t width = (size_t)rg_code_width(config);
    rg_wanted_t wanted;
    rg_payload_t pixels;
    int err = rg_engine_can_embed(engine);
    if (!err) err = rg_wanted_read(&wanted, config, asked->edits, asked->n_edits);
    if (!err) err = rg_answer_pixels(engine, request, "pixels", &pixels);
    if (err) return err;
    const uint32_t n = pixels.shape[0], rows[] = {n, (uint32_t)config->model.embed_dim};
    float *content = rg_alloc(n * rg_engine_map_size(engine) * sizeof *content);
    float *code = rg_alloc((n + 1) * width * sizeof *code), *means = code + n * width;
    err = rg_engine_encode(engine, pixels.data, (int)n, content, code);
    rg_wanted_draw(&wanted, config, 0, 0, means);
    for (uint32_t i = 0; i < n; i++) rg_wanted_apply(&wanted, config, means, code + i * width);
    rg_msg_t *made = rg_msg_new(RG__V1__ENVELOPE__BODY_EMBED_REPLY);
    ((Rg__V1__EmbedReply *)rg_msg_body(made))->model = rg_msg_text(made, "%s", rg_engine_info(engine)->model);
    float *embeddings = rg_msg_room(made, "embeddings", RG__V1__DTYPE__F32, 2, rows);
    if (!err) err = rg_engine_embed(engine, content, code, (int)n, asked->n_edits > 0, embeddings);
    free(code);
    free(content);
    if (err)
        rg_msg_destroy(&made);
    else
        *reply = made;
    return err;
}
