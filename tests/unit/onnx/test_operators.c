// Ways to say the same in ONNX give the same: forms of operators that PyTorch's exporter does not use.
#include <math.h>
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

enum { N = 2, H = 7, W = 6, IMAGE = H * W * 3, OUTPUTS_MAX = N * 16 * 16 * 8 };

typedef struct {
    rg_backend_t *backend;
    rg_tape_t *tape;
    float image[N * IMAGE];
} lab_t;

static int begin(void **state)
{
    lab_t *lab = calloc(1, sizeof *lab);
    *state = lab;
    for (int i = 0; i < N * IMAGE; i++) lab->image[i] = sinf((float)(i * i % 97));
    return rg_cpu_backend_new(&lab->backend, 0) || rg_tape_new(&lab->tape, lab->backend);
}

static int end(void **state)
{
    lab_t *lab = *state;
    rg_tape_destroy(&lab->tape);
    rg_backend_destroy(&lab->backend);
    free(lab);
    return 0;
}

typedef struct {
    rg_onnx_shape_t shape;
    float y[OUTPUTS_MAX];
} result_t;

static void run(lab_t *lab, builder_t *b, result_t *result)
{
    rg_onnx_t *onnx;
    rg_tensor_t *y;
    assert_ok(builder_parse(b, &onnx));
    assert_ok(rg_onnx_plan(onnx, H, W, NULL, 0));
    result->shape = rg_onnx_shape(onnx, 0);
    rg_tape_reset(lab->tape);
    rg_onnx_run(onnx, lab->tape, rg_tape_input(lab->tape, N, H, W, 3, lab->image), &y);
    assert_ok(rg_tape_error(lab->tape));
    assert_true(rg_tensor_size(y) <= OUTPUTS_MAX);
    memcpy(result->y, y->data, rg_tensor_size(y) * sizeof *y->data);
    rg_onnx_close(&onnx);
}

static void agree(lab_t *lab, builder_t *a, builder_t *b)
{
    result_t first, second;
    run(lab, a, &first);
    run(lab, b, &second);
    assert_memory_equal(&first.shape, &second.shape, sizeof first.shape);
    size_t n = (size_t)(N * first.shape.h * first.shape.w * first.shape.c);
    for (size_t i = 0; i < n; i++) assert_near((double)first.y[i], (double)second.y[i], 1e-5);
}

static Rg__Onnx__Node *conv(builder_t *b, int opset, int64_t k)
{
    builder_init(b, opset);
    builder_floats(b, "w", 4, INTS(4, 3, k, k));
    return builder_node(b, "Conv", "x w", "c");
}

// ---- windows

static void same_pads_as_said(void **state)
{
    static const struct {
        const char *text;
        int64_t pads[4];
    } cases[] = {{"SAME_UPPER", {1, 1, 2, 1}}, {"SAME_LOWER", {2, 1, 1, 1}}, {"VALID", {0, 0, 0, 0}}};
    builder_t a, b;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Rg__Onnx__Node *by_name = conv(&a, 13, 4), *by_number = conv(&b, 13, 4);
        builder_text(&a, by_name, "auto_pad", cases[i].text);
        builder_ints(&a, by_name, "strides", 2, INTS(2, 2));
        builder_ints(&b, by_number, "pads", 4, cases[i].pads);
        builder_ints(&b, by_number, "strides", 2, INTS(2, 2));
        agree(*state, &a, &b);
    }
}

static void global_pools_are_pools(void **state)
{
    static const char *const names[][2] = {{"GlobalMaxPool", "MaxPool"},
                                           {"GlobalAveragePool", "AveragePool"}};
    builder_t a, b;
    for (int i = 0; i < 2; i++) {
        builder_init(&a, 13);
        builder_node(&a, names[i][0], "x", "y");
        builder_init(&b, 13);
        builder_ints(&b, builder_node(&b, names[i][1], "x", "y"), "kernel_shape", 2, INTS(H, W));
        agree(*state, &a, &b);
    }
    builder_init(&a, 18);
    builder_int64(&a, "axes", 2, INTS(-1, 2));
    builder_int(&a, builder_node(&a, "ReduceMean", "x axes", "y"), "keepdims", 0);
    agree(*state, &a, &b);
}

