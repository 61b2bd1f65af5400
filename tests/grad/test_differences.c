// Every op's backward against central differences of its own forward, along random directions in the joint
// space of inputs and parameters:  (L(v + eps r) - L(v - eps r)) / 2 eps = <dL/dv, r>,  L = sum(u * y) for a
// random u. Where an op has kinks the case stays away from them: `lift` moves neighbouring channels apart.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "tests/grad/fixture.h"
#include "tests/support/test.h"

enum { INPUTS_MAX = 3, PARAMS_MAX = 6, DIRECTIONS = 4 };

// What f32 leaves: the rounding of L over eps, below 1e-4 of the gradient's length.
static const float EPS = 1e-2f;
static const double TOLERANCE = 3e-4;

typedef struct {
    rg_fixture_t *fixture;
    rg_tape_t *tape;
    rg_tensor_t *x[INPUTS_MAX];
    rg_param_t **p;
    double loss;
} graph_t;

typedef struct {
    const char *name;
    int x[INPUTS_MAX][4]; // shapes of the inputs, ended by zeros
    int p[PARAMS_MAX][4]; // shapes of the parameters, trailing zeros beyond their rank
    float lift; // onto the even channels of the last parameter (of the first input if none), off the odd
    rg_tensor_t *(*build)(graph_t *g); // the output, or NULL and g->loss
} case_t;

static rg_conv_t *conv_layer(graph_t *g, int first, int stride, int pad, int reflect, enum rg_act act)
{
    rg_conv_t *layer = rg_tape_alloc(g->tape, sizeof *layer);
    *layer = (rg_conv_t){.weight = g->p[first],
                         .bias = g->p[first + 1],
                         .stride = stride,
                         .pad = pad,
                         .reflect = reflect,
                         .act = act};
    return layer;
}

static rg_linear_t *linear_layer(graph_t *g, int first, enum rg_act act)
{
    rg_linear_t *layer = rg_tape_alloc(g->tape, sizeof *layer);
    *layer = (rg_linear_t){g->p[first], g->p[first + 1], act};
    return layer;
}

static rg_tensor_t *conv_zero(graph_t *g)
{
    return rg_conv(g->tape, g->x[0], conv_layer(g, 0, 1, 1, 0, RG_ACT_NONE));
}

static rg_tensor_t *conv_reflect_relu(graph_t *g)
{
    return rg_conv(g->tape, g->x[0], conv_layer(g, 0, 2, 1, 1, RG_ACT_RELU));
}

static rg_tensor_t *conv_leaky(graph_t *g)
{
    return rg_conv(g->tape, g->x[0], conv_layer(g, 0, 1, 2, 0, RG_ACT_LEAKY));
}

static rg_tensor_t *conv_up(graph_t *g)
{
    rg_conv_t *layer = conv_layer(g, 0, 1, 2, 0, RG_ACT_NONE);
    layer->up = 1;
    return rg_conv(g->tape, g->x[0], layer);
}

static rg_tensor_t *linear_tanh(graph_t *g)
{
    return rg_linear(g->tape, g->x[0], linear_layer(g, 0, RG_ACT_TANH));
}

static rg_tensor_t *instance_residual(graph_t *g)
{
    return rg_instance_norm(g->tape, g->x[0], RG_ACT_NONE, g->x[1]);
}

static rg_tensor_t *adain_residual(graph_t *g)
{
    return rg_adain(g->tape, g->x[0], g->x[1], 3, RG_ACT_NONE, g->x[2]);
}

static rg_tensor_t *layer_norm(graph_t *g)
{
    return rg_layer_norm(g->tape, g->x[0], g->p[0], g->p[1], RG_ACT_NONE);
}

static rg_tensor_t *layer_norm_leaky(graph_t *g)
{
    return rg_layer_norm(g->tape, g->x[0], g->p[0], g->p[1], RG_ACT_LEAKY);
}

static rg_tensor_t *pool(graph_t *g)
{
    return rg_pool3(g->tape, g->x[0]);
}

static rg_tensor_t *global_mean(graph_t *g)
{
    return rg_global_mean(g->tape, g->x[0]);
}

static rg_tensor_t *flatten(graph_t *g)
{
    return rg_flatten(g->tape, g->x[0]);
}

static rg_tensor_t *reshape(graph_t *g)
{
    return rg_reshape(g->tape, g->x[0], 1, 5, 12);
}

static rg_tensor_t *broadcast_image(graph_t *g)
{
    rg_tensor_t *centred = rg_broadcast(g->tape, RG_MINUS, g->x[0], g->x[1]);
    return rg_broadcast(g->tape, RG_OVER, centred, rg_act(g->tape, g->x[1], RG_ACT_SIGMOID));
}

