// Each function export_NETWORK is the forward function of that network with nodes in the place of operations; read
// both side by side (encoders.c, embedder.c, generator.c). Geometry and weights come from the same layers, so that
// only the order of the layers is said twice. A unit test compares both.
#include "common/model/export.h"

#include <assert.h>
#include <stdio.h>

#include "common/core/err.h"
#include "common/model/export_layers.h"

#define NODE(...) rg_onnx_write_node(file, __VA_ARGS__, NULL)
#define INTS(...)                                                                                            \
    (const int64_t[])                                                                                        \
    {                                                                                                        \
        __VA_ARGS__                                                                                          \
    }
#define SIDES(...)                                                                                           \
    (const int[])                                                                                            \
    {                                                                                                        \
        __VA_ARGS__                                                                                          \
    }

// ---- inputs

static rg__map_t image_input(rg_onnx_writer_t *file, const rg_model_t *model)
{
    int side = model->config.data.img_size;
    return (rg__map_t){
        rg_onnx_write_input(file, "image", "the source, RGB in -1..1", 3, SIDES(3, side, side)), 3, side,
        side};
}

static rg__map_t content_input(rg_onnx_writer_t *file, const rg_model_t *model)
{
    int c = rg_content_channels(&model->config), side = rg_content_side(&model->config);
    return (rg__map_t){
        rg_onnx_write_input(file, "content", "the source's, by content.onnx", 3, SIDES(c, side, side)), c,
        side, side};
}

static rg__map_t code_input(rg_onnx_writer_t *file, const rg_model_t *model, const char *name,
                            const char *about)
{
    int width = rg_code_width(&model->config);
    return (rg__map_t){rg_onnx_write_input(file, name, about, 1, SIDES(width)), width};
}

// ---- E_c and E_a

static void export_content(rg_onnx_writer_t *file, const rg_model_t *model)
{
    const rg_content_encoder_t *net = &model->content;
    rg__map_t c = image_input(file, model);
    c = rg__export_instance_norm(file, rg__export_conv(file, c, &net->in), RG_ACT_RELU, NULL);
    for (int i = 0; i < 2; i++)
        c = rg__export_instance_norm(file, rg__export_conv(file, c, &net->down[i]), RG_ACT_RELU, NULL);
    for (int i = 0; i < net->n_res; i++) {
        rg__map_t inner =
            rg__export_instance_norm(file, rg__export_conv(file, c, &net->res[i][0]), RG_ACT_RELU, NULL);
        c = rg__export_instance_norm(file, rg__export_conv(file, inner, &net->res[i][1]), RG_ACT_NONE, &c);
    }
    rg_onnx_write_output(file, c.name, "content", "what stays when attributes change", 3,
                         SIDES(c.c, c.h, c.w));
}

static void export_attribute(rg_onnx_writer_t *file, const rg_model_t *model)
{
    const rg_attribute_encoder_t *net = &model->attribute;
    rg__map_t x = rg__export_conv(file, image_input(file, model), &net->in);
    for (int i = 0; i < 4; i++) x = rg__export_conv(file, x, &net->down[i]);
    x = rg__export_linear(file, rg__export_global_mean(file, x), &net->mean);
    rg_onnx_write_output(file, x.name, "code",
                         "attr_dims numbers for each attribute, near +1 where it is set, near -1 where not",
                         1, SIDES(x.c));
}

// ---- R

// rg_query_code: for each attribute +1 or -1, whichever the mean of its numbers is nearer to.
static rg__map_t query_code(rg_onnx_writer_t *file, const rg_embedder_t *net, rg__map_t code)
{
    int a = net->attributes, z = net->dims;
    if (!net->scale) return code;
    rg_onnx_write_scope(file, "query");
    const char *x = NODE("Reshape", code.name, rg_onnx_write_ints(file, 3, INTS(0, a, z)));
    x = NODE("ReduceMean", x);
    rg_onnx_write_list(file, "axes", 1, INTS(2));
    x = NODE("Greater", x, rg_onnx_write_number(file, 0, 0));
    x = NODE("Where", x, rg_onnx_write_number(file, 0, 1), rg_onnx_write_number(file, 0, -1));
    x = NODE("Mul", x, rg_onnx_write_number(file, z, 1));
    code.name = NODE("Reshape", x, rg_onnx_write_ints(file, 2, INTS(0, a * z)));
    return code;
}

