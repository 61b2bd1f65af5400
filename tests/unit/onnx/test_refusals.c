// What a file may not say, or asks for what we cannot do, is refused with a sentence that names it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/onnx_builder.h"
#include "tests/support/test.h"

#define INTS(...)                                                                                            \
    (const int64_t[])                                                                                        \
    {                                                                                                        \
        __VA_ARGS__                                                                                          \
    }

enum { SIDE = 8 };

// A convolution with 4 filters of 3x3, "w", that gives "y".
static Rg__Onnx__Node *begin(builder_t *b)
{
    builder_init(b, 13);
    builder_floats(b, "w", 4, INTS(4, 3, 3, 3));
    return builder_node(b, "Conv", "x w", "y");
}

static void refuses_to_parse(builder_t *b, int code, const char *text)
{
    rg_onnx_t *onnx;
    assert_fails(builder_parse(b, &onnx), code, text);
    assert_non_null(strstr(rg_error(), "net.onnx: "));
}

static void refuses_to_plan(builder_t *b, int code, const char *text)
{
    rg_onnx_t *onnx;
    assert_ok(builder_parse(b, &onnx));
    assert_fails(rg_onnx_plan(onnx, SIDE, SIDE, NULL, 0), code, text);
    assert_non_null(strstr(rg_error(), "net.onnx: "));
    rg_onnx_close(&onnx);
}

// ---- files

static void other_files_are_not_models(void **state)
{
    rg_onnx_t *onnx;
    (void)state;
    assert_fails(rg_onnx_parse(&onnx, "", 0, "a"), RG_EFORMAT, "a: not an ONNX model");
    assert_fails(rg_onnx_parse(&onnx, "PK\3\4 a pickle", 13, "a"), RG_EFORMAT, "a: not an ONNX model");
    assert_fails(rg_onnx_open(&onnx, "/nowhere/a.onnx"), RG_ENOENT, "/nowhere/a.onnx");
}

static void files_cut_anywhere_are_refused(void **state)
{
    builder_t b;
    rg_onnx_t *onnx;
    (void)state;
    begin(&b);
    size_t size = rg__onnx__model__get_packed_size(&b.model);
    uint8_t *bytes = malloc(size);
    rg__onnx__model__pack(&b.model, bytes);
    for (size_t cut = 0; cut < size; cut++) {
        if (rg_onnx_parse(&onnx, bytes, cut, "net.onnx") == 0) fail_msg("%zu of %zu bytes pass", cut, size);
    }
    free(bytes);
}

static void old_operator_sets_are_refused(void **state)
{
    builder_t b;
    (void)state;
    begin(&b);
    b.model.opset_import[0]->version = 6;
    refuses_to_parse(&b, RG_EMODEL, "operator set 6; 7 or a later one");
}

// ---- tensors

static void tensors_have_the_data_of_their_shape(void **state)
{
    builder_t b;
    (void)state;
    begin(&b);
    b.model.graph->initializer[0]->n_float_data--;
    refuses_to_parse(&b, RG_EFORMAT, "tensor 'w' has 428 bytes of data, not 432");
}

static void impossible_shapes_are_refused(void **state)
{
    static const int64_t shapes[][4] = {{-1, 3, 3, 3},
                                        {INT64_MAX, 3, 3, 3},
                                        {INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX},
                                        {(int64_t)1 << 32, (int64_t)1 << 32, 1, 1}};
    builder_t b;
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        begin(&b);
        memcpy(b.model.graph->initializer[0]->dims, shapes[i], sizeof shapes[i]);
        refuses_to_parse(&b, RG_EFORMAT, "tensor 'w' has an impossible shape");
    }
    begin(&b);
    b.model.graph->initializer[0]->dims[0] = INT32_MAX;
    refuses_to_parse(&b, RG_EFORMAT, "tensor 'w' has 432 bytes of data, not 231928233876");
}

static void data_in_other_files_is_refused(void **state)
{
    builder_t b;
    (void)state;
    begin(&b);
    b.model.graph->initializer[0]->data_location = 1;
    refuses_to_parse(&b, RG_EMODEL,
                     "tensor 'w' lies in another file; save the model with its weights inside");
}

static void weights_of_other_types_are_named(void **state)
{
    builder_t b;
    (void)state;
    begin(&b);
    b.model.graph->initializer[0]->data_type = 10;
    refuses_to_plan(&b, RG_EMODEL, "node 'y' (Conv): tensor 'w' is float16; supported is float32");
}

// ---- graphs

static void values_are_defined_once(void **state)
{
    builder_t b;
    (void)state;
    begin(&b);
    builder_node(&b, "Relu", "y", "y");
    refuses_to_parse(&b, RG_EFORMAT, "value 'y' is defined twice");
}

