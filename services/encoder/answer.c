// Images reach the retrieval set in two ways, which end in the same AddRequest (make_add_request):
//
//     StoreRequest   pixels and thumbnails of new images, from the loader   rg_answer_store
//     ListReply      thumbnails of stored images, which a new model has     rg_answer_missing
//                    not embedded yet
//
// For each image the request carries the embedding of content and own code, and the features that the fusion
// reads of a neighbour: the code, or with model.fusion: concat the content map. Features travel and are
// stored as 16-bit floats.
#include "services/encoder/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/log.h"
#include "common/core/simd.h"
#include "common/data/image.h"
#include "common/wire/search_request.h"

enum {
    INDEX_TEXT = 12, // "0", "1", ...: payload names
    BATCH_PIXELS = 1 << 16
};

static int check_count(size_t n)
{
    if (n >= 1 && n <= RG_ANSWER_IMAGES_MAX) return 0;
    return rg_fail(RG_ELIMIT, "%zu images: a request may have 1 to %d", n, RG_ANSWER_IMAGES_MAX);
}

int rg_answer_pixels(const rg_inference_t *networks, const rg_msg_t *request, const char *name,
                     rg_payload_t *pixels)
{
    const uint32_t side = (uint32_t)networks->config->data.img_size, want[] = {0, side, side, 3};
    rg_payload_t found;
    int err = rg_msg_payload(request, name, RG__V1__DTYPE__U8, 4, want, &found);
    if (!err) err = check_count(found.shape[0]);
    if (!err) *pixels = found;
    return err;
}

float *rg_answer_floats(const rg_payload_t *pixels)
{
    const size_t n = pixels->size;
    float *values = rg_alloc(n * sizeof *values);
    rg_pixels_to_float(pixels->data, n, values);
    return values;
}

// ---- edits

int rg_answer_edits(rg_edits_t *edits, const rg_config_t *config, Rg__V1__Edit *const *asked, size_t n)
{
    rg_edits_t read;
    rg_edits_init(&read);
    for (size_t i = 0; i < n; i++) {
        int attribute = rg_config_attribute(config, asked[i]->attribute);
        if (attribute < 0) return attribute;
        if (read.value[attribute] >= 0)
            return rg_fail(RG_EINVAL, "attribute %s is given twice", asked[i]->attribute);
        read.value[attribute] = asked[i]->value != 0;
    }
    *edits = read;
    return 0;
}

void rg_answer_draw_code(const rg_edits_t *edits, const rg_config_t *config, uint64_t seed, uint32_t sample,
                         float *code)
{
    unsigned char labels[RG_ATTRIBUTES_MAX];
    rg_rng_t rng;
    for (int a = 0; a < config->data.attributes.count; a++) labels[a] = edits->value[a] == 1;
    rg_rng_init(&rng, seed, RG_RNG_EVALUATE, sample);
    rg_code_of_labels(config, labels, 1, sample ? &rng : NULL, code);
}

void rg_answer_edit_code(const rg_edits_t *edits, const rg_config_t *config, const float *from, float *code)
{
    const size_t dims = (size_t)config->model.attr_dims;
    for (int a = 0; a < config->data.attributes.count; a++)
        if (edits->value[a] >= 0)
            memcpy(code + (size_t)a * dims, from + (size_t)a * dims, dims * sizeof *code);
}

// Images computed at a time: so many that all threads have work, and so few that their maps stay in the caches.
static int batch_size(const rg_config_t *config)
{
    const int least = 8, most = 64, fit = BATCH_PIXELS / (config->data.img_size * config->data.img_size);
    return fit < least ? least : fit < most ? fit : most;
}

// ---- load

static int open_path(rg_inference_t **networks, const rg_config_t *config, const char *path)
{
    const rg_inference_spec_t spec = {.stage = RG_STAGE_NONE, .path = path, .batch = batch_size(config)};
    return rg_inference_open(networks, config, &spec);
}

// Opens the networks of this checkpoint, or where checkpoint is "", of the newest one; *path: which it is.
static int open_networks(rg_inference_t **networks, const rg_config_t *config, const char *checkpoint,
                         char path[RG_PATH_SIZE])
{
    snprintf(path, RG_PATH_SIZE, "%s", checkpoint);
    int err = *checkpoint ? 0 : rg_checkpoint_newest(config, path);
    return err ? err : open_path(networks, config, path);
}

