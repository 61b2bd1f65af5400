// Exported networks, read again from their ONNX files, compute what ours compute: for each form of the networks, with
// random weights.
#include "common/model/export.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/onnx/onnx.h"
#include "tests/unit/model/forms.h"

enum { INPUTS_MAX = 6 };
static const double TOLERANCE = 1e-5; // of the largest value

typedef struct {
    int n;
    rg_onnx_input_t input[INPUTS_MAX];
    rg_tensor_t *x[INPUTS_MAX];
} inputs_t;

static void give(inputs_t *inputs, const char *name, rg_tensor_t *x)
{
    int is_vector = x->h == 1 && x->w == 1;
    inputs->input[inputs->n] = (rg_onnx_input_t){name, is_vector ? 0 : x->h, is_vector ? 0 : x->w, x->c};
    inputs->x[inputs->n++] = x;
}

// ---- comparing

static void compare(lab_t *lab, const form_t *form, enum rg_export network, const char *output,
                    const inputs_t *inputs, const rg_tensor_t *want)
{
    const rg_checkpoint_info_t info = {.stage = "stage3", .iteration = 7};
    unsigned char *bytes;
    size_t size;
    rg_onnx_t *onnx;
    rg_tensor_t *got;
    double error = 0, scale = 0;
    assert_true(rg_export_has(lab->model->parts, network));
    assert_ok(rg_export_pack(lab->model, &info, network, &bytes, &size));
    assert_ok(rg_onnx_parse(&onnx, bytes, size, "exported"));
    free(bytes);
    assert_ok(rg_onnx_plan_inputs(onnx, inputs->input, inputs->n, &output, 1));
    rg_onnx_run_inputs(onnx, lab->tape, inputs->x, &got);
    assert_ok(rg_tape_error(lab->tape));
    assert_int_equal(rg_tensor_size(got), rg_tensor_size(want));
    for (size_t i = 0; i < rg_tensor_size(want); i++) {
        double off = fabs((double)got->data[i] - (double)want->data[i]),
               magnitude = fabs((double)want->data[i]);
        if (off > error) error = off; // gcc 12 for arm64 crashes on two fmax
        if (magnitude > scale) scale = magnitude;
    }
    print_message("%s, %s: %.2g of %.2g\n", form->name, output, error, scale);
    if (!(error <= TOLERANCE * scale)) fail_msg("%s: %s is off by %.2g", form->name, output, error);
    rg_onnx_close(&onnx);
}

static void compare_encoders(lab_t *lab, const form_t *form)
{
    inputs_t inputs = {0};
    rg_tensor_t *x = lab_image(lab);
    give(&inputs, "image", x);
    compare(lab, form, RG_EXPORT_CONTENT, "content", &inputs,
            rg_content_encode(lab->tape, &lab->model->content, x));
    compare(lab, form, RG_EXPORT_ATTRIBUTE, "code", &inputs,
            rg_attribute_encode(lab->tape, &lab->model->attribute, x));
}

static void compare_embedder(lab_t *lab, const form_t *form)
{
    inputs_t inputs = {0};
    rg_tensor_t *content = lab_content(lab), *code = lab_code(lab);
    give(&inputs, "content", content);
    give(&inputs, "code", code);
    compare(lab, form, RG_EXPORT_EMBEDDER, "embedding", &inputs,
            rg_embed(lab->tape, &lab->model->embedder, content, code, NULL));
    // a ranked R's query compares numbers, which our reader does not
    if (form->retrieval == RG_RETRIEVAL_TRIPLET)
        compare(lab, form, RG_EXPORT_EMBEDDER, "query", &inputs,
                rg_embed(lab->tape, &lab->model->embedder, content, code, NULL));
}

// Where neighbours join the content, what the file calls `channels` is given in place of its input.
static rg_tensor_t *decode(lab_t *lab, inputs_t *inputs, rg_tensor_t *content, rg_tensor_t *code, int which,
                           const char *channels)
{
    const rg_model_t *model = lab->model;
    if (model->parts & RG_PART_BIT(RG_FUSION) && model->fusion.form == RG_FUSION_CONCAT) {
        rg_tensor_t *found = lab_found(lab, which);
        give(inputs, channels, found);
        rg_fuse(lab->tape, &model->fusion, &content, &code, NULL, found);
    }
    return rg_generate(lab->tape, &model->generator, content, code);
}

