// What the fixtures are too small for: loops cut into pieces, several threads, long sums. The reference is
// the formula written down plainly in double precision.
#include <math.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "tests/grad/fixture.h"
#include "tests/support/test.h"

enum { N = 2, SIDE = 96, C = 5, PIXELS = SIDE * SIDE, IMAGE = PIXELS * C, SIZE = N * IMAGE, BLOCK = 50001 };
static const int SHAPE[4] = {N, SIDE, SIDE, C};
static const float MEAN = 3; // long sums of what does not cancel

typedef struct {
    rg_fixture_t *fixture;
    float *x, *u, *want_y, *want_dx;
    rg_tensor_t *leaf;
} scene_t;

static scene_t scene_new(rg_fixture_t *fixture)
{
    scene_t scene = {.fixture = fixture};
    scene.x = rg_alloc(SIZE * sizeof(float));
    scene.u = rg_alloc(SIZE * sizeof(float));
    scene.want_y = rg_alloc(SIZE * sizeof(float));
    scene.want_dx = rg_alloc(SIZE * sizeof(float));
    rg_fixture_normal(scene.x, SIZE, 6);
    rg_fixture_normal(scene.u, SIZE, 7);
    for (int i = 0; i < SIZE; i++) scene.x[i] += MEAN;
    scene.leaf = rg_fixture_leaf(fixture, SHAPE, scene.x);
    return scene;
}

// Compares and ends the scene.
static void scene_check(scene_t *scene, const char *what, rg_tensor_t *y, double tolerance)
{
    rg_fixture_compare(what, y->data, scene->want_y, rg_tensor_size(y), tolerance);
    rg_fixture_backward(scene->fixture, y, scene->u);
    rg_fixture_compare(what, scene->leaf->grad, scene->want_dx, SIZE, tolerance);
    free(scene->x);
    free(scene->u);
    free(scene->want_y);
    free(scene->want_dx);
}

// y = (x - mean) / (spread + outside) over `count` elements `step` apart, and its gradient; freedom: divisor
// of the variance, inside: added to it.
static void normalise(scene_t *scene, int first, int step, int count, int freedom, double inside,
                      double outside)
{
    const float *x = scene->x + first, *u = scene->u + first;
    double mean = 0, squares = 0, sum_u = 0, sum_ux = 0;
    for (int i = 0; i < count; i++) mean += (double)x[i * step] / count;
    for (int i = 0; i < count; i++) {
        double d = (double)x[i * step] - mean;
        squares += d * d;
        sum_u += (double)u[i * step];
        sum_ux += (double)u[i * step] * d;
    }
    double spread = sqrt(squares / freedom + inside), r = 1 / (spread + outside);
    for (int i = 0; i < count; i++) {
        double d = (double)x[i * step] - mean;
        scene->want_y[first + i * step] = (float)(d * r);
        scene->want_dx[first + i * step] =
            (float)(r * ((double)u[i * step] - sum_u / count - d * sum_ux * r / (freedom * spread)));
    }
}

static void test_instance_norm(void **state)
{
    scene_t scene = scene_new(*state);
    for (int n = 0; n < N; n++)
        for (int c = 0; c < C; c++) normalise(&scene, n * IMAGE + c, C, PIXELS, PIXELS, 1e-5, 0);
    scene_check(&scene, "instance norm", rg_instance_norm(scene.fixture->tape, scene.leaf, RG_ACT_NONE, NULL),
                1e-5);
}

static void test_layer_norm(void **state)
{
    rg_fixture_t *fixture = *state;
    rg_param_t *gain = rg_params_add(&fixture->params, "gain", 1, (int[4]){C});
    rg_param_t *shift = rg_params_add(&fixture->params, "shift", 1, (int[4]){C});
    rg_params_alloc(&fixture->params, 1);
    rg_param_fill(gain, 1);
    scene_t scene = scene_new(fixture);
    for (int n = 0; n < N; n++) normalise(&scene, n * IMAGE, 1, IMAGE, IMAGE - 1, 0, 1e-5);
    scene_check(&scene, "layer norm", rg_layer_norm(fixture->tape, scene.leaf, gain, shift, RG_ACT_NONE),
                1e-5);
}

