// Small networks as PyTorch exports them compute what PyTorch computed in double precision
// (grad/make_onnx_reference.py): values in the middle and at the end, and the gradient of the image.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/onnx/onnx.h"
#include "tests/support/allocations.h"
#include "tests/support/reference.h"
#include "tests/support/test.h"

enum { VALUES_MAX = 3 };
static const double TOLERANCE = 1e-5; // of the largest value

typedef struct {
    const char *name;
    const char *values[VALUES_MAX]; // the last is the network's output
    int count;
} network_t;

static network_t networks[] = {
    {"vgg", {"relu2", "y"}, 2},
    {"alex", {"conv2", "pool5", "y"}, 3},
    {"squeeze", {"fire1", "y"}, 2},
    {"inception", {"mixed", "pooled", "y"}, 3},
    {"residual", {"stem", "layer1", "y"}, 3},
    {"mobile", {"depthwise", "scaled", "y"}, 3},
};

typedef struct {
    rg_backend_t *backend;
    rg_tape_t *tape;
    rg_onnx_t *onnx;
    rg_reference_t *reference;
    rg_tensor_t *x, *value[VALUES_MAX];
} lab_t;

static void begin(lab_t *lab, const network_t *network)
{
    char path[128];
    assert_ok(rg_cpu_backend_new(&lab->backend, 0));
    assert_ok(rg_tape_new(&lab->tape, lab->backend));
    snprintf(path, sizeof path, "tests/unit/onnx/fixtures/%s.onnx", network->name);
    assert_ok(rg_onnx_open(&lab->onnx, path));
    snprintf(path, sizeof path, "tests/unit/onnx/fixtures/%s.bin", network->name);
    lab->reference = rg_reference_open(path);
}

static void end(lab_t *lab)
{
    rg_reference_close(&lab->reference);
    rg_onnx_close(&lab->onnx);
    rg_tape_destroy(&lab->tape);
    rg_backend_destroy(&lab->backend);
}

static void run_on(lab_t *lab, rg_reference_tensor_t x, int n, int needs_grad)
{
    rg_tape_reset(lab->tape);
    lab->x = rg_tape_input(lab->tape, n, x.shape[1], x.shape[2], x.shape[3], x.data);
    lab->x->needs_grad = needs_grad;
    rg_onnx_run(lab->onnx, lab->tape, lab->x, lab->value);
    assert_ok(rg_tape_error(lab->tape));
}

// The first n of the fixture's images; 0: all.
static void run(lab_t *lab, int n, int needs_grad)
{
    rg_reference_tensor_t x = rg_reference_tensor(lab->reference, "x");
    run_on(lab, x, n ? n : x.shape[0], needs_grad);
}

static void plan(lab_t *lab, const char *const *names, int count)
{
    rg_reference_tensor_t image = rg_reference_tensor(lab->reference, "x");
    assert_ok(rg_onnx_plan(lab->onnx, image.shape[1], image.shape[2], names, count));
}

static double error_of(const float *got, const float *want, size_t n)
{
    double error = 0, scale = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(got[i])) return INFINITY;
        error = fmax(error, fabs((double)got[i] - (double)want[i]));
        scale = fmax(scale, fabs((double)want[i]));
    }
    return error / scale;
}

static void compare(const lab_t *lab, const char *network, const char *name, const float *got, size_t n)
{
    rg_reference_tensor_t want = rg_reference_tensor(lab->reference, "%s", name);
    assert_true(n <= want.count);
    double error = error_of(got, want.data, n);
    print_message("%s %s: %.2g\n", network, name, error);
    if (!(error <= TOLERANCE)) fail_msg("%s: %s is off by %.2g", network, name, error);
}

static void check_value(const lab_t *lab, const network_t *network, int i, const char *name)
{
    rg_reference_tensor_t want = rg_reference_tensor(lab->reference, "%s", name);
    rg_onnx_shape_t shape = rg_onnx_shape(lab->onnx, i);
    const rg_tensor_t *y = lab->value[i];
    assert_true(y->h == want.shape[1] && y->w == want.shape[2] && y->c == want.shape[3]);
    assert_true(shape.h == y->h && shape.w == y->w && shape.c == y->c);
    compare(lab, network->name, name, y->data, rg_tensor_size(y));
}