static rg_tensor_t *broadcast_channel(graph_t *g)
{
    return rg_broadcast(g->tape, RG_PLUS, rg_broadcast(g->tape, RG_TIMES, g->x[0], g->x[1]), g->x[1]);
}

static rg_tensor_t *broadcast_itself(graph_t *g)
{
    return rg_broadcast(g->tape, RG_TIMES, g->x[0], g->x[0]);
}

static rg_tensor_t *length(graph_t *g)
{
    return rg_length(g->tape, g->x[0]);
}

static rg_tensor_t *concat(graph_t *g)
{
    return rg_concat(g->tape, g->x, 3);
}

static rg_tensor_t *stack(graph_t *g)
{
    return rg_stack(g->tape, g->x[0], g->x[1]);
}

static rg_tensor_t *rows(graph_t *g)
{
    return rg_rows(g->tape, g->x[0], 1, 2);
}

static rg_tensor_t *act_relu(graph_t *g)
{
    return rg_act(g->tape, g->x[0], RG_ACT_RELU);
}

static rg_tensor_t *act_leaky(graph_t *g)
{
    return rg_act(g->tape, g->x[0], RG_ACT_LEAKY);
}

static rg_tensor_t *act_tanh(graph_t *g)
{
    return rg_act(g->tape, g->x[0], RG_ACT_TANH);
}

static rg_tensor_t *act_sigmoid(graph_t *g)
{
    return rg_act(g->tape, g->x[0], RG_ACT_SIGMOID);
}

static rg_tensor_t *conv_adjoint(graph_t *g)
{
    rg_tensor_t *x = rg_tape_tensor(g->tape, 2, 6, 8, 3); // its shape alone is read
    return rg_conv_adjoint(g->tape, g->x[0], conv_layer(g, 0, 2, 1, 1, RG_ACT_LEAKY), x);
}

static rg_tensor_t *pool3_adjoint(graph_t *g)
{
    return rg_pool3_adjoint(g->tape, g->x[0], rg_tape_tensor(g->tape, 2, 5, 6, 3));
}

static rg_tensor_t *act_adjoint(graph_t *g)
{
    rg_tensor_t *y = rg_tape_tensor(g->tape, 2, 3, 4, 5);
    for (size_t i = 0; i < rg_tensor_size(y); i++) y->data[i] = i % 3 ? 1 : -1;
    rg_fixture_push(y->data, rg_tensor_size(y));
    return rg_act_adjoint(g->tape, g->x[0], y, RG_ACT_LEAKY);
}

// Two readers of one gradient: the adjoints add to what is there.
static rg_tensor_t *adjoints_add(graph_t *g)
{
    const rg_conv_t *layer = conv_layer(g, 0, 2, 1, 1, RG_ACT_NONE);
    rg_tensor_t *x = rg_tape_tensor(g->tape, 2, 6, 8, 3), *d = g->x[0];
    g->loss = 2 * RG_FIXTURE_LOSS(rg_loss_square, g->tape, rg_conv_adjoint(g->tape, d, layer, x), 0.3f, 2);
    g->loss += 3 * RG_FIXTURE_LOSS(rg_loss_square, g->tape, rg_conv_adjoint(g->tape, d, layer, x), 0.1f, 3);
    x = rg_tape_tensor(g->tape, 2, 5, 7, 3);
    for (int i = 0; i < 2; i++)
        g->loss +=
            4 * RG_FIXTURE_LOSS(rg_loss_square, g->tape, rg_pool3_adjoint(g->tape, d, x), 0.2f * (float)i, 4);
    return NULL;
}

static rg_tensor_t *select_mixed(graph_t *g)
{
    size_t n = rg_tensor_size(g->x[0]);
    unsigned char *mask = rg_tape_alloc(g->tape, n);
    for (size_t i = 0; i < n; i++) mask[i] = i % 3 == 0;
    return rg_select(g->tape, mask, g->x[0], g->x[1]);
}

static rg_tensor_t *dropout(graph_t *g)
{
    size_t n = rg_tensor_size(g->x[0]);
    float *keep = rg_tape_alloc(g->tape, n * sizeof *keep);
    for (size_t i = 0; i < n; i++) keep[i] = i % 4 ? 1 / 0.75f : 0;
    return rg_dropout(g->tape, g->x[0], keep);
}

static rg_tensor_t *loss_l1(graph_t *g)
{
    g->loss = 3 * RG_FIXTURE_LOSS(rg_loss_l1, g->tape, g->x[0], g->x[1], 3);
    return NULL;
}

