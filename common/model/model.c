// Memory. Every part has one parameter set, whose values, gradients, moments and averaged weights are blocks of
// floats (nn/param.h). The gradients of all sets that train lie in one block of model->gradients, used twice:
//
//     while D learns              [ D                    ]
//     while the others learn      [ E_c | E_a | G | R .. ]
//
// The two kinds of backward pass never overlap in time, so the block is as long as the longer of the two rows.
// G's losses go through D with D frozen, and write no gradient of D.
//
// Translation. The search for neighbours takes a round trip to the retrieval service, so a translation has two
// halves, and the caller computes something else between them:
//
//     rg_translate_ask     embeds content and wanted code with R (no graph: which images are found has no
//                          gradient), and sends the embeddings; `found` is still empty
//     ...                  the trainer judges real images with D; inference has nothing to do here
//     rg_translate_finish  waits until `found` is filled, fuses it with content and code, and runs G
//
// A tape may have several translations under way. Their finishes may come in any order, since a wait returns
// when everything that was asked so far is there. An error of ask or wait is kept on the tape, and the
// translation goes on with zeros, so that callers check for errors once, at the end of their pass.
#include "common/model/model.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/hash.h"
#include "common/model/layers.h"

// ---- parts and their parameters

static void declare_part(rg_model_t *model, enum rg_part part)
{
    rg_params_t *set = &model->set[part];
    switch (part) {
    case RG_CONTENT:
        rg_content_encoder_declare(&model->content, set, &model->config);
        break;
    case RG_ATTRIBUTE:
        rg_attribute_encoder_declare(&model->attribute, set, &model->config);
        break;
    case RG_GENERATOR:
        rg_generator_declare(&model->generator, set, &model->config);
        break;
    case RG_DISCRIMINATOR:
        rg_discriminator_declare(&model->discriminator, set, &model->config);
        break;
    case RG_EMBEDDER:
        rg_embedder_declare(&model->embedder, set, &model->config);
        break;
    case RG_FUSION:
        rg_fusion_declare(&model->fusion, set, &model->config);
        break;
    case RG_PARTS:
        break;
    }
}

// Gives each set that trains its place in the block of gradients.
static void alloc_parts(rg_model_t *model, unsigned trains)
{
    size_t at[RG_PARTS] = {0}, of_d = 0, of_others = 0;
    for (int part = 0; part < RG_PARTS; part++) {
        size_t count = trains & RG_PART_BIT(part) ? model->set[part].count : 0;
        if (part == RG_DISCRIMINATOR)
            of_d = count;
        else
            at[part] = of_others, of_others += count;
    }
    const size_t size = of_d > of_others ? of_d : of_others;
    if (trains) model->gradients = rg_alloc_lines(size * sizeof *model->gradients);
    for (int part = 0; part < RG_PARTS; part++) {
        if (!(model->parts & RG_PART_BIT(part))) continue;
        if (trains & RG_PART_BIT(part))
            rg_params_alloc_in(&model->set[part], model->gradients, size, at[part], part != RG_DISCRIMINATOR);
        else
            rg_params_alloc(&model->set[part], 0);
        rg_layers_init(&model->set[part], model->config.seed);
    }
}

void rg_model_new(rg_model_t **out, const rg_config_t *config, unsigned parts, unsigned trains)
{
    rg_model_t *model = rg_alloc(sizeof *model);
    model->config = *config;
    model->parts = parts;
    for (enum rg_part part = 0; part < RG_PARTS; part++) {
        if (!(parts & RG_PART_BIT(part))) continue;
        rg_params_init(&model->set[part], rg_part_name(part));
        declare_part(model, part);
    }
    alloc_parts(model, trains);
    if (parts & RG_PART_BIT(RG_FUSION)) rg_fusion_init(&model->fusion);
    *out = model;
}

void rg_model_destroy(rg_model_t **out)
{
    rg_model_t *model = *out;
    if (!model) return;
    for (int part = 0; part < RG_PARTS; part++) rg_params_fini(&model->set[part]);
    free(model->gradients);
    free(model);
    *out = NULL;
}

int rg_model_load(rg_model_t **model, const rg_config_t *config, enum rg_stage stage, const char *path,
                  rg_checkpoint_info_t *info)
{
    const rg_checkpoint_wanted_t wanted = {
        .config = config, .attributes = &config->data.attributes, .use = RG_CHECKPOINT_START};
    rg_params_t *sets[RG_PARTS];
    rg_model_new(model, config, rg_stage_parts(stage, config) & ~RG_PART_BIT(RG_DISCRIMINATOR), 0);
    int err = rg_checkpoint_load(path, &wanted, sets, rg_model_sets(*model, sets), info);
    if (err) rg_model_destroy(model);
    return err;
}

int rg_model_sets(rg_model_t *model, rg_params_t *sets[RG_PARTS])
{
    int n = 0;
    for (int part = 0; part < RG_PARTS; part++)
        if (model->parts & RG_PART_BIT(part) && model->set[part].n > 0) sets[n++] = &model->set[part];
    return n;
}