static void test_global_mean(void **state)
{
    scene_t scene = scene_new(*state);
    for (int n = 0; n < N; n++)
        for (int c = 0; c < C; c++) {
            double sum = 0;
            for (int p = 0; p < PIXELS; p++) {
                int i = n * IMAGE + p * C + c;
                sum += (double)scene.x[i];
                scene.want_dx[i] = scene.u[n * C + c] / PIXELS;
            }
            scene.want_y[n * C + c] = (float)(sum / PIXELS);
        }
    scene_check(&scene, "global mean", rg_global_mean(scene.fixture->tape, scene.leaf), 1e-5);
}

static void test_act(void **state)
{
    scene_t scene = scene_new(*state);
    for (int i = 0; i < SIZE; i++) {
        double y = tanh((double)scene.x[i]);
        scene.want_y[i] = (float)y;
        scene.want_dx[i] = (float)((1 - y * y) * (double)scene.u[i]);
    }
    scene_check(&scene, "tanh", rg_act(scene.fixture->tape, scene.leaf, RG_ACT_TANH), 1e-6);
}

// The weight and bias gradients of a 1x1 convolution of one channel to one: sums over every pixel of the
// batch.
static void test_conv_gradient_sums(void **state)
{
    rg_fixture_t *fixture = *state;
    rg_conv_t conv = {.weight = rg_params_add(&fixture->params, "weight", 4, (int[4]){1, C, 1, 1}),
                      .bias = rg_params_add(&fixture->params, "bias", 1, (int[4]){1}),
                      .stride = 1};
    rg_params_alloc(&fixture->params, 1);
    scene_t scene = scene_new(fixture);
    double sum[C + 1] = {0};
    for (int p = 0; p < N * PIXELS; p++) {
        scene.u[p] += 1;
        for (int c = 0; c < C; c++) sum[c] += (double)scene.u[p] * (double)scene.x[p * C + c];
        sum[C] += (double)scene.u[p];
    }
    float want[C + 1];
    for (int c = 0; c <= C; c++) want[c] = (float)sum[c];
    scene_check(&scene, "zero weights", rg_conv(fixture->tape, scene.leaf, &conv), 0);
    rg_fixture_compare("weight gradient", conv.weight->grad, want, C, 1e-5);
    rg_fixture_compare("bias gradient", conv.bias->grad, want + C, 1, 1e-5);
}

// A small map with many weights, whose convolution is a product of patches: without a bias, the activation stays.
static void test_conv_without_bias(void **state)
{
    rg_fixture_t *fixture = *state;
    static const int shape[4] = {2, 8, 8, 20};
    float x[2 * 8 * 8 * 20];
    rg_conv_t conv = {.weight = rg_params_add(&fixture->params, "weight", 4, (int[4]){8, 20, 4, 4}),
                      .stride = 2,
                      .pad = 1,
                      .act = RG_ACT_RELU};
    rg_param_t *zeros = rg_params_add(&fixture->params, "bias", 1, (int[4]){8});
    rg_params_alloc(&fixture->params, 1);
    rg_fixture_normal(x, sizeof x / sizeof *x, 11);
    rg_fixture_normal(conv.weight->value, conv.weight->count, 12);
    rg_param_fill(zeros, 0);
    rg_tensor_t *y = rg_conv(fixture->tape, rg_fixture_leaf(fixture, shape, x), &conv);
    conv.bias = zeros;
    rg_tensor_t *want = rg_conv(fixture->tape, rg_fixture_leaf(fixture, shape, x), &conv);
    rg_fixture_pull(want->data, rg_tensor_size(want));
    rg_fixture_compare("convolution without bias", y->data, want->data, rg_tensor_size(y), 0);
}

static void test_loss_sums(void **state)
{
    scene_t scene = scene_new(*state);
    rg_tape_t *tape = scene.fixture->tape;
    double sum = 0;
    for (int i = 0; i < SIZE; i++) sum += fabs((double)scene.x[i] - (double)scene.u[i]) / SIZE;
    double loss =
        RG_FIXTURE_LOSS(rg_loss_l1, tape, scene.leaf, rg_tape_input(tape, N, SIDE, SIDE, C, scene.u), 1);
    assert_true(fabs(loss - sum) < 1e-7 * sum);
    free(scene.x);
    free(scene.u);
    free(scene.want_y);
    free(scene.want_dx);
}

typedef struct {
    rg_block_t block;
    float *want, *want_ema;
} scene_block_t;