// The checkpoint before a damaged one, for an encoder that has no networks yet and would serve nothing. A
// stage 2 that is not finished is not served (rg_checkpoint_newest). err: of the damaged one.
static int open_previous(rg_inference_t **networks, const rg_config_t *config, const char *path, int err)
{
    char *previous = rg_checkpoint_previous(path), *damage = rg_strdup(rg_error());
    rg_inference_t *opened = NULL;
    int second = open_path(&opened, config, previous);
    if (!second && rg_checkpoint_unfinished(&opened->info))
        second = rg_fail(RG_EMODEL, "%s: stage 2 is not finished in it", previous);
    if (second) {
        rg_inference_close(&opened);
        err = rg_fail(err, "%.210s; nor can the one before it be served: %.210s", damage, rg_error());
    } else {
        *networks = opened;
        err = 0;
        rg_log(RG_LOG_ERROR, "checkpoint-damaged", "iteration=%llu used=%s error=\"%s\"",
               (unsigned long long)opened->info.iteration, previous, damage);
    }
    free(previous);
    free(damage);
    return err;
}

int rg_answer_load(rg_inference_t **networks, const rg_config_t *config, const rg_msg_t *request,
                   rg_msg_t **reply)
{
    const Rg__V1__LoadRequest *asked = request ? rg_msg_body(request) : NULL;
    char path[RG_PATH_SIZE];
    int err = open_networks(networks, config, asked ? asked->checkpoint : "", path);
    if (!asked && rg_checkpoint_damaged(err)) err = open_previous(networks, config, path, err);
    if (err) return err;
    *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_LOAD_REPLY);
    Rg__V1__LoadReply *body = rg_msg_body(*reply);
    body->model = rg_msg_text(*reply, "%s", (*networks)->embedding);
    body->stage = rg_msg_text(*reply, "%s", (*networks)->info.stage);
    body->iteration = (*networks)->info.iteration;
    return 0;
}

int rg_answer_load_served(rg_inference_t **networks, const rg_config_t *config, const rg_msg_t *served)
{
    const Rg__V1__ServedReply *body = rg_msg_body(served);
    rg_inference_t *opened;
    char path[RG_PATH_SIZE];
    int err = open_networks(&opened, config, body->checkpoint, path);
    if (err) return err;
    if (strcmp(opened->embedding, body->model) == 0) {
        *networks = opened;
        return 0;
    }
    err = rg_fail(RG_EMODEL, "%s: has model %s, but the retrieval service serves %.80s", opened->path,
                  opened->embedding, body->model);
    rg_inference_close(&opened);
    return err;
}

rg_msg_t *rg_answer_announcement(const rg_inference_t *networks)
{
    const rg_config_t *config = networks->config;
    int features[3];
    rg_fusion_features(config, features);
    const uint32_t shape[] = {(uint32_t)features[0], (uint32_t)features[1], (uint32_t)features[2]};
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_MODEL_REQUEST);
    Rg__V1__ModelRequest *body = rg_msg_body(request);
    body->model = rg_msg_text(request, "%s", networks->embedding);
    body->embed_dim = (uint32_t)config->model.embed_dim;
    body->n_features_shape = 3;
    body->features_shape = rg_msg_alloc(request, sizeof shape);
    memcpy(body->features_shape, shape, sizeof shape);
    body->checkpoint = rg_msg_text(request, "%s", networks->path);
    return request;
}

// ---- add

typedef struct {
    const char *name;
    ProtobufCBinaryData id;
    int annotated;
} added_image_t;

// Images on their way to the retrieval service. Everything is borrowed from the message that brought them.
typedef struct {
    added_image_t image[RG_ANSWER_IMAGES_MAX];
    size_t n;
    const uint8_t *pixels;      // [n,S,S,3]
    const rg_msg_t *thumbnails; // the message with the thumbnails, in the same order; NULL: they are stored
} added_images_t;

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

// The thumbnail is not copied: the new message points into the source and holds a reference to it.
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

static int add_item(rg_msg_t *add, const added_images_t *images, size_t i)
{
    const added_image_t *image = &images->image[i];
    Rg__V1__Item *item = ((Rg__V1__AddRequest *)rg_msg_body(add))->items[i];
    item->name = rg_msg_text(add, "%s", image->name);
    item->annotated = image->annotated;
    rg_msg_bytes(add, &item->id, image->id.data, image->id.len);
    return images->thumbnails ? pass_on_thumbnail(add, images->thumbnails, i) : 0;
}