// The layers behind the convolutions, with a code.
static rg__map_t export_embedding(rg_onnx_writer_t *file, const rg_embedder_t *net, rg__map_t flat,
                                  rg__map_t code)
{
    rg__map_t x = rg__export_concat(file, flat, code);
    for (int i = 0; i < 3; i++) x = rg__export_linear(file, x, &net->fc[i]);
    return net->scale ? rg__export_unit(file, x) : x;
}

static void export_embedder(rg_onnx_writer_t *file, const rg_model_t *model)
{
    const rg_embedder_t *net = &model->embedder;
    rg__map_t x = content_input(file, model),
              code = code_input(file, model, "code", "of the image, or what the images to find show");
    for (int i = 0; i < RG_EMBEDDER_BLOCKS; i++)
        x = rg__export_layer_norm(file, rg__export_conv(file, x, &net->conv[i]), &net->norm[i], RG_ACT_RELU);
    x = rg__export_flatten(file, x);
    rg__map_t embedding = export_embedding(file, net, x, code),
              query = export_embedding(file, net, x, query_code(file, net, code));
    rg_onnx_write_output(file, embedding.name, "embedding", "of an image with this content and code", 1,
                         SIDES(embedding.c));
    rg_onnx_write_output(file, query.name, "query", "the images to find have the nearest embeddings", 1,
                         SIDES(query.c));
}

// ---- the fusion

// What the numbers of each attribute of a code differ from their mean.
static const char *write_differences(rg_onnx_writer_t *file, const rg_fusion_t *net, const char *code)
{
    const char *rows =
                   NODE("Reshape", code, rg_onnx_write_ints(file, 3, INTS(0, net->attributes, net->dims))),
               *mean = NODE("ReduceMean", rows);
    rg_onnx_write_list(file, "axes", 1, INTS(2));
    return NODE("Reshape", NODE("Sub", rows, mean),
                rg_onnx_write_ints(file, 2, INTS(0, net->attributes * net->dims)));
}

// guided_code: where the wanted code differs from the source's own, the code of the neighbours that are not all zeros
// (generator.h).
static rg__map_t guided_code(rg_onnx_writer_t *file, const rg_fusion_t *net, rg__map_t code, rg__map_t own)
{
    const char *zero = rg_onnx_write_number(file, 0, 0), *one = rg_onnx_write_number(file, 0, 1),
               *second = rg_onnx_write_ints(file, 1, INTS(1));
    const char *codes = rg_onnx_write_input(
        file, "neighbours", "codes of real images, zeros for missing ones", 2, SIDES(-1, code.c));
    rg_onnx_write_scope(file, "fusion");
    const char *largest = NODE("ReduceMax", NODE("Abs", codes));
    rg_onnx_write_list(file, "axes", 1, INTS(2));
    rg_onnx_write_int(file, "keepdims", 0);
    const char *there = NODE("Cast", NODE("Greater", largest, zero));
    rg_onnx_write_int(file, "to", 1);
    const char *count = NODE("ReduceSum", there, second), *sum = NODE("ReduceSum", codes, second);
    rg_onnx_write_int(file, "keepdims", 0);
    const char *mean = NODE("Div", sum, NODE("Max", count, one)),
               *guided = NODE("Add", mean, write_differences(file, net, code.name)),
               *changes = NODE("Not", NODE("Equal", code.name, own.name)),
               *guides = NODE("And", changes, NODE("Greater", count, zero));
    code.name = rg_onnx_write_rename(file, NODE("Where", guides, guided, code.name), "guided_code");
    return code;
}