static void values_are_defined_at_all(void **state)
{
    builder_t b;
    (void)state;
    begin(&b);
    builder_node(&b, "Add", "y ghost", "z");
    refuses_to_parse(&b, RG_EFORMAT, "reads 'ghost', which nothing defines");
}

static void cycles_are_refused(void **state)
{
    builder_t b;
    (void)state;
    begin(&b);
    builder_node(&b, "Add", "y b", "a");
    builder_node(&b, "Relu", "a", "b");
    refuses_to_parse(&b, RG_EFORMAT, "reads 'b' before it is made: a cycle");
    begin(&b);
    builder_node(&b, "Add", "y a", "a");
    refuses_to_parse(&b, RG_EFORMAT, "reads 'a' before it is made: a cycle");
}

static void one_image_goes_in(void **state)
{
    Rg__Onnx__ValueInfo second;
    builder_t b;
    rg_onnx_t *onnx;
    (void)state;
    begin(&b);
    rg__onnx__value_info__init(&second);
    second.name = (char *)"mask";
    b.model.graph->input[b.model.graph->n_input++] = &second;
    refuses_to_plan(&b, RG_EMODEL, "two inputs, 'x' and 'mask'");
    second.name = (char *)"w"; // as files of old versions list their weights
    assert_ok(builder_parse(&b, &onnx));
    assert_ok(rg_onnx_plan(onnx, SIDE, SIDE, NULL, 0));
    rg_onnx_close(&onnx);
}

// ---- operators: refused where they are needed

static void unknown_operators_are_named_if_needed(void **state)
{
    const char *names[] = {"y", "z", "ghost"};
    builder_t b;
    rg_onnx_t *onnx;
    (void)state;
    begin(&b);
    builder_node(&b, "Einsum", "y", "z");
    assert_ok(builder_parse(&b, &onnx));
    assert_fails(rg_onnx_plan(onnx, SIDE, SIDE, NULL, 0), RG_EMODEL,
                 "net.onnx: node 'z' (Einsum): the operator is not supported");
    assert_fails(rg_onnx_plan(onnx, SIDE, SIDE, names, 2), RG_EMODEL, "(Einsum)");
    assert_ok(rg_onnx_plan(onnx, SIDE, SIDE, names, 1));
    assert_fails(rg_onnx_plan(onnx, SIDE, SIDE, names + 2, 1), RG_EMODEL,
                 "no value 'ghost' is computed there; the last are z y");
    assert_int_equal(rg_onnx_shape(onnx, 0).h, SIDE - 2); // the plan before is still there
    rg_onnx_close(&onnx);
}

static void operators_of_other_domains_are_not_ours(void **state)
{
    builder_t b;
    (void)state;
    begin(&b)->domain = (char *)"com.example";
    refuses_to_plan(&b, RG_EMODEL, "node 'y' (Conv): the operator is not supported");
}

static void attributes_are_named(void **state)
{
    builder_t b;
    (void)state;
    builder_int(&b, begin(&b), "spin", 1);
    refuses_to_plan(&b, RG_EMODEL, "node 'y' (Conv): attribute 'spin' is not supported");
    builder_text(&b, begin(&b), "auto_pad", "SAME");
    refuses_to_plan(&b, RG_EMODEL, "attribute 'auto_pad' is 'SAME', which is not supported");
    builder_ints(&b, begin(&b), "strides", 2, INTS(1, 0));
    refuses_to_plan(&b, RG_EMODEL, "attribute 'strides' is 0; supported is 1 to 1024");
    builder_ints(&b, begin(&b), "pads", 4, INTS(1, 1, INT64_MAX, 1));
    refuses_to_plan(&b, RG_EMODEL, "attribute 'pads' is 9223372036854775807");
    builder_ints(&b, begin(&b), "pads", 2, INTS(1, 1));
    refuses_to_plan(&b, RG_EMODEL, "attribute 'pads' has 2 numbers, not 4");
    builder_float(&b, begin(&b), "group", 1);
    refuses_to_plan(&b, RG_EMODEL, "attribute 'group' is not an integer");
    builder_int(&b, begin(&b), "group", 2);
    refuses_to_plan(&b, RG_EMODEL, "weights 4x3x3x3 in 2 groups do not fit 3 channels");
}