static rg_tensor_t *loss_l2(graph_t *g)
{
    g->loss = 3 * RG_FIXTURE_LOSS(rg_loss_l2, g->tape, g->x[0], g->x[1], 3);
    return NULL;
}

static rg_tensor_t *loss_square(graph_t *g)
{
    g->loss = 5 * RG_FIXTURE_LOSS(rg_loss_square, g->tape, g->x[0], 1, 5);
    return NULL;
}

static rg_tensor_t *loss_bce(graph_t *g)
{
    size_t n = rg_tensor_size(g->x[0]);
    float *labels = rg_tape_alloc(g->tape, n * sizeof *labels);
    for (size_t i = 0; i < n; i++) labels[i] = (float)(i % 2);
    g->loss = 2 * RG_FIXTURE_LOSS(rg_loss_bce, g->tape, g->x[0], labels, 2);
    return NULL;
}

// A generator in small, of smooth parts: one style row feeds two norms, one tensor two consumers, two losses
// add up.
static rg_tensor_t *generator(graph_t *g)
{
    rg_tensor_t *style = rg_linear(g->tape, g->x[1], linear_layer(g, 0, RG_ACT_TANH));
    const rg_conv_t *conv = conv_layer(g, 2, 1, 1, 0, RG_ACT_NONE); // twice: its weights' gradients add up
    rg_tensor_t *x = g->x[0];
    rg_tensor_t *y = rg_adain(g->tape, rg_conv(g->tape, x, conv), style, 0, RG_ACT_NONE, NULL);
    y = rg_adain(g->tape, rg_conv(g->tape, rg_act(g->tape, y, RG_ACT_TANH), conv), style, 8, RG_ACT_NONE, x);
    y = rg_layer_norm(g->tape, y, g->p[4], g->p[5], RG_ACT_NONE);
    rg_tensor_t *image = rg_act(g->tape, y, RG_ACT_TANH);
    g->loss = 10 * RG_FIXTURE_LOSS(rg_loss_square, g->tape, image, 0.3f, 10);
    g->loss += 4 * RG_FIXTURE_LOSS(rg_loss_square, g->tape, rg_pool3(g->tape, y), 0.1f, 4);
    return NULL;
}

static const case_t CASES[] = {
    {"conv_zero", {{2, 5, 6, 3}}, {{4, 3, 3, 3}, {4}}, 0, conv_zero},
    {"conv_wide", {{2, 6, 6, 16}}, {{16, 16, 3, 3}, {16}}, 0, conv_zero},
    {"conv_reflect_relu", {{3, 6, 8, 3}}, {{6, 3, 4, 4}, {6}}, 6, conv_reflect_relu},
    {"conv_leaky", {{1, 5, 5, 4}}, {{3, 4, 5, 5}, {3}}, 6, conv_leaky},
    {"conv_up", {{2, 4, 3, 5}}, {{4, 5, 5, 5}, {4}}, 0, conv_up},
    {"conv_up_wide", {{4, 8, 16, 16}}, {{16, 16, 5, 5}, {16}}, 0, conv_up},
    {"linear_tanh", {{3, 1, 1, 9}}, {{5, 9}, {5}}, 0, linear_tanh},
    {"instance_residual", {{2, 4, 5, 3}, {2, 4, 5, 3}}, {{0}}, 0, instance_residual},
    {"adain_residual", {{2, 4, 3, 5}, {2, 1, 1, 14}, {2, 4, 3, 5}}, {{0}}, 0, adain_residual},
    {"layer_norm", {{3, 3, 4, 5}}, {{5}, {5}}, 0, layer_norm},
    {"layer_norm_leaky", {{2, 3, 3, 4}}, {{4}, {4}}, 12, layer_norm_leaky},
    {"pool3", {{2, 5, 6, 3}}, {{0}}, 0, pool},
    {"global_mean", {{2, 3, 4, 5}}, {{0}}, 0, global_mean},
    {"flatten", {{2, 3, 4, 5}}, {{0}}, 0, flatten},
    {"reshape", {{2, 3, 4, 5}}, {{0}}, 0, reshape},
    {"broadcast_image", {{3, 2, 3, 4}, {3, 1, 1, 1}}, {{0}}, 0, broadcast_image},
    {"broadcast_channel", {{2, 3, 2, 4}, {2, 1, 1, 4}}, {{0}}, 0, broadcast_channel},
    {"broadcast_mask", {{2, 3, 2, 4}, {2, 3, 2, 1}}, {{0}}, 0, broadcast_channel},
    {"broadcast_column", {{2, 3, 2, 4}, {2, 3, 1, 4}}, {{0}}, 0, broadcast_channel},
    {"broadcast_itself", {{2, 3, 2, 4}}, {{0}}, 0, broadcast_itself},
    {"length", {{2, 3, 2, 4}}, {{0}}, 0, length},
    {"concat", {{2, 3, 2, 1}, {2, 3, 2, 4}, {2, 3, 2, 17}}, {{0}}, 0, concat},
    {"stack", {{1, 3, 2, 4}, {3, 3, 2, 4}}, {{0}}, 0, stack},
    {"rows", {{4, 3, 2, 4}}, {{0}}, 0, rows},
    {"select", {{2, 3, 2, 4}, {2, 3, 2, 4}}, {{0}}, 0, select_mixed},
    {"dropout", {{3, 1, 1, 17}}, {{0}}, 0, dropout},
    {"act_relu", {{2, 3, 4, 5}}, {{0}}, 6, act_relu},
    {"act_leaky", {{2, 3, 4, 5}}, {{0}}, 6, act_leaky},
    {"act_tanh", {{2, 3, 4, 5}}, {{0}}, 0, act_tanh},
    {"act_sigmoid", {{2, 3, 4, 5}}, {{0}}, 0, act_sigmoid},
    {"conv_adjoint", {{2, 3, 4, 6}}, {{6, 3, 4, 4}, {6}}, 0, conv_adjoint},
    {"pool3_adjoint", {{2, 3, 3, 3}}, {{0}}, 0, pool3_adjoint},
    {"act_adjoint", {{2, 3, 4, 5}}, {{0}}, 0, act_adjoint},
    {"adjoints_add", {{2, 3, 4, 3}}, {{3, 3, 4, 4}, {3}}, 0, adjoints_add},
    {"loss_l1", {{2, 3, 4, 5}, {2, 3, 4, 5}}, {{0}}, 8, loss_l1},
    {"loss_l2", {{2, 3, 4, 5}, {2, 3, 4, 5}}, {{0}}, 0, loss_l2},
    {"loss_square", {{2, 3, 4, 5}}, {{0}}, 0, loss_square},
    {"loss_bce", {{3, 1, 1, 7}}, {{0}}, 0, loss_bce},
    {"generator", {{2, 4, 4, 4}, {2, 1, 1, 5}}, {{16, 5}, {16}, {4, 4, 3, 3}, {4}, {4}, {4}}, 0, generator},
};