static void pads_are_a_windows(void **state)
{
    builder_t a, b;
    builder_init(&a, 13);
    builder_int64(&a, "pads", 8, INTS(0, 0, 1, 2, 0, 0, 0, 1));
    builder_floats(&a, "w", 4, INTS(4, 3, 3, 3));
    builder_node(&a, "Pad", "x pads", "p");
    builder_node(&a, "Conv", "p w", "c");
    builder_ints(&b, conv(&b, 13, 3), "pads", 4, INTS(1, 2, 0, 1));
    agree(*state, &a, &b);
    builder_init(&a, 9);
    builder_floats(&a, "w", 4, INTS(4, 3, 3, 3));
    builder_ints(&a, builder_node(&a, "Pad", "x", "p"), "pads", 8, INTS(0, 0, 1, 2, 0, 0, 0, 1));
    builder_node(&a, "Conv", "p w", "c");
    agree(*state, &a, &b);
}

// ---- values

static void bounds_are_attributes_or_inputs(void **state)
{
    builder_t a, b;
    conv(&a, 13, 3);
    builder_floats(&a, "low", 0, NULL)->float_data[0] = -0.5f;
    builder_node(&a, "Clip", "c low", "y");
    conv(&b, 7, 3);
    builder_float(&b, builder_node(&b, "Clip", "c", "y"), "min", -0.5f);
    agree(*state, &a, &b);
}

// 3 - (2 c / 4 - 1), with the constants on either side.
static void constants_are_on_either_side(void **state)
{
    builder_t a, b;
    conv(&a, 13, 3);
    builder_floats(&a, "two", 1, INTS(1))->float_data[0] = 2;
    builder_floats(&a, "four", 3, INTS(1, 1, 1))->float_data[0] = 4;
    builder_floats(&a, "one", 0, NULL)->float_data[0] = 1;
    builder_floats(&a, "three", 0, NULL)->float_data[0] = 3;
    builder_node(&a, "Mul", "two c", "d");
    builder_node(&a, "Div", "d four", "e");
    builder_node(&a, "Sub", "e one", "f");
    builder_node(&a, "Sub", "three f", "y");
    conv(&b, 13, 3);
    builder_floats(&b, "half", 0, NULL)->float_data[0] = -0.5f;
    builder_floats(&b, "four", 0, NULL)->float_data[0] = 4;
    builder_node(&b, "Mul", "c half", "d");
    builder_node(&b, "Add", "four d", "y");
    agree(*state, &a, &b);
}

// One reader may change what a step gives, two may not: relu(c) + c is max(2 c, c).
static void nothing_is_folded_under_a_second_reader(void **state)
{
    builder_t a, b;
    conv(&a, 13, 3);
    builder_node(&a, "Relu", "c", "r");
    builder_node(&a, "Identity", "c", "i");
    builder_node(&a, "Add", "r i", "y");
    conv(&b, 13, 3);
    builder_floats(&b, "two", 0, NULL)->float_data[0] = 2;
    builder_node(&b, "Mul", "c two", "d");
    builder_float(&b, builder_node(&b, "LeakyRelu", "d", "y"), "alpha", 0.5f);
    agree(*state, &a, &b);
}

// ---- vectors

static void products_are_the_same(void **state)
{
    builder_t a, b;
    conv(&a, 13, 5);
    builder_floats(&a, "v", 2, INTS(24, 3));
    builder_floats(&a, "s", 2, INTS(1, 3));
    builder_int64(&a, "shape", 2, INTS(1, -1));
    builder_int(&a, builder_node(&a, "Reshape", "c shape", "f"), "allowzero", 1);
    builder_node(&a, "MatMul", "f v", "m");
    builder_node(&a, "Add", "m s", "y");
    conv(&b, 13, 5);
    builder_floats(&b, "v", 2, INTS(24, 3));
    builder_floats(&b, "s", 1, INTS(3));
    builder_int(&b, builder_node(&b, "Flatten", "c", "f"), "axis", -3);
    Rg__Onnx__Node *gemm = builder_node(&b, "Gemm", "f v s", "m");
    builder_float(&b, gemm, "alpha", 0.5f);
    builder_float(&b, gemm, "beta", 0.5f);
    builder_floats(&b, "two", 0, NULL)->float_data[0] = 2;
    builder_node(&b, "Mul", "two m", "y");
    agree(*state, &a, &b);
}

static void constants_pass_identities(void **state)
{
    builder_t a, b;
    builder_init(&a, 13);
    builder_floats(&a, "v", 4, INTS(4, 3, 3, 3));
    builder_node(&a, "Identity", "v", "u");
    builder_node(&a, "Identity", "u", "w");
    builder_node(&a, "Conv", "x w", "c");
    conv(&b, 13, 3);
    agree(*state, &a, &b);
}