static void back(lab_t *lab, rg_tensor_t *y, rg_reference_tensor_t dy)
{
    int add;
    float *grad = rg_tape_grad(lab->tape, y, &add);
    assert_non_null(grad);
    memcpy(grad, dy.data, dy.count * sizeof *grad);
    assert_ok(rg_tape_backward(lab->tape));
    assert_non_null(lab->x->grad);
}

static void check_gradient(lab_t *lab, const network_t *network, rg_tensor_t *y)
{
    back(lab, y, rg_reference_tensor(lab->reference, "dy"));
    compare(lab, network->name, "dx", lab->x->grad, rg_tensor_size(lab->x));
}

static void all_values_and_the_gradient_agree(void **state)
{
    const network_t *network = *state;
    lab_t lab;
    begin(&lab, network);
    plan(&lab, network->values, network->count);
    run(&lab, 0, 1);
    for (int i = 0; i < network->count; i++) check_value(&lab, network, i, network->values[i]);
    check_gradient(&lab, network, lab.value[network->count - 1]);
    end(&lab);
}

// Nothing in the middle is asked for: more is folded.
static void the_last_value_and_the_gradient_agree(void **state)
{
    const network_t *network = *state;
    const char *last = network->values[network->count - 1];
    lab_t lab;
    begin(&lab, network);
    plan(&lab, &last, 1);
    run(&lab, 0, 1);
    check_value(&lab, network, 0, last);
    check_gradient(&lab, network, lab.value[0]);
    end(&lab);
}

// Without gradients maps are dropped where they are not needed any more, and one image is as good as two.
static void single_images_agree_without_gradients(void **state)
{
    const network_t *network = *state;
    lab_t lab;
    begin(&lab, network);
    plan(&lab, network->values, network->count);
    run(&lab, 1, 0);
    for (int i = 0; i < network->count; i++) check_value(&lab, network, i, network->values[i]);
    assert_false(lab.value[0]->needs_grad);
    end(&lab);
}

static void step(lab_t *lab, const network_t *network, rg_reference_tensor_t x, rg_reference_tensor_t dy)
{
    run_on(lab, x, x.shape[0], 1);
    back(lab, lab->value[network->count - 1], dy);
}

// Once a size has been seen, neither memory of the tape nor of anything else grows.
static void later_runs_allocate_nothing(void **state)
{
    const network_t *network = *state;
    lab_t lab;
    begin(&lab, network);
    plan(&lab, network->values, network->count);
    rg_reference_tensor_t x = rg_reference_tensor(lab.reference, "x"),
                          dy = rg_reference_tensor(lab.reference, "dy");
    for (int i = 0; i < 2; i++) step(&lab, network, x, dy);
    size_t peak = rg_tape_peak_bytes(lab.tape);
    rg_allocations_start();
    for (int i = 0; i < 2; i++) step(&lab, network, x, dy);
    assert_int_equal(rg_allocations_stop(), 0);
    assert_int_equal(rg_tape_peak_bytes(lab.tape), peak);
    end(&lab);
}

static void files_have_a_hash_and_numbered_nodes(void **state)
{
    lab_t a, b;
    (void)state;
    begin(&a, &networks[0]);
    begin(&b, &networks[1]);
    assert_int_equal(strlen(rg_onnx_hash(a.onnx)), 16);
    assert_string_not_equal(rg_onnx_hash(a.onnx), rg_onnx_hash(b.onnx));
    assert_string_equal(rg_onnx_nth(a.onnx, "Relu", 2), "relu2");
    assert_null(rg_onnx_nth(a.onnx, "Relu", 6));
    assert_null(rg_onnx_nth(a.onnx, "Relu", 0));
    end(&a);
    end(&b);
}

#define TESTS(i)                                                                                             \
    cmocka_unit_test_prestate(all_values_and_the_gradient_agree, &networks[i]),                              \
        cmocka_unit_test_prestate(the_last_value_and_the_gradient_agree, &networks[i]),                      \
        cmocka_unit_test_prestate(single_images_agree_without_gradients, &networks[i]),                      \
        cmocka_unit_test_prestate(later_runs_allocate_nothing, &networks[i])

int main(void)
{
    const struct CMUnitTest tests[] = {TESTS(0),
                                       TESTS(1),
                                       TESTS(2),
                                       TESTS(3),
                                       TESTS(4),
                                       TESTS(5),
                                       cmocka_unit_test(files_have_a_hash_and_numbered_nodes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