static int compute_added(rg_inference_t *networks, const added_images_t *images, float *embeddings,
                         uint16_t *features)
{
    const rg_config_t *config = networks->config;
    const int maps = config->model.fusion == RG_FUSION_CONCAT;
    size_t map = rg_content_size(config), width = (size_t)config->model.embed_dim;
    size_t each = maps ? map : (size_t)rg_code_width(config);
    size_t image = (size_t)config->data.img_size * (size_t)config->data.img_size * 3;
    const size_t batch = (size_t)networks->batch;
    float *pixels = rg_alloc(batch * image * sizeof *pixels);
    float *content = rg_alloc(batch * map * sizeof *content);
    float *code = rg_alloc(batch * (size_t)rg_code_width(config) * sizeof *code);
    int err = 0;
    for (size_t i = 0; i < images->n && !err; i += batch) {
        size_t left = images->n - i;
        int n = (int)(left < batch ? left : batch);
        rg_pixels_to_float(images->pixels + i * image, (size_t)n * image, pixels);
        err = rg_inference_encode(networks, content, code, pixels, n);
        if (!err) err = rg_inference_embed(networks, NULL, embeddings + i * width, content, code, n, 0);
        rg_half_from_float(features + i * each, maps ? content : code, (size_t)n * each);
    }
    free(code);
    free(content);
    free(pixels);
    return err;
}

static int make_add_request(rg_inference_t *networks, const added_images_t *images, rg_msg_t **out)
{
    const rg_config_t *config = networks->config;
    int shape[3];
    rg_fusion_features(config, shape);
    const uint32_t n = (uint32_t)images->n, rows[] = {n, (uint32_t)config->model.embed_dim},
                   each[] = {n, (uint32_t)shape[0], (uint32_t)shape[1], (uint32_t)shape[2]};
    const size_t bytes = (size_t)each[1] * each[2] * each[3] * sizeof(uint16_t);
    if (n > ((size_t)config->limits.message_max_mib << 20) / bytes)
        return rg_fail(RG_ELIMIT, "features of %u images are larger than limits.message_max_mib: %d", n,
                       config->limits.message_max_mib);
    rg_msg_t *add = rg_msg_new(RG__V1__ENVELOPE__BODY_ADD_REQUEST);
    Rg__V1__AddRequest *body = rg_msg_body(add);
    body->model = rg_msg_text(add, "%s", networks->embedding);
    body->n_items = n;
    body->items = (Rg__V1__Item **)rg_msg_array(add, &rg__v1__item__descriptor, n);
    float *embeddings = rg_msg_reserve(add, "embeddings", RG__V1__DTYPE__F32, 2, rows);
    uint16_t *features = rg_msg_reserve(add, "features", RG__V1__DTYPE__F16, 4, each);
    int err = 0;
    for (size_t i = 0; i < n && !err; i++) err = add_item(add, images, i);
    if (!err) err = compute_added(networks, images, embeddings, features);
    if (err)
        rg_msg_destroy(&add);
    else
        *out = add;
    return err;
}

int rg_answer_store(rg_inference_t *networks, const rg_msg_t *request, rg_msg_t **add)
{
    const Rg__V1__StoreRequest *asked = rg_msg_body(request);
    added_images_t images = {.thumbnails = request};
    rg_payload_t pixels;
    int err = rg_inference_can_embed(networks);
    if (!err) err = rg_answer_pixels(networks, request, "pixels", &pixels);
    if (err) return err;
    if (pixels.shape[0] != asked->n_items)
        return rg_fail(RG_ESHAPE, "%zu items came with the pixels of %u images", asked->n_items,
                       pixels.shape[0]);
    images.pixels = pixels.data;
    for (; images.n < asked->n_items; images.n++) {
        const Rg__V1__Item *item = asked->items[images.n];
        images.image[images.n] = (added_image_t){item->name, item->id, item->annotated};
    }
    err = make_add_request(networks, &images, add);
    if (!err) ((Rg__V1__AddRequest *)rg_msg_body(*add))->asked_us = asked->asked_us;
    return err;
}

static int decode_thumbnail(const rg_config_t *config, const rg_msg_t *source, size_t i, const char *name,
                            uint8_t *pixels)
{
    rg_payload_t jpeg;
    int err = read_thumbnail(source, i, &jpeg);
    return err ? err : rg_image_decode_stored(config, jpeg.data, jpeg.size, name, pixels);
}