static void softmax_is_over_channels(void **state)
{
    builder_t b;
    result_t result;
    builder_init(&b, 13);
    builder_int(&b, builder_node(&b, "Softmax", "x", "y"), "axis", -3);
    run(*state, &b, &result);
    for (int p = 0; p < N * H * W; p++)
        assert_near((double)(result.y[3 * p] + result.y[3 * p + 1] + result.y[3 * p + 2]), 1.0, 1e-6);
}

// ---- channels last, as files from TensorFlow have them

static void transpose(builder_t *b, const char *from, const char *to, const int64_t perm[4])
{
    builder_ints(b, builder_node(b, "Transpose", from, to), "perm", 4, perm);
}

static const int64_t TO_FIRST[] = {0, 3, 1, 2}, TO_LAST[] = {0, 2, 3, 1};

// A convolution of an image [N,H,W,3] that gives "c" [N,H,W,4].
static void conv_last(builder_t *b)
{
    builder_init(b, 13);
    builder_shape(b, 4, INTS(0, H, W, 3));
    builder_floats(b, "w", 4, INTS(4, 3, 3, 3));
    transpose(b, "x", "first", TO_FIRST);
    builder_node(b, "Conv", "first w", "d");
    transpose(b, "d", "c", TO_LAST);
}

static void channels_may_come_last(void **state)
{
    builder_t a, b;
    conv_last(&a);
    builder_floats(&a, "s", 1, INTS(4));
    builder_floats(&a, "t", 4, INTS(1, 1, 1, 4));
    builder_node(&a, "Mul", "c s", "m");
    builder_node(&a, "Add", "m t", "n");
    builder_int(&a, builder_node(&a, "Concat", "n c", "j"), "axis", -1);
    builder_int(&a, builder_node(&a, "Softmax", "j", "p"), "axis", 3);
    builder_ints(&a, builder_node(&a, "ReduceMean", "p", "y"), "axes", 2, INTS(1, 2));
    conv(&b, 13, 3);
    builder_floats(&b, "s", 3, INTS(4, 1, 1));
    builder_node(&b, "Mul", "c s", "m");
    builder_node(&b, "Add", "m s", "n");
    builder_int(&b, builder_node(&b, "Concat", "n c", "j"), "axis", 1);
    builder_int(&b, builder_node(&b, "Softmax", "j", "p"), "axis", 1);
    builder_ints(&b, builder_node(&b, "ReduceMean", "p", "y"), "axes", 2, INTS(2, 3));
    agree(*state, &a, &b);
}

// A vector made of [N,H,W,C] has the channels of one pixel side by side, so the rows of a matrix change places.
static void vectors_keep_the_order_of_their_map(void **state)
{
    enum { OH = H - 2, OW = W - 2, C = 4, IN = OH * OW * C, OUT = 3 };
    builder_t a, b;
    conv_last(&a);
    Rg__Onnx__Tensor *last = builder_floats(&a, "v", 2, INTS(IN, OUT));
    builder_int64(&a, "shape", 2, INTS(-1, IN));
    builder_node(&a, "Reshape", "c shape", "f");
    builder_node(&a, "MatMul", "f v", "y");
    conv(&b, 13, 3);
    Rg__Onnx__Tensor *first = builder_floats(&b, "v", 2, INTS(IN, OUT));
    for (int p = 0; p < OH * OW; p++)
        for (int c = 0; c < C; c++)
            memcpy(first->float_data + (c * OH * OW + p) * OUT, last->float_data + (p * C + c) * OUT,
                   OUT * sizeof(float));
    builder_node(&b, "Flatten", "c", "f");
    builder_node(&b, "MatMul", "f v", "y");
    agree(*state, &a, &b);
}

static void single_pixels_lose_and_gain_axes(void **state)
{
    builder_t a, b;
    conv_last(&a);
    builder_ints(&a, builder_node(&a, "ReduceMean", "c", "m"), "axes", 2, INTS(1, -2));
    builder_int64(&a, "axes", 2, INTS(1, 2));
    builder_node(&a, "Squeeze", "m axes", "s");
    builder_node(&a, "Unsqueeze", "s axes", "u");
    transpose(&a, "u", "y", TO_FIRST);
    conv(&b, 13, 3);
    builder_node(&b, "GlobalAveragePool", "c", "y");
    agree(*state, &a, &b);
}

