// reference DIR: writes exported networks of every form and what ours compute, for runtimes to repeat (compare.mjs):
// DIR/FORM-NETWORK.onnx, and DIR/FORM-NETWORK.json with {inputs, outputs}, each NAME: {dims, data} in ONNX's order.
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/file.h"
#include "common/model/export.h"
#include "tests/unit/model/forms.h"

typedef struct {
    json_t *inputs, *outputs;
} case_t;

// The numbers of a tensor, channels first. k > 0: the channels are those of k neighbours, [N,k,C/k,..].
static json_t *numbers(const rg_tensor_t *x, int k)
{
    json_t *dims = json_array(), *data = json_array();
    json_array_append_new(dims, json_integer(x->n));
    if (k) json_array_append_new(dims, json_integer(k));
    json_array_append_new(dims, json_integer(k ? x->c / k : x->c));
    if (x->h > 1) json_array_append_new(dims, json_integer(x->h));
    if (x->h > 1) json_array_append_new(dims, json_integer(x->w));
    for (int n = 0; n < x->n; n++)
        for (int c = 0; c < x->c; c++)
            for (int p = 0; p < x->h * x->w; p++)
                json_array_append_new(data, json_real((double)x->data[(n * x->h * x->w + p) * x->c + c]));
    return json_pack("{s:o, s:o}", "dims", dims, "data", data);
}

static void put(json_t *to, const char *name, const rg_tensor_t *x, int k)
{
    json_object_set_new(to, name, numbers(x, k));
}

static void write_case(const lab_t *lab, const char *folder, int form, enum rg_export network, case_t *values)
{
    const rg_checkpoint_info_t info = {.stage = "stage3", .iteration = 7};
    unsigned char *bytes;
    size_t size;
    char *name = rg_format("%s/%d-%s", folder, form, rg_export_name(network)),
         *onnx = rg_format("%s.onnx", name), *json = rg_format("%s.json", name);
    assert_ok(rg_export_pack(lab->model, &info, network, &bytes, &size));
    assert_ok(rg_file_write(onnx, bytes, size));
    json_t *all = json_pack("{s:o, s:o}", "inputs", values->inputs, "outputs", values->outputs);
    char *text = json_dumps(all, JSON_COMPACT);
    assert_ok(rg_file_write(json, text, strlen(text)));
    json_decref(all);
    free(text);
    free(bytes);
    free(name);
    free(onnx);
    free(json);
}

static case_t new_case(void)
{
    return (case_t){json_object(), json_object()};
}

static void write_encoders(lab_t *lab, const char *folder, int form)
{
    case_t content = new_case(), attribute = new_case();
    rg_tensor_t *x = lab_image(lab);
    put(content.inputs, "image", x, 0);
    put(content.outputs, "content", rg_content_encode(lab->tape, &lab->model->content, x), 0);
    write_case(lab, folder, form, RG_EXPORT_CONTENT, &content);
    put(attribute.inputs, "image", x, 0);
    put(attribute.outputs, "code", rg_attribute_encode(lab->tape, &lab->model->attribute, x), 0);
    write_case(lab, folder, form, RG_EXPORT_ATTRIBUTE, &attribute);
}

static void write_embedder(lab_t *lab, const char *folder, int form)
{
    const rg_embedder_t *net = &lab->model->embedder;
    case_t values = new_case();
    rg_tensor_t *content = lab_content(lab), *code = lab_code(lab);
    put(values.inputs, "content", content, 0);
    put(values.inputs, "code", code, 0);
    put(values.outputs, "embedding", rg_embed(lab->tape, net, content, code, NULL), 0);
    put(values.outputs, "query", rg_embed(lab->tape, net, content, rg_query_code(lab->tape, net, code), NULL),
        0);
    write_case(lab, folder, form, RG_EXPORT_EMBEDDER, &values);
}

// A retriever that finds lab->found: for the wanted images, and then for the sources as they are.
static int find(void *self, const float *embeddings, int n, const unsigned char *exclude, float *features)
{
    const lab_t *lab = self;
    int shape[3];
    (void)embeddings;
    (void)exclude;
    rg_fusion_features(&lab->config, shape);
    size_t row = (size_t)(shape[0] * shape[1] * shape[2] * K);
    memcpy(features, lab->found, (size_t)n * row * sizeof *features);
    return 0;
}

static int find_wait(void *self)
{
    (void)self;
    return 0;
}

// The first image has all neighbours, the second lacks one, the third has none.
static void put_codes(lab_t *lab, json_t *inputs)
{
    memset(lab->found + K * Z + Z, 0, Z * sizeof(float));
    memset(lab->found + 2 * K * Z, 0, K * Z * sizeof(float));
    put(inputs, "neighbours", rg_tape_input(lab->tape, N, 1, 1, K * Z, lab->found), K);
}

static void put_neighbours(lab_t *lab, const form_t *form, json_t *inputs)
{
    if (form->fusion == RG_FUSION_STYLE) {
        put_codes(lab, inputs);
        return;
    }
    put(inputs, "neighbours", lab_found(lab, 0), K);
    if (form->detail) put(inputs, "own_neighbours", lab_found(lab, 1), K);
}

static void write_generator(lab_t *lab, const char *folder, int form)
{
    case_t values = new_case();
    const rg_retriever_t retriever = {find, find_wait, lab};
    rg_translate_source_t source = {.content = lab_content(lab), .code = lab_code(lab), .own = lab_own(lab)};
    int fused = FORMS[form].stage == RG_STAGE_3, detail = FORMS[form].detail;
    put(values.inputs, "content", source.content, 0);
    put(values.inputs, "code", source.code, 0);
    if (detail) put(values.inputs, "image", lab_image(lab), 0);
    if (detail || (fused && FORMS[form].fusion == RG_FUSION_STYLE)) put(values.inputs, "own", source.own, 0);
    if (fused) put_neighbours(lab, &FORMS[form], values.inputs);
    put(values.outputs, "translation",
        rg_translate(lab->tape, lab->model, source, lab_image(lab), &retriever, NULL), 0);
    assert_ok(rg_tape_error(lab->tape));
    write_case(lab, folder, form, RG_EXPORT_GENERATOR, &values);
}

int main(int argc, char **argv)
{
    lab_t *lab = rg_alloc(sizeof *lab);
    if (argc != 2) return 2;
    for (int form = 0; form < (int)(sizeof FORMS / sizeof *FORMS); form++) {
        lab_begin(lab, &FORMS[form]);
        write_encoders(lab, argv[1], form);
        write_generator(lab, argv[1], form);
        if (FORMS[form].stage != RG_STAGE_1) write_embedder(lab, argv[1], form);
        lab_end(lab);
    }
    free(lab);
    return 0;
}