// channels: how the file calls the neighbours' maps side by side.
static rg__map_t joined_content(rg_onnx_writer_t *file, const rg_fusion_t *net, rg__map_t content,
                                const char *neighbours, const char *channels)
{
    rg__map_t found = {.c = net->k * content.c, .h = content.h, .w = content.w};
    const char *maps = rg_onnx_write_input(file, neighbours, "content of real images, zeros for missing ones",
                                           4, SIDES(net->k, content.c, content.h, content.w));
    rg_onnx_write_scope(file, "fusion");
    found.name = NODE("Reshape", maps, rg_onnx_write_ints(file, 4, INTS(0, found.c, found.h, found.w)));
    found.name = rg_onnx_write_rename(file, found.name, channels);
    found = rg__export_conv(file, found, &net->neighbours);
    return rg__export_conv(file, rg__export_concat(file, content, found), &net->join);
}

// ---- G, the translation without and with detail (model.h)

static rg__map_t export_decoder(rg_onnx_writer_t *file, const rg_generator_t *net, rg__map_t x,
                                rg__map_t code)
{
    rg__map_t style = code;
    int step = 2 * x.c;
    for (int i = 0; i < 3; i++) style = rg__export_linear(file, style, &net->mlp[i]);
    for (int i = 0; i < net->n_res; i++) {
        rg__map_t inner = rg__export_adain(file, rg__export_conv(file, x, &net->res[i][0]), style,
                                           2 * i * step, RG_ACT_RELU, NULL);
        x = rg__export_adain(file, rg__export_conv(file, inner, &net->res[i][1]), style, (2 * i + 1) * step,
                             RG_ACT_NONE, &x);
    }
    for (int i = 0; i < 2; i++)
        x = rg__export_layer_norm(file, rg__export_conv(file, x, &net->up[i]), &net->norm[i], RG_ACT_RELU);
    return rg__export_act(file, rg__export_conv(file, x, &net->out), RG_ACT_TANH);
}

typedef struct {
    int style, concat; // the form of the fusion; both 0: the generator has no fusion
    rg__map_t content, code, own;
} translation_t;

// rg_keep_detail. The reconstruction has the source's own code, which no neighbours change.
static rg__map_t keep_detail(rg_onnx_writer_t *file, const rg_model_t *model, const translation_t *from,
                             rg__map_t y)
{
    rg__map_t image = image_input(file, model), content = from->content;
    if (from->concat)
        content = joined_content(file, &model->fusion, content, "own_neighbours", "own_neighbour_channels");
    rg__map_t rebuilt = export_decoder(file, &model->generator, content, from->own);
    rg_onnx_write_scope(file, "detail");
    y.name = NODE("Add", y.name, NODE("Sub", image.name, rebuilt.name));
    y.name = NODE("Clip", y.name, rg_onnx_write_number(file, 0, -1), rg_onnx_write_number(file, 0, 1));
    return y;
}

static void export_generator(rg_onnx_writer_t *file, const rg_model_t *model)
{
    const int fused = (model->parts & RG_PART_BIT(RG_FUSION)) != 0, detail = model->config.model.detail;
    translation_t from = {.style = fused && model->fusion.form == RG_FUSION_STYLE,
                          .concat = fused && model->fusion.form == RG_FUSION_CONCAT};
    from.content = content_input(file, model);
    from.code = code_input(file, model, "code", "the wanted one: own, with +1 or -1 for what shall change");
    if (from.style || detail)
        from.own = code_input(file, model, "own", "the source's code, by attribute.onnx");
    rg__map_t content = from.content, code = from.code;
    if (from.style) code = guided_code(file, &model->fusion, code, from.own);
    if (from.concat)
        content = joined_content(file, &model->fusion, content, "neighbours", "neighbour_channels");
    rg__map_t y = export_decoder(file, &model->generator, content, code);
    if (detail) y = keep_detail(file, model, &from, y);
    rg_onnx_write_output(file, y.name, "translation", "RGB in -1..1", 3, SIDES(3, y.h, y.w));
}