void rg_model_id(const rg_model_t *model, char id[17])
{
    static const enum rg_part EMBEDDING[] = {RG_CONTENT, RG_ATTRIBUTE, RG_EMBEDDER};
    uint64_t hash = rg_hash(&model->config.model.fusion, sizeof(int), (uint64_t)model->config.data.img_size);
    for (int i = 0; i < 3; i++) {
        const rg_params_t *set = &model->set[EMBEDDING[i]];
        hash = rg_hash(set->value, set->count * sizeof *set->value, hash);
    }
    rg_hash_hex(hash, id);
}

void rg_model_weights(const rg_model_t *model, char out[17])
{
    uint64_t hash = 0;
    for (int part = 0; part < RG_PARTS; part++)
        if (model->set[part].n > 0)
            hash = rg_hash(model->set[part].value, model->set[part].count * sizeof(float), hash);
    rg_hash_hex(hash, out);
}

// ---- translation

rg_decode_t rg_translate_ask(rg_tape_t *tape, const rg_model_t *model, rg_translate_source_t source,
                             const rg_retriever_t *retriever, const unsigned char *exclude)
{
    rg_decode_t decode = {.source = source, .retriever = retriever};
    if (!(model->parts & RG_PART_BIT(RG_FUSION))) return decode;
    int shape[3], rows = source.changed;
    if (rows == 0 || model->fusion.form == RG_FUSION_CONCAT)
        rows = rg_fusion_rows(tape, &model->fusion, source.code, source.own);
    if (rows == 0) return decode;
    assert(retriever);
    rg_fusion_features(&model->config, shape);
    decode.found = rg_tape_tensor(tape, rows, shape[0], shape[1], shape[2] * model->config.model.k);
    if (!retriever->ask) {
        decode.retriever = NULL;
        memset(decode.found->data, 0, rg_tensor_size(decode.found) * sizeof(float));
        return decode;
    }
    rg_tape_pause(tape); // which images are found has no gradient
    rg_tensor_t *code = rg_query_code(tape, &model->embedder, rg_rows(tape, source.code, 0, rows)),
                *query = rg_embed(tape, &model->embedder, rg_rows(tape, source.content, 0, rows), code, NULL);
    rg_tape_resume(tape);
    rg_tape_op(tape, "ask for neighbours");
    int err =
        retriever->ask(retriever->self, rg_tape_read(tape, query), query->n, exclude, decode.found->data);
    if (err) rg_tape_fail(tape, err);
    return decode;
}

static void translate_wait(rg_tape_t *tape, const rg_decode_t *decode)
{
    rg_tape_op(tape, "wait for neighbours");
    int err = decode->retriever->wait(decode->retriever->self);
    if (err) {
        memset(decode->found->data, 0, rg_tensor_size(decode->found) * sizeof(float));
        rg_tape_fail(tape, err);
    }
}

rg_tensor_t *rg_translate_finish(rg_tape_t *tape, const rg_model_t *model, rg_decode_t *decode)
{
    const rg_translate_source_t *source = &decode->source;
    rg_tensor_t *content = source->content, *found = decode->found;
    decode->code = source->code;
    if (found) {
        if (decode->retriever) translate_wait(tape, decode);
        rg_fuse(tape, &model->fusion, &content, &decode->code, source->own, found);
    }
    return rg_generate(tape, &model->generator, content, decode->code);
}

rg_tensor_t *rg_keep_detail(rg_tape_t *tape, rg_tensor_t *y, rg_tensor_t *rebuilt, rg_tensor_t *image)
{
    static const rg_clip_t range = {-1, 1, 0};
    return rg_clip(tape, rg_add(tape, y, rg_broadcast(tape, RG_MINUS, image, rebuilt)), &range);
}

static rg_tensor_t *decode_now(rg_tape_t *tape, const rg_model_t *model, rg_translate_source_t source,
                               const rg_retriever_t *retriever, const unsigned char *exclude)
{
    rg_decode_t decode = rg_translate_ask(tape, model, source, retriever, exclude);
    return rg_translate_finish(tape, model, &decode);
}

enum { ID_SIZE = 16 }; // of an image that a search excludes

// The translations, and the reconstructions of their sources, in one decode.
static rg_tensor_t *translate_detailed(rg_tape_t *tape, const rg_model_t *model, rg_translate_source_t source,
                                       rg_tensor_t *image, const rg_retriever_t *retriever,
                                       const unsigned char *exclude)
{
    const int n = image->n;
    const size_t bytes = (size_t)n * ID_SIZE;
    const rg_translate_source_t both = {.content = rg_stack(tape, source.content, source.content),
                                        .code = rg_stack(tape, source.code, source.own),
                                        .own = rg_stack(tape, source.own, source.own)};
    unsigned char *ids = exclude ? rg_tape_alloc(tape, 2 * bytes) : NULL;
    for (size_t i = 0; ids && i < 2; i++) memcpy(ids + i * bytes, exclude, bytes);
    rg_tensor_t *y = decode_now(tape, model, both, retriever, ids);
    return rg_keep_detail(tape, rg_rows(tape, y, 0, n), rg_rows(tape, y, n, n), image);
}

rg_tensor_t *rg_translate(rg_tape_t *tape, const rg_model_t *model, rg_translate_source_t source,
                          rg_tensor_t *image, const rg_retriever_t *retriever, const unsigned char *exclude)
{
    return model->config.model.detail && image
               ? translate_detailed(tape, model, source, image, retriever, exclude)
               : decode_now(tape, model, source, retriever, exclude);
}