// Where neighbours replace the code, guided_code is given.
static void compare_generator(lab_t *lab, const form_t *form)
{
    inputs_t inputs = {0};
    rg_tensor_t *content = lab_content(lab), *code = lab_code(lab), *own = lab_own(lab),
                *source = lab_image(lab);
    int styled = form->stage == RG_STAGE_3 && form->fusion == RG_FUSION_STYLE;
    give(&inputs, "content", content);
    give(&inputs, styled ? "guided_code" : "code", code);
    rg_tensor_t *y = decode(lab, &inputs, content, code, 0, "neighbour_channels");
    if (form->detail) {
        give(&inputs, "image", source);
        give(&inputs, "own", own);
        y = rg_keep_detail(lab->tape, y, decode(lab, &inputs, content, own, 1, "own_neighbour_channels"),
                           source);
    }
    compare(lab, form, RG_EXPORT_GENERATOR, "translation", &inputs, y);
}

static void exported_networks_compute_the_same(void **state)
{
    lab_t *lab = rg_alloc(sizeof *lab);
    (void)state;
    for (size_t i = 0; i < sizeof FORMS / sizeof *FORMS; i++) {
        lab_begin(lab, &FORMS[i]);
        compare_encoders(lab, &FORMS[i]);
        compare_generator(lab, &FORMS[i]);
        if (FORMS[i].stage == RG_STAGE_1)
            assert_false(rg_export_has(lab->model->parts, RG_EXPORT_EMBEDDER));
        else
            compare_embedder(lab, &FORMS[i]);
        lab_end(lab);
    }
    free(lab);
}

// ---- from a run

// 1 if the bytes of the file hold a metadata entry: key and value, each with its tag and length.
static int says(const unsigned char *bytes, size_t size, const char *key, const char *value)
{
    char entry[128];
    int n =
        snprintf(entry, sizeof entry, "\n%c%s\x12%c%s", (char)strlen(key), key, (char)strlen(value), value);
    return memmem(bytes, size, entry, (size_t)n) != NULL;
}

static void files_say_what_they_are(void **state)
{
    tiny_t *f = *state;
    rg_model_t *model;
    rg_checkpoint_info_t info;
    unsigned char *bytes, *again;
    size_t size, size_again;
    char weights[17], id[17];
    tiny_save_stage1(f);
    tiny_save_stage3(f);
    assert_ok(rg_export_load(&model, &f->config, RG_STAGE_NONE, &info));
    assert_string_equal(info.stage, "stage3");
    assert_ok(rg_export_pack(model, &info, RG_EXPORT_GENERATOR, &bytes, &size));
    assert_ok(rg_export_pack(model, &info, RG_EXPORT_GENERATOR, &again, &size_again));
    assert_int_equal(size, size_again);
    assert_memory_equal(bytes, again, size);
    rg_model_weights(model, weights);
    rg_model_id(model, id);
    const char *notes[][2] = {{"network", "generator"},
                              {"stage", "stage3"},
                              {"iteration", "10"},
                              {"attr_dims", "2"},
                              {"img_size", "16"},
                              {"attributes", "Blond_Hair Male Young"},
                              {"fusion", "style"},
                              {"weights", weights},
                              {"model", id},
                              {"pixels", "RGB, value / 127.5 - 1"}};
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
        if (!says(bytes, size, notes[i][0], notes[i][1])) fail_msg("%s is not %s", notes[i][0], notes[i][1]);
    free(bytes);
    free(again);
    rg_model_destroy(&model);
}

static void the_weights_are_the_averaged_ones(void **state)
{
    tiny_t *f = *state;
    rg_model_t *model, *trained;
    rg_checkpoint_info_t info;
    tiny_save_stage1(f);
    rg_model_new(&trained, &f->config, RG_STAGE1_PARTS, 0);
    assert_ok(rg_export_load(&model, &f->config, RG_STAGE_1, &info));
    assert_true(model->generator.out.weight->value[0] == trained->generator.out.weight->value[0] / 2);
    rg_model_destroy(&model);
    rg_model_destroy(&trained);
}

static void without_a_checkpoint_the_command_is_named(void **state)
{
    tiny_t *f = *state;
    rg_model_t *model;
    rg_checkpoint_info_t info;
    assert_fails(rg_export_load(&model, &f->config, RG_STAGE_NONE, &info), RG_ENOENT, "train stage 1 first");
    assert_fails(rg_export_load(&model, &f->config, RG_STAGE_3, &info), RG_ENOENT, "rg-ctl train --stage 3");
    assert_fails(rg_export_load(&model, &f->config, RG_STAGE_CLASSIFIER, &info), RG_EUSAGE,
                 "stage 1, 2 or 3");
}

#define IN_RUN(test) cmocka_unit_test_setup_teardown(test, tiny_open, tiny_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exported_networks_compute_the_same),
        IN_RUN(files_say_what_they_are),
        IN_RUN(the_weights_are_the_averaged_ones),
        IN_RUN(without_a_checkpoint_the_command_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