static void shapes_that_do_not_meet_are_refused(void **state)
{
    builder_t b;
    (void)state;
    builder_ints(&b, begin(&b), "dilations", 2, INTS(1, 4));
    refuses_to_plan(&b, RG_EMODEL, "node 'y' (Conv): a 3x3 window does not fit maps of 8x8");
    begin(&b);
    builder_node(&b, "Add", "x y", "z");
    refuses_to_plan(&b, RG_EMODEL, "node 'z' (Add): a value of 3x8x8 and one of 4x6x6");
    begin(&b);
    builder_int(&b, builder_node(&b, "Concat", "x y", "z"), "axis", 1);
    refuses_to_plan(&b, RG_EMODEL, "node 'z' (Concat): input 1 is not a map of the size of the first");
    begin(&b);
    builder_floats(&b, "v", 2, INTS(4, 5));
    builder_node(&b, "Flatten", "y", "f");
    builder_node(&b, "MatMul", "f v", "z");
    refuses_to_plan(&b, RG_EMODEL, "node 'z' (MatMul): weights 4x5 do not fit vectors of 144");
    begin(&b);
    builder_int64(&b, "s", 2, INTS(-1, 36));
    builder_node(&b, "Reshape", "y s", "z");
    refuses_to_plan(&b, RG_EMODEL, "node 'z' (Reshape): only a vector of all that an image has can be made");
    begin(&b);
    builder_int64(&b, "p", 8, INTS(0, 1, 0, 0, 0, 0, 0, 0));
    builder_node(&b, "Pad", "y p", "z");
    refuses_to_plan(&b, RG_EMODEL, "node 'z' (Pad): only height and width can be padded");
    begin(&b);
    Rg__Onnx__Node *pool = builder_node(&b, "MaxPool", "y", "z");
    builder_ints(&b, pool, "kernel_shape", 2, INTS(2, 2));
    builder_ints(&b, pool, "pads", 4, INTS(2, 0, 0, 0));
    refuses_to_plan(&b, RG_EMODEL, "node 'z' (MaxPool): a window lies in the padding");
}

static void constants_are_where_they_belong(void **state)
{
    builder_t b;
    (void)state;
    builder_init(&b, 13);
    builder_floats(&b, "w", 4, INTS(4, 3, 3, 3));
    builder_node(&b, "Conv", "w x", "y");
    refuses_to_plan(&b, RG_EMODEL, "input 'w' is a constant");
    builder_init(&b, 13);
    builder_node(&b, "Conv", "x x", "y");
    refuses_to_plan(&b, RG_EMODEL, "input 'x' is not a constant");
    begin(&b);
    builder_floats(&b, "s", 4, INTS(1, 4, 6, 6));
    builder_node(&b, "Mul", "s y", "z");
    refuses_to_plan(&b, RG_EMODEL, "the constant is neither one number nor one for each channel");
}

static void a_convolution_alone_reflects_and_resizes(void **state)
{
    builder_t b;
    (void)state;
    begin(&b);
    builder_int64(&b, "p", 8, INTS(0, 0, 1, 1, 0, 0, 1, 1));
    builder_text(&b, builder_node(&b, "Pad", "y p", "r"), "mode", "reflect");
    refuses_to_plan(&b, RG_EMODEL, "value 'r': reflection padding is supported before a convolution only");
    builder_node(&b, "Relu", "r", "z");
    refuses_to_plan(&b, RG_EMODEL,
                    "node 'z' (Relu): reflection padding is supported before a convolution only");
    begin(&b);
    builder_int64(&b, "p", 8, INTS(0, 0, 1, 1, 0, 0, 1, 2));
    builder_text(&b, builder_node(&b, "Pad", "y p", "r"), "mode", "reflect");
    refuses_to_plan(&b, RG_EMODEL,
                    "node 'r' (Pad): reflection padding is supported if all four sides are equal");
    begin(&b);
    builder_int64(&b, "p", 8, INTS(0, 0, 6, 6, 0, 0, 6, 6));
    builder_text(&b, builder_node(&b, "Pad", "y p", "r"), "mode", "reflect");
    refuses_to_plan(&b, RG_EMODEL, "node 'r' (Pad): reflection padding of 6 for maps of 6x6");
    begin(&b);
    builder_int64(&b, "p", 8, INTS(0, 0, 1, 1, 0, 0, 1, 1));
    builder_floats(&b, "v", 4, INTS(4, 4, 3, 3));
    builder_text(&b, builder_node(&b, "Pad", "y p", "r"), "mode", "reflect");
    builder_ints(&b, builder_node(&b, "Conv", "r v", "z"), "pads", 4, INTS(1, 1, 1, 1));
    refuses_to_plan(&b, RG_EMODEL, "node 'z' (Conv): after reflection padding or upsampling, only square");
}

static void resize(builder_t *b, float scale, const char *rounding)
{
    begin(b);
    float *scales = builder_floats(b, "s", 1, INTS(4))->float_data;
    scales[0] = scales[1] = 1, scales[2] = scales[3] = scale;
    Rg__Onnx__Node *node = builder_node(b, "Resize", "y - s", "z");
    builder_text(b, node, "mode", "nearest");
    builder_text(b, node, "nearest_mode", rounding);
}

