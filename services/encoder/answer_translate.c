// How a TranslateRequest is answered:
//
//   1. All sources are encoded: content maps and own codes.
//   2. The codes with the wanted attributes are taken from the references, or drawn once per sample.
//   3. The outputs are decoded in batches. In a batch, the wanted dimensions of each source's own code are
//      replaced (rg_answer_edit_code), and inference translates. A stage 3 model asks for neighbours there:
//      rg_neighbours_ask sends the batch's queries and returns, rg_neighbours_wait blocks until all features
//      have come, and then G decodes. Each reply is seen while it is there (note_neighbours), so that the
//      answer can name the neighbours.
//
// The job runs on a thread of its own with a link of its own, so waiting here does not block the loop.
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/data/image.h"
#include "common/wire/neighbours.h"
#include "services/encoder/answer.h"

typedef struct {
    rg_inference_t *networks;
    const Rg__V1__TranslateRequest *asked;
    rg_edits_t edits;
    float *sources, *references; // [n,S,S,3], owned; references NULL: codes are drawn
    uint32_t n, samples;
    size_t map, width; // floats of a content map and of a code
    float *content;    // [n,map]
    float *code;       // [n,width] of the sources
    float *from;       // [n,width] of the references, or [samples,width] draws
    rg_msg_t *reply;
    size_t output, count; // of the batch that is being decoded: its first output, and their number
    rg_neighbours_t neighbours;
} translation_t;

static int check_outputs(const translation_t *t)
{
    const rg_config_t *config = t->networks->config;
    const size_t message = (size_t)config->limits.message_max_mib << 20;
    const size_t image = (size_t)config->data.img_size * (size_t)config->data.img_size * 3;
    const uint64_t outputs = (uint64_t)t->n * t->samples;
    if (outputs > RG_ANSWER_OUTPUTS_MAX)
        return rg_fail(RG_ELIMIT, "%u samples of %u images: a request may ask for at most %d translations",
                       t->samples, t->n, RG_ANSWER_OUTPUTS_MAX);
    if (outputs > message / image)
        return rg_fail(RG_ELIMIT, "%u translations are larger than limits.message_max_mib: %d",
                       (unsigned)outputs, config->limits.message_max_mib);
    return 0;
}

static int read_translate_request(translation_t *t, const rg_msg_t *request)
{
    rg_payload_t pixels, references;
    int err = rg_inference_can_translate(t->networks);
    if (!err) err = rg_answer_edits(&t->edits, t->networks->config, t->asked->edits, t->asked->n_edits);
    if (!err) err = rg_answer_pixels(t->networks, request, "pixels", &pixels);
    if (err) return err;
    t->sources = rg_answer_floats(&pixels);
    t->n = pixels.shape[0];
    t->samples = t->asked->samples ? t->asked->samples : 1;
    if (t->asked->guidance != RG__V1__GUIDANCE__RETRIEVED && t->asked->guidance != RG__V1__GUIDANCE__NONE)
        return rg_fail(RG_EINVAL, "guidance: %d is neither RETRIEVED nor NONE", (int)t->asked->guidance);
    if (rg_msg_has(request, "references")) {
        err = rg_answer_pixels(t->networks, request, "references", &references);
        if (err) return err;
        if (references.shape[0] != t->n)
            return rg_fail(RG_ESHAPE, "%u references came with %u images", references.shape[0], t->n);
        if (t->samples > 1)
            return rg_fail(RG_EINVAL, "samples: %u: with references there is one translation per image",
                           t->samples);
        t->references = rg_answer_floats(&references);
    }
    return check_outputs(t);
}

// Content and codes of the sources, and the codes that the wanted attributes are taken from.
static int encode_sources(translation_t *t)
{
    const rg_config_t *config = t->networks->config;
    t->map = rg_content_size(config);
    t->width = (size_t)rg_code_width(config);
    const uint32_t rows = t->references ? t->n : t->samples;
    t->content = rg_alloc(t->n * t->map * sizeof *t->content);
    t->code = rg_alloc(t->n * t->width * sizeof *t->code);
    t->from = rg_alloc(rows * t->width * sizeof *t->from);
    int err = rg_inference_encode(t->networks, t->content, t->code, t->sources, (int)t->n);
    if (!err && t->references)
        return rg_inference_encode(t->networks, NULL, t->from, t->references, (int)t->n);
    for (uint32_t s = 0; s < rows; s++)
        rg_answer_draw_code(&t->edits, config, t->asked->seed, s, t->from + s * t->width);
    return err;
}

static void copy_neighbour(rg_msg_t *msg, Rg__V1__Neighbour *out, const Rg__V1__Neighbour *found)
{
    rg_msg_bytes(msg, &out->id, found->id.data, found->id.len);
    out->name = rg_msg_text(msg, "%s", found->name);
    out->dist_l2sq = found->dist_l2sq;
    out->generation = found->generation;
    out->annotated = found->annotated;
    out->added_ms = found->added_ms;
}