int rg_answer_missing(rg_inference_t *networks, const rg_msg_t *list, rg_msg_t **add)
{
    const Rg__V1__ListReply *listed = rg_msg_body(list);
    added_images_t images = {0};
    int err = rg_inference_can_embed(networks);
    if (!err) err = check_count(listed->n_images);
    if (err) return err;
    const rg_config_t *config = networks->config;
    size_t image = (size_t)config->data.img_size * (size_t)config->data.img_size * 3;
    uint8_t *pixels = rg_alloc(listed->n_images * image);
    for (size_t i = 0; i < listed->n_images; i++) {
        const Rg__V1__Listed *found = listed->images[i];
        if (decode_thumbnail(config, list, i, found->name, pixels + images.n * image) != 0)
            rg_log(RG_LOG_WARN, "bad-thumbnail", "error=\"%s\"", rg_error());
        else
            images.image[images.n++] = (added_image_t){found->name, found->id, found->annotated};
    }
    images.pixels = pixels;
    *add = NULL;
    err = images.n ? make_add_request(networks, &images, add) : 0;
    free(pixels);
    return err;
}

// ---- embed and find

// The embeddings [n,D] of a request's pixels; free() them. With edits they are queries for images that show
// the wanted values.
static int embed_pixels(rg_inference_t *networks, const rg_msg_t *request, Rg__V1__Edit *const *asked,
                        size_t n_asked, uint32_t *count, float **embeddings)
{
    rg_edits_t edits;
    rg_payload_t pixels;
    int err = rg_inference_can_embed(networks);
    if (!err) err = rg_answer_edits(&edits, networks->config, asked, n_asked);
    if (!err) err = rg_answer_pixels(networks, request, "pixels", &pixels);
    if (err) return err;
    const rg_config_t *config = networks->config;
    const size_t width = (size_t)rg_code_width(config);
    const uint32_t n = pixels.shape[0];
    float *queries = rg_alloc(n * (size_t)config->model.embed_dim * sizeof *queries);
    float *images = rg_answer_floats(&pixels);
    float *content = rg_alloc(n * rg_content_size(config) * sizeof *content);
    float *code = rg_alloc((n + 1) * width * sizeof *code), *means = code + n * width;
    err = rg_inference_encode(networks, content, code, images, (int)n);
    rg_answer_draw_code(&edits, config, 0, 0, means);
    for (uint32_t i = 0; i < n; i++) rg_answer_edit_code(&edits, config, means, code + i * width);
    if (!err) err = rg_inference_embed(networks, NULL, queries, content, code, (int)n, n_asked > 0);
    free(code);
    free(content);
    free(images);
    if (err) {
        free(queries);
        return err;
    }
    *count = n;
    *embeddings = queries;
    return 0;
}

int rg_answer_embed(rg_inference_t *networks, const rg_msg_t *request, rg_msg_t **reply)
{
    const Rg__V1__EmbedRequest *asked = rg_msg_body(request);
    float *embeddings;
    uint32_t n;
    int err = embed_pixels(networks, request, asked->edits, asked->n_edits, &n, &embeddings);
    if (err) return err;
    const uint32_t shape[] = {n, (uint32_t)networks->config->model.embed_dim};
    *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_EMBED_REPLY);
    ((Rg__V1__EmbedReply *)rg_msg_body(*reply))->model = rg_msg_text(*reply, "%s", networks->embedding);
    rg_msg_copy(*reply, "embeddings", RG__V1__DTYPE__F32, 2, shape, embeddings);
    free(embeddings);
    return 0;
}

// exclude [n,RG_ID_SIZE]: an id that each search must not find; stays NULL if the request has none.
static int read_exclude(const rg_msg_t *request, uint32_t n, const uint8_t **exclude)
{
    const uint32_t want[] = {n, RG_ID_SIZE};
    rg_payload_t ids = {0};
    int err = rg_msg_has(request, "exclude")
                  ? rg_msg_payload(request, "exclude", RG__V1__DTYPE__U8, 2, want, &ids)
                  : 0;
    if (!err) *exclude = ids.data;
    return err;
}

int rg_answer_find(rg_inference_t *networks, const rg_msg_t *request, rg_msg_t **search)
{
    const Rg__V1__FindRequest *asked = rg_msg_body(request);
    const uint8_t *exclude = NULL;
    float *embeddings;
    uint32_t n;
    if (!asked->search) return rg_fail(RG_EINVAL, "search is missing: it says how many images to find");
    int err = embed_pixels(networks, request, asked->edits, asked->n_edits, &n, &embeddings);
    if (err) return err;
    err = read_exclude(request, n, &exclude);
    Rg__V1__SearchRequest fields = *asked->search;
    fields.model = networks->embedding;
    if (!err)
        *search =
            rg_search_request(&fields, n, (uint32_t)networks->config->model.embed_dim, embeddings, exclude);
    free(embeddings);
    return err;
}