// ---- the files

static const struct {
    const char *name, *about;
    enum rg_part part;
    void (*write)(rg_onnx_writer_t *file, const rg_model_t *model);
} NETWORKS[RG_EXPORTS] = {
    {"content", "E_c, the content encoder", RG_CONTENT, export_content},
    {"attribute", "E_a, the attribute encoder", RG_ATTRIBUTE, export_attribute},
    {"embedder", "R, the retrieval net", RG_EMBEDDER, export_embedder},
    {"generator", "G, the generator", RG_GENERATOR, export_generator},
};

const char *rg_export_name(enum rg_export network)
{
    return NETWORKS[network].name;
}

int rg_export_has(unsigned parts, enum rg_export network)
{
    return (parts & RG_PART_BIT(NETWORKS[network].part)) != 0;
}

int rg_export_load(rg_model_t **model, const rg_config_t *config, enum rg_stage stage,
                   rg_checkpoint_info_t *info)
{
    char path[RG_PATH_SIZE];
    int err;
    if (stage == RG_STAGE_CLASSIFIER)
        return rg_fail(RG_EUSAGE, "the classifier translates nothing: expected stage 1, 2 or 3");
    if (stage == RG_STAGE_NONE) {
        err = rg_checkpoint_newest(config, path);
        if (!err) err = rg_checkpoint_peek(path, info);
        if (!err) err = rg_stage_find(info->stage, &stage);
    } else {
        err = rg_checkpoint_peek_stage(config, stage, path, info);
    }
    return err ? err : rg_model_load(model, config, stage, path, info);
}

static void write_names(rg_onnx_writer_t *file, const rg_names_t *names)
{
    char text[RG_ATTRIBUTES_MAX * RG_NAME_SIZE] = "";
    size_t at = 0;
    for (int i = 0; i < names->count; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i ? " " : "", names->name[i]);
    rg_onnx_write_note(file, "attributes", "%s", text);
}

static void write_notes(rg_onnx_writer_t *file, const rg_model_t *model, const rg_checkpoint_info_t *info,
                        enum rg_export network)
{
    const int fused = (model->parts & RG_PART_BIT(RG_FUSION)) != 0;
    char id[17];
    rg_onnx_write_note(file, "network", "%s", NETWORKS[network].name);
    rg_onnx_write_note(file, "stage", "%s", info->stage);
    rg_onnx_write_note(file, "iteration", "%llu", (unsigned long long)info->iteration);
    write_names(file, &model->config.data.attributes);
    rg_onnx_write_note(file, "attr_dims", "%d", model->config.model.attr_dims);
    rg_onnx_write_note(file, "img_size", "%d", model->config.data.img_size);
    rg_onnx_write_note(file, "pixels", "RGB, value / 127.5 - 1");
    rg_onnx_write_note(file, "fusion", "%s",
                       !fused                                  ? "none"
                       : model->fusion.form == RG_FUSION_STYLE ? "style"
                                                               : "concat");
    rg_model_weights(model, id);
    rg_onnx_write_note(file, "weights", "%s", id);
    if (!rg_export_has(model->parts, RG_EXPORT_EMBEDDER)) return;
    rg_model_id(model, id);
    rg_onnx_write_note(file, "model", "%s", id);
}

int rg_export_pack(const rg_model_t *model, const rg_checkpoint_info_t *info, enum rg_export network,
                   unsigned char **bytes, size_t *size)
{
    rg_onnx_writer_t *file;
    assert(rg_export_has(model->parts, network));
    rg_onnx_writer_new(&file, NETWORKS[network].name, NETWORKS[network].about);
    NETWORKS[network].write(file, model);
    write_notes(file, model, info, network);
    int err = rg_onnx_write_pack(file, bytes, size);
    rg_onnx_writer_destroy(&file);
    return err;
}