// ---- the point v: all inputs, then the parameters' block, as one vector

typedef struct {
    const case_t *of;
    rg_fixture_t *fixture;
    size_t inputs, count; // floats of the inputs; of everything
    float *v;
    float *u; // upstream gradient, NULL for a loss
} point_t;

static size_t size_of(const int shape[4])
{
    return (size_t)shape[0] * (size_t)shape[1] * (size_t)shape[2] * (size_t)shape[3];
}

static int rank_of(const int shape[4])
{
    int rank = 0;
    while (rank < 4 && shape[rank]) rank++;
    return rank;
}

static void lift(float *x, size_t n, size_t channels, float by)
{
    for (size_t i = 0; i < n; i++) x[i] += i % channels % 2 ? -by : by;
}

// Weights of convolutions and linear layers keep the spread of what goes in.
static void scale_weights(const rg_param_t *p, float *block)
{
    if (p->rank < 2) return;
    float fan_in = (float)(p->count / (size_t)p->shape[0]);
    for (size_t i = 0; i < p->count; i++) block[p->offset + i] /= sqrtf(fan_in);
}

static void point_init(point_t *point, const case_t *of, rg_fixture_t *fixture)
{
    *point = (point_t){.of = of, .fixture = fixture};
    rg_params_t *params = &fixture->params;
    for (int i = 0; i < PARAMS_MAX && of->p[i][0]; i++) {
        char name[8] = {(char)('0' + i)};
        rg_params_add(params, name, rank_of(of->p[i]), of->p[i]);
    }
    rg_params_alloc(params, 1);
    for (int i = 0; i < INPUTS_MAX; i++) point->inputs += size_of(of->x[i]);
    point->count = point->inputs + params->count;
    point->v = rg_alloc(point->count * sizeof *point->v);
    rg_fixture_normal(point->v, point->count, 1);
    for (int i = 0; i < params->n; i++) scale_weights(params->list[i], point->v + point->inputs);
    if (params->n) {
        const rg_param_t *last = params->list[params->n - 1];
        lift(point->v + point->inputs + last->offset, last->count, last->count, of->lift);
    } else {
        lift(point->v, size_of(of->x[0]), (size_t)of->x[0][3], of->lift);
    }
}