// The padding of an image [N,H,W,3] waits behind the transpose for its convolution.
static void padding_before_a_transpose_is_the_convolutions(void **state)
{
    static const char *const modes[] = {"constant", "reflect"};
    builder_t a, b;
    for (int i = 0; i < 2; i++) {
        builder_init(&a, 13);
        builder_shape(&a, 4, INTS(0, H, W, 3));
        builder_floats(&a, "w", 4, INTS(4, 3, 3, 3));
        builder_int64(&a, "pads", 8, INTS(0, 1, 1, 0, 0, 1, 1, 0));
        builder_text(&a, builder_node(&a, "Pad", "x pads", "p"), "mode", modes[i]);
        transpose(&a, "p", "first", TO_FIRST);
        builder_node(&a, "Conv", "first w", "y");
        builder_init(&b, 13);
        builder_floats(&b, "w", 4, INTS(4, 3, 3, 3));
        builder_int64(&b, "pads", 8, INTS(0, 0, 1, 1, 0, 0, 1, 1));
        builder_text(&b, builder_node(&b, "Pad", "x pads", "p"), "mode", modes[i]);
        builder_node(&b, "Conv", "p w", "y");
        agree(*state, &a, &b);
    }
}

// ---- what a convolution does first: its kernel has one tap, so its output is its input

static int mirrored(int at, int size)
{
    return at < 0 ? -at : at >= size ? 2 * size - 2 - at : at;
}

static void reflection_mirrors_without_the_edge(void **state)
{
    enum { PAD = 2, TALL = H + 2 * PAD - 2, WIDE = W + 2 * PAD - 2 };
    lab_t *lab = *state;
    builder_t b;
    result_t result;
    builder_init(&b, 13);
    builder_int64(&b, "pads", 8, INTS(0, 0, PAD, PAD, 0, 0, PAD, PAD));
    Rg__Onnx__Tensor *w = builder_floats(&b, "w", 4, INTS(1, 3, 3, 3));
    memset(w->float_data, 0, w->n_float_data * sizeof(float));
    w->float_data[0] = 1; // of the red channel, at the top left
    builder_text(&b, builder_node(&b, "Pad", "x pads", "p"), "mode", "reflect");
    builder_node(&b, "Conv", "p w", "y");
    run(lab, &b, &result);
    assert_int_equal(result.shape.h, TALL);
    assert_int_equal(result.shape.w, WIDE);
    for (int i = 0; i < TALL; i++)
        for (int j = 0; j < WIDE; j++) {
            int row = mirrored(i - PAD, H), column = mirrored(j - PAD, W);
            assert_near((double)result.y[i * WIDE + j], (double)lab->image[(row * W + column) * 3], 1e-6);
        }
}

static void resizing_repeats_pixels(void **state)
{
    static const char *const forms[][2] = {{"asymmetric", "floor"}, {"half_pixel", "round_prefer_floor"}};
    lab_t *lab = *state;
    builder_t b;
    result_t result;
    for (int f = 0; f < 2; f++) {
        builder_init(&b, 13);
        float *scales = builder_floats(&b, "scales", 1, INTS(4))->float_data;
        scales[0] = scales[1] = 1, scales[2] = scales[3] = 2;
        float *w = builder_floats(&b, "w", 4, INTS(1, 3, 1, 1))->float_data;
        w[0] = 1, w[1] = w[2] = 0;
        Rg__Onnx__Node *resize = builder_node(&b, "Resize", "x - scales", "r");
        builder_text(&b, resize, "mode", "nearest");
        builder_text(&b, resize, "coordinate_transformation_mode", forms[f][0]);
        builder_text(&b, resize, "nearest_mode", forms[f][1]);
        builder_node(&b, "Conv", "r w", "y");
        run(lab, &b, &result);
        assert_int_equal(result.shape.h, 2 * H);
        for (int i = 0; i < 2 * H; i++)
            for (int j = 0; j < 2 * W; j++)
                assert_near((double)result.y[i * 2 * W + j], (double)lab->image[(i / 2 * W + j / 2) * 3],
                            1e-6);
    }
}

// ---- norms and parts

static void instance_norm_has_a_gain_and_a_shift(void **state)
{
    builder_t a, b;
    conv(&a, 13, 3);
    builder_floats(&a, "gain", 1, INTS(4));
    builder_floats(&a, "shift", 1, INTS(4));
    builder_node(&a, "InstanceNormalization", "c gain shift", "y");
    conv(&b, 13, 3);
    builder_floats(&b, "gain", 3, INTS(4, 1, 1));
    float *one = builder_floats(&b, "one", 1, INTS(4))->float_data,
          *zero = builder_floats(&b, "zero", 1, INTS(4))->float_data;
    for (int c = 0; c < 4; c++) one[c] = 1, zero[c] = 0;
    builder_node(&b, "InstanceNormalization", "c one zero", "n");
    builder_node(&b, "Mul", "n gain", "m");
    builder_node(&b, "Add", "m gain", "y");
    agree(*state, &a, &b);
}