static scene_block_t block_new(void)
{
    scene_block_t b = {.block.n = BLOCK};
    float **members[] = {&b.block.value, &b.block.grad, &b.block.m, &b.block.v,
                         &b.block.ema,   &b.want,       &b.want_ema};
    for (int i = 0; i < 7; i++) *members[i] = rg_alloc(BLOCK * sizeof(float));
    rg_fixture_normal(b.block.value, BLOCK, 8);
    rg_fixture_normal(b.block.grad, BLOCK, 9);
    rg_fixture_normal(b.block.ema, BLOCK, 10);
    for (int i = 0; i < 5; i++) rg_fixture_cover(*members[i], BLOCK);
    return b;
}

// The value, the average that followed it, and a gradient of zeros.
static void block_check(scene_block_t *b, const char *what, float ema)
{
    rg_fixture_compare(what, b->block.value, b->want, BLOCK, 1e-6);
    rg_fixture_normal(b->want_ema, BLOCK, 10);
    for (int i = 0; i < BLOCK; i++) b->want_ema[i] = ema * b->want_ema[i] + (1 - ema) * b->want[i];
    rg_fixture_compare("the average", b->block.ema, b->want_ema, BLOCK, 1e-6);
    rg_fixture_pull(b->block.grad, BLOCK);
    for (int i = 0; i < BLOCK; i++) assert_true(b->block.grad[i] == 0);
    const float *covered[] = {b->block.value, b->block.grad, b->block.m, b->block.v, b->block.ema};
    for (int i = 0; i < 5; i++) rg_fixture_release(covered[i]);
    free(b->block.value);
    free(b->block.grad);
    free(b->block.m);
    free(b->block.v);
    free(b->block.ema);
    free(b->want);
    free(b->want_ema);
}

static void test_sgd_block(void **state)
{
    rg_fixture_t *fixture = *state;
    scene_block_t b = block_new();
    const float *w = b.block.value, *g = b.block.grad;
    for (int i = 0; i < BLOCK; i++)
        b.want[i] = (float)((double)w[i] - 0.1 * (0.5 * (double)g[i] + 0.01 * (double)w[i]));
    fixture->backend->sgd(
        fixture->backend, &b.block,
        &(rg_update_t){.gscale = 0.5f, .lr = 0.1f, .momentum = 0.9f, .decay = 0.01f, .ema = 0.9f});
    block_check(&b, "sgd", 0.9f);
}

static void test_adam_block(void **state)
{
    rg_fixture_t *fixture = *state;
    scene_block_t b = block_new();
    const float *w = b.block.value, *gradient = b.block.grad;
    for (int i = 0; i < BLOCK; i++) { // the first step is a step of lr against the gradient's sign
        double g = 0.5 * (double)gradient[i];
        b.want[i] = (float)((double)w[i] - 0.1 * g / (fabs(g) + 1e-8));
    }
    fixture->backend->adam(
        fixture->backend, &b.block,
        &(rg_update_t){.gscale = 0.5f, .lr = 0.1f, .beta1 = 0.5f, .beta2 = 0.999f, .ema = 0.8f, .t = 1});
    block_check(&b, "adam", 0.8f);
}

static void test_sum_squares(void **state)
{
    rg_fixture_t *fixture = *state;
    float *x = rg_alloc(BLOCK * sizeof *x);
    rg_fixture_normal(x, BLOCK, 9);
    rg_fixture_cover(x, BLOCK);
    for (int n = 0; n < BLOCK; n += n < 200 ? 1 : 9973) {
        double sum = 0;
        for (int i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
        rg_tape_reset(fixture->tape);
        fixture->backend->sum_squares(fixture->backend, rg_fixture_sum(fixture->tape), x, (size_t)n);
        assert_true(fabs(rg_fixture_value(fixture->tape) - sum) <= 1e-9 * sum);
    }
    rg_fixture_release(x);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_instance_norm, rg_fixture_clean),
        cmocka_unit_test_setup(test_layer_norm, rg_fixture_clean),
        cmocka_unit_test_setup(test_global_mean, rg_fixture_clean),
        cmocka_unit_test_setup(test_act, rg_fixture_clean),
        cmocka_unit_test_setup(test_conv_gradient_sums, rg_fixture_clean),
        cmocka_unit_test_setup(test_conv_without_bias, rg_fixture_clean),
        cmocka_unit_test_setup(test_loss_sums, rg_fixture_clean),
        cmocka_unit_test_setup(test_sgd_block, rg_fixture_clean),
        cmocka_unit_test_setup(test_adam_block, rg_fixture_clean),
        cmocka_unit_test_setup(test_sum_squares, rg_fixture_clean),
    };
    return cmocka_run_group_tests_name("sizes", tests, rg_fixture_setup, rg_fixture_teardown);
}
