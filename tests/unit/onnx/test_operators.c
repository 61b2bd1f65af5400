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

enum { N = 2, H = 7, W = 6, IMAGE = H * W * 3, OUTPUTS_MAX = N * 8 * 8 * 8 };

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