static void point_fini(point_t *point)
{
    free(point->v);
    free(point->u);
}

// The graph at v. Returns its loss; leaves the tape ready for backward.
static double evaluate(point_t *point, const float *v, graph_t *g, rg_tensor_t **out)
{
    const case_t *of = point->of;
    rg_params_t *params = &point->fixture->params;
    rg_tape_reset(point->fixture->tape);
    *g = (graph_t){.fixture = point->fixture, .tape = point->fixture->tape, .p = params->list};
    const float *next = v;
    for (int i = 0; i < INPUTS_MAX && of->x[i][0]; next += size_of(of->x[i++]))
        g->x[i] = rg_fixture_leaf(point->fixture, of->x[i], next);
    memcpy(params->value, next, params->count * sizeof *next);
    rg_params_changed(params);
    rg_tensor_t *y = *out = of->build(g);
    if (!y) return g->loss;
    if (!point->u) {
        point->u = rg_alloc(rg_tensor_size(y) * sizeof *point->u);
        rg_fixture_normal(point->u, rg_tensor_size(y), 2);
    }
    double loss = 0;
    rg_fixture_pull(y->data, rg_tensor_size(y));
    for (size_t i = 0; i < rg_tensor_size(y); i++) loss += (double)point->u[i] * y->data[i];
    return loss;
}

// dL/dv at the point itself; free() it.
static float *gradient(point_t *point)
{
    rg_params_t *params = &point->fixture->params;
    float *d = rg_alloc(point->count * sizeof *d), *next = d;
    graph_t g;
    rg_tensor_t *y;
    evaluate(point, point->v, &g, &y);
    if (y)
        rg_fixture_backward(point->fixture, y, point->u);
    else
        assert_int_equal(rg_tape_backward(point->fixture->tape), 0);
    for (int i = 0; i < INPUTS_MAX && g.x[i]; next += rg_tensor_size(g.x[i++])) {
        assert_non_null(g.x[i]->grad);
        size_t size = rg_tensor_size(g.x[i]);
        memcpy(next, rg_fixture_pull(g.x[i]->grad, size), size * sizeof *next);
    }
    memcpy(next, rg_fixture_pull_gradients(params), params->count * sizeof *next);
    return d;
}

static double central_difference(point_t *point, const float *r, float eps)
{
    float *v = rg_alloc(point->count * sizeof *v);
    graph_t g;
    rg_tensor_t *y;
    double loss[2];
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < point->count; i++) v[i] = point->v[i] + (side ? eps : -eps) * r[i];
        loss[side] = evaluate(point, v, &g, &y);
    }
    free(v);
    return (loss[1] - loss[0]) / (2 * (double)eps);
}

// Two widths cancel the third derivative (Richardson).
static double slope(point_t *point, const float *r)
{
    return (4 * central_difference(point, r, EPS) - central_difference(point, r, 2 * EPS)) / 3;
}

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * b[i];
    return sum;
}

typedef struct {
    const case_t *of;
    rg_fixture_t *fixture;
} subject_t;

static void test_case(void **state)
{
    const subject_t *subject = *state;
    void *fixture = subject->fixture;
    point_t point;
    rg_fixture_clean(&fixture);
    point_init(&point, subject->of, subject->fixture);
    float *d = gradient(&point), *r = rg_alloc(point.count * sizeof *r);
    double length = sqrt(dot(d, d, point.count));
    assert_true(length > 0);
    for (uint64_t i = 0; i < DIRECTIONS; i++) {
        rg_fixture_normal(r, point.count, 10 + i);
        double want = slope(&point, r), got = dot(d, r, point.count); // got is N(0, length^2) over directions
        if (!(fabs(got - want) <= TOLERANCE * length))
            fail_msg("%s, direction %d: slope %.6g, gradient says %.6g (length %.3g)", subject->of->name,
                     (int)i, want, got, length);
    }
    free(d);
    free(r);
    point_fini(&point);
}

int main(void)
{
    enum { COUNT = sizeof CASES / sizeof *CASES };
    struct CMUnitTest tests[COUNT] = {0};
    subject_t subjects[COUNT];
    void *fixture = NULL;
    if (rg_fixture_setup(&fixture)) return 1;
    for (int i = 0; i < COUNT; i++) {
        subjects[i] = (subject_t){&CASES[i], fixture};
        tests[i] =
            (struct CMUnitTest){.name = CASES[i].name, .test_func = test_case, .initial_state = &subjects[i]};
    }
    int failed = cmocka_run_group_tests_name("differences", tests, NULL, NULL);
    rg_fixture_teardown(&fixture);
    return failed;
}