// The first neighbours of a batch are those of its outputs. Others may follow: those of the reconstructions
// (rg_translate), which nobody is told. Missing neighbours keep their empty ids.
static void note_neighbours(void *self, int first, const rg_msg_t *reply)
{
    translation_t *t = self;
    Rg__V1__TranslateReply *body = rg_msg_body(t->reply);
    const Rg__V1__SearchReply *found = rg_msg_body(reply);
    const size_t k = (size_t)t->neighbours.k, at = (t->output + (size_t)first) * k;
    if (!body->neighbours) {
        body->n_neighbours = (size_t)t->n * t->samples * k;
        body->neighbours =
            (Rg__V1__Neighbour **)rg_msg_array(t->reply, &rg__v1__neighbour__descriptor, body->n_neighbours);
    }
    for (size_t i = 0; i < found->n_neighbours && (size_t)first * k + i < t->count * k; i++)
        copy_neighbour(t->reply, body->neighbours[at + i], found->neighbours[i]);
    body->generation = t->neighbours.generation;
}

// What a stage 3 model asks for neighbours.
static rg_retriever_t neighbour_source(translation_t *t)
{
    if (t->asked->guidance == RG__V1__GUIDANCE__NONE) return (rg_retriever_t){0};
    return (rg_retriever_t){rg_neighbours_ask, rg_neighbours_wait, &t->neighbours};
}

// Decodes `count` outputs from `first` on. Output i is sample i % samples of image i / samples.
static int decode_batch(translation_t *t, uint32_t first, uint32_t count, uint8_t *pixels)
{
    const rg_config_t *config = t->networks->config;
    const rg_retriever_t asked = neighbour_source(t);
    const size_t side = (size_t)config->data.img_size, size = side * side * 3;
    float *content = rg_alloc(count * t->map * sizeof *content),
          *own = rg_alloc(count * t->width * sizeof *own), *code = rg_alloc(count * t->width * sizeof *code);
    float *sources = rg_alloc(count * size * sizeof *sources),
          *image = rg_alloc(count * size * sizeof *image);
    t->output = first;
    t->count = count;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t source = (first + i) / t->samples, sample = (first + i) % t->samples;
        const float *from = t->from + (t->references ? source : sample) * t->width;
        memcpy(content + i * t->map, t->content + source * t->map, t->map * sizeof *content);
        memcpy(sources + i * size, t->sources + source * size, size * sizeof *sources);
        memcpy(own + i * t->width, t->code + source * t->width, t->width * sizeof *own);
        memcpy(code + i * t->width, own + i * t->width, t->width * sizeof *code);
        rg_answer_edit_code(&t->edits, config, from, code + i * t->width);
    }
    const rg_inference_source_t shown = {.pixels = sources, .content = content, .own = own, .code = code};
    int err = rg_inference_translate(t->networks, image, shown, (int)count, &asked);
    rg_pixels_to_u8(image, count * size, pixels);
    free(image);
    free(sources);
    free(code);
    free(own);
    free(content);
    return err;
}

static int decode_all(translation_t *t, const atomic_int *stop)
{
    const rg_config_t *config = t->networks->config;
    const uint32_t side = (uint32_t)config->data.img_size, outputs = t->n * t->samples;
    Rg__V1__TranslateReply *body = rg_msg_body(t->reply);
    body->stage = rg_msg_text(t->reply, "%s", t->networks->info.stage);
    uint8_t *pixels =
        rg_msg_reserve(t->reply, "pixels", RG__V1__DTYPE__U8, 4, (const uint32_t[]){outputs, side, side, 3});
    int err = 0;
    const uint32_t batch = (uint32_t)t->networks->batch;
    for (uint32_t i = 0; i < outputs && !err; i += batch) {
        const uint32_t left = outputs - i, count = left < batch ? left : batch;
        err = atomic_load(stop) ? rg_fail(RG_ESTOPPED, "stopped after %u of %u translations", i, outputs)
                                : decode_batch(t, i, count, pixels + (size_t)i * side * side * 3);
    }
    return err;
}

int rg_answer_translate(rg_inference_t *networks, rg_link_t *retrieval, const atomic_int *stop,
                        const rg_msg_t *request, rg_msg_t **reply)
{
    translation_t t = {.networks = networks, .asked = rg_msg_body(request)};
    int err = read_translate_request(&t, request);
    if (err) goto refuse;
    int features[3];
    rg_fusion_features(networks->config, features);
    rg_neighbours_init(&t.neighbours, networks->config, features, retrieval, networks->embedding);
    t.neighbours.on_reply = note_neighbours;
    t.neighbours.on_reply_self = &t;
    t.neighbours.seed = t.asked->seed;
    t.reply = rg_msg_new(RG__V1__ENVELOPE__BODY_TRANSLATE_REPLY);
    err = encode_sources(&t);
    if (!err) err = decode_all(&t, stop);
    rg_neighbours_fini(&t.neighbours);
refuse:
    free(t.references);
    free(t.sources);
    free(t.from);
    free(t.code);
    free(t.content);
    if (err)
        rg_msg_destroy(&t.reply);
    else
        *reply = t.reply;
    return err;
}