// (x - mean) / length over a whole image has mean 0 and length 1.
static void values_repeat_along_sides_of_one(void **state)
{
    builder_t b;
    result_t result;
    builder_init(&b, 13);
    builder_ints(&b, builder_node(&b, "ReduceMean", "x", "m"), "axes", 3, INTS(1, 2, 3));
    builder_node(&b, "Sub", "x m", "d");
    builder_ints(&b, builder_node(&b, "ReduceL2", "d", "l"), "axes", 3, INTS(1, 2, 3));
    builder_node(&b, "Div", "d l", "y");
    run(*state, &b, &result);
    for (int n = 0; n < N; n++) {
        double sum = 0, square = 0;
        for (int i = n * IMAGE; i < (n + 1) * IMAGE; i++) {
            sum += (double)result.y[i];
            square += (double)result.y[i] * (double)result.y[i];
        }
        assert_near(sum, 0.0, 1e-4);
        assert_near(square, 1.0, 1e-4);
    }
}

// c * g + c * (1 - g) is c, for a mask g of one channel.
static void masks_are_for_all_channels(void **state)
{
    builder_t a, b;
    conv(&a, 13, 3);
    builder_floats(&a, "one", 0, NULL)->float_data[0] = 1;
    builder_int64(&a, "from", 1, INTS(-3));
    builder_int64(&a, "to", 1, INTS(-2));
    builder_int64(&a, "axis", 1, INTS(1));
    builder_node(&a, "Slice", "c from to axis", "g");
    builder_node(&a, "Sub", "one g", "h");
    builder_node(&a, "Mul", "g c", "p");
    builder_node(&a, "Mul", "c h", "q");
    builder_node(&a, "Add", "p q", "y");
    conv(&b, 13, 3);
    agree(*state, &a, &b);
}

// ---- inputs

static void any_value_can_be_given(void **state)
{
    lab_t *lab = *state;
    builder_t b;
    rg_onnx_t *onnx;
    rg_tensor_t *y;
    const rg_onnx_input_t inputs[] = {{"c", 2, 3, 3}, {"z", 0, 0, 3}};
    const char *name = "y";
    builder_init(&b, 13);
    builder_input(&b, "z");
    builder_int64(&b, "shape", 4, INTS(0, 3, 1, 1));
    builder_node(&b, "Einsum", "x", "c"); // not supported, and not needed
    builder_node(&b, "Reshape", "z shape", "r");
    builder_node(&b, "Add", "c r", "y");
    assert_ok(builder_parse(&b, &onnx));
    assert_fails(rg_onnx_plan(onnx, H, W, NULL, 0), RG_EMODEL, "two inputs, 'x' and 'z'");
    assert_fails(rg_onnx_plan_inputs(onnx, inputs, 1, &name, 1), RG_EMODEL, "input 'z' is not given");
    assert_fails(rg_onnx_plan_inputs(onnx, inputs + 1, 1, &name, 1), RG_EMODEL, "(Einsum)");
    assert_ok(rg_onnx_plan_inputs(onnx, inputs, 2, &name, 1));
    rg_tape_reset(lab->tape);
    rg_tensor_t *x[] = {rg_tape_input(lab->tape, 2, 2, 3, 3, lab->image),
                        rg_tape_input(lab->tape, 2, 1, 1, 3, lab->image + 40)};
    rg_onnx_run_inputs(onnx, lab->tape, x, &y);
    for (int i = 0; i < 36; i++)
        assert_near((double)y->data[i], (double)(lab->image[i] + lab->image[40 + i / 18 * 3 + i % 3]), 1e-6);
    rg_onnx_close(&onnx);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(same_pads_as_said),
        TEST(global_pools_are_pools),
        TEST(pads_are_a_windows),
        TEST(bounds_are_attributes_or_inputs),
        TEST(constants_are_on_either_side),
        TEST(nothing_is_folded_under_a_second_reader),
        TEST(products_are_the_same),
        TEST(constants_pass_identities),
        TEST(softmax_is_over_channels),
        TEST(channels_may_come_last),
        TEST(vectors_keep_the_order_of_their_map),
        TEST(single_pixels_lose_and_gain_axes),
        TEST(padding_before_a_transpose_is_the_convolutions),
        TEST(reflection_mirrors_without_the_edge),
        TEST(resizing_repeats_pixels),
        TEST(instance_norm_has_a_gain_and_a_shift),
        TEST(values_repeat_along_sides_of_one),
        TEST(masks_are_for_all_channels),
        TEST(any_value_can_be_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