static void maps_are_resized_by_two(void **state)
{
    builder_t b;
    (void)state;
    resize(&b, 3, "round_prefer_floor");
    refuses_to_plan(&b, RG_EMODEL, "node 'z' (Resize): a scale of 3; supported is 2 for height and width");
    resize(&b, 2, "floor");
    refuses_to_plan(&b, RG_EMODEL, "supported is asymmetric with floor, or half_pixel with rounding");
}

static void axes_change_places_in_one_way(void **state)
{
    builder_t b;
    (void)state;
    begin(&b);
    builder_ints(&b, builder_node(&b, "Transpose", "y", "z"), "perm", 4, INTS(0, 1, 3, 2));
    refuses_to_plan(
        &b, RG_EMODEL,
        "node 'z' (Transpose): only from [N,C,H,W] to [N,H,W,C] and back is supported, not 0,1,3,2");
    begin(&b);
    builder_node(&b, "Transpose", "y", "z");
    refuses_to_plan(&b, RG_EMODEL, "only maps with an attribute 'perm' are supported");
    begin(&b);
    builder_floats(&b, "v", 4, INTS(4, 4, 3, 3));
    builder_ints(&b, builder_node(&b, "Transpose", "y", "t"), "perm", 4, INTS(0, 2, 3, 1));
    builder_node(&b, "Conv", "t v", "z");
    refuses_to_plan(&b, RG_EMODEL, "node 'z' (Conv): the input is not [N,C,H,W]");
    builder_node(&b, "Add", "y t", "a");
    b.model.graph->node[2] = b.model.graph->node[3], b.model.graph->n_node--;
    refuses_to_plan(&b, RG_EMODEL, "node 'a' (Add): a value of 4x6x6 and one of 4x6x6");
}

static void channels_that_do_not_exist_are_refused(void **state)
{
    builder_t b;
    (void)state;
    begin(&b);
    builder_int64(&b, "from", 1, INTS(4));
    builder_int64(&b, "to", 1, INTS(INT64_MAX));
    builder_int64(&b, "axis", 1, INTS(1));
    builder_node(&b, "Slice", "y from to axis", "z");
    refuses_to_plan(&b, RG_EMODEL, "node 'z' (Slice): no channel lies from 4 to 4 of 4");
    begin(&b);
    builder_floats(&b, "s", 1, INTS(4));
    builder_float(&b, builder_node(&b, "InstanceNormalization", "y s s", "z"), "epsilon", 1e-3f);
    refuses_to_plan(&b, RG_EMODEL, "attribute 'epsilon' is 0.001; supported is 1e-05");
}

// ---- limits

static void too_much_is_refused(void **state)
{
    builder_t b;
    rg_onnx_t *onnx;
    (void)state;
    builder_ints(&b, begin(&b), "pads", 4, INTS(1024, 1024, 1024, 1024));
    assert_ok(builder_parse(&b, &onnx));
    assert_fails(rg_onnx_plan(onnx, 16384, 16384, NULL, 0), RG_ELIMIT, "over 1 GiB of maps for an image");
    assert_fails(rg_onnx_plan(onnx, 16385, 16, NULL, 0), RG_ELIMIT, "images of 16x16385");
    assert_fails(rg_onnx_plan(onnx, 16, 0, NULL, 0), RG_ELIMIT, "images of 0x16");
    rg_onnx_close(&onnx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_files_are_not_models),
        cmocka_unit_test(files_cut_anywhere_are_refused),
        cmocka_unit_test(old_operator_sets_are_refused),
        cmocka_unit_test(tensors_have_the_data_of_their_shape),
        cmocka_unit_test(impossible_shapes_are_refused),
        cmocka_unit_test(data_in_other_files_is_refused),
        cmocka_unit_test(weights_of_other_types_are_named),
        cmocka_unit_test(values_are_defined_once),
        cmocka_unit_test(values_are_defined_at_all),
        cmocka_unit_test(cycles_are_refused),
        cmocka_unit_test(one_image_goes_in),
        cmocka_unit_test(unknown_operators_are_named_if_needed),
        cmocka_unit_test(operators_of_other_domains_are_not_ours),
        cmocka_unit_test(attributes_are_named),
        cmocka_unit_test(shapes_that_do_not_meet_are_refused),
        cmocka_unit_test(constants_are_where_they_belong),
        cmocka_unit_test(a_convolution_alone_reflects_and_resizes),
        cmocka_unit_test(maps_are_resized_by_two),
        cmocka_unit_test(axes_change_places_in_one_way),
        cmocka_unit_test(channels_that_do_not_exist_are_refused),
        cmocka_unit_test(too_much_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
