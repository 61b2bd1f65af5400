// Every op of ops.h, forward and backward, against what PyTorch computed in double precision
// (make_reference.py). Each case runs three times: trainable, with frozen parameters, and onto gradients that
// are already there.
#include <stdio.h>
#include <string.h>

#include "tests/grad/fixture.h"
#include "tests/support/test.h"

enum { LEAVES_MAX = 4 };
enum mode { TRAINABLE, FROZEN, ADDING };
enum parameters { NONE, TRAINED, FIXED }; // FIXED: always frozen

typedef struct {
    rg_fixture_t *fixture;
    const rg_reference_t *reference;
    char name[64]; // "conv.3"
    struct {
        const char *role;
        rg_tensor_t *x;
    } leaf[LEAVES_MAX];
    int leaves;
    double loss; // instead of an output
} case_t;

static const float *data(const case_t *c, const char *role)
{
    return rg_reference_tensor(c->reference, "%s.%s", c->name, role).data;
}

static int number(const case_t *c, const char *role)
{
    return (int)rg_reference_number(c->reference, "%s.%s", c->name, role);
}

static float weight(const case_t *c)
{
    return rg_reference_number(c->reference, "%s.weight", c->name);
}

static rg_tensor_t *input(case_t *c, const char *role)
{
    rg_reference_tensor_t tensor = rg_reference_tensor(c->reference, "%s.%s", c->name, role);
    assert_int_equal(tensor.rank, 4);
    assert_true(c->leaves < LEAVES_MAX);
    rg_tensor_t *x = rg_fixture_leaf(c->fixture, tensor.shape, tensor.data);
    c->leaf[c->leaves].role = role;
    c->leaf[c->leaves++].x = x;
    return x;
}

static rg_tensor_t *input_if_any(case_t *c, const char *role)
{
    return rg_reference_has(c->reference, "%s.%s", c->name, role) ? input(c, role) : NULL;
}

static rg_param_t *param(const case_t *c, const char *role)
{
    char name[64];
    snprintf(name, sizeof name, "p.%s", role);
    return rg_params_find(&c->fixture->params, name);
}

// ---- how each op is called

static rg_tensor_t *build_conv(case_t *c)
{
    rg_conv_t *layer = rg_tape_alloc(c->fixture->tape, sizeof *layer);
    *layer = (rg_conv_t){.weight = param(c, "weight"),
                         .bias = param(c, "bias"),
                         .stride = number(c, "stride"),
                         .pad = number(c, "pad"),
                         .reflect = number(c, "reflect"),
                         .up = number(c, "up"),
                         .act = (enum rg_act)number(c, "act")};
    return rg_conv(c->fixture->tape, input(c, "x"), layer);
}

static rg_tensor_t *build_linear(case_t *c)
{
    rg_linear_t *layer = rg_tape_alloc(c->fixture->tape, sizeof *layer);
    *layer = (rg_linear_t){param(c, "weight"), param(c, "bias"), (enum rg_act)number(c, "act")};
    return rg_linear(c->fixture->tape, input(c, "x"), layer);
}

static rg_tensor_t *build_instance_norm(case_t *c)
{
    rg_tensor_t *x = input(c, "x"), *residual = input_if_any(c, "residual");
    return rg_instance_norm(c->fixture->tape, x, (enum rg_act)number(c, "act"), residual);
}

static rg_tensor_t *build_adain(case_t *c)
{
    rg_tensor_t *x = input(c, "x"), *style = input(c, "style"), *residual = input_if_any(c, "residual");
    return rg_adain(c->fixture->tape, x, style, number(c, "offset"), (enum rg_act)number(c, "act"), residual);
}

static rg_tensor_t *build_layer_norm(case_t *c)
{
    return rg_layer_norm(c->fixture->tape, input(c, "x"), param(c, "gain"), param(c, "bias"),
                         (enum rg_act)number(c, "act"));
}

static rg_tensor_t *build_unit(case_t *c)
{
    return rg_unit(c->fixture->tape, input(c, "x"));
}

static rg_tensor_t *build_pool3(case_t *c)
{
    return rg_pool3(c->fixture->tape, input(c, "x"));
}

static rg_tensor_t *build_max_pool2(case_t *c)
{
    const rg_window_side_t side = {.k = 2, .stride = 2, .dilation = 1};
    return rg_pool(c->fixture->tape, input(c, "x"),
                   &(rg_pool_t){.window = {side, side}, .kind = RG_POOLING_MAX});
}

static rg_window_side_t span(const case_t *c, const char *side)
{
    const char *const roles[] = {"k", "stride", "dilation", "before", "after"};
    int value[5];
    for (int i = 0; i < 5; i++)
        value[i] = (int)rg_reference_number(c->reference, "%s.%s.%s", c->name, side, roles[i]);
    return (rg_window_side_t){value[0], value[1], value[2], value[3], value[4]};
}

static rg_tensor_t *build_pool(case_t *c)
{
    rg_pool_t pool = {.window = {span(c, "h"), span(c, "w")},
                      .partial = number(c, "partial"),
                      .kind = (enum rg_pooling)number(c, "kind")};
    return rg_pool(c->fixture->tape, input(c, "x"), &pool);
}

static rg_tensor_t *build_window_conv(case_t *c)
{
    rg_window_conv_t *layer = rg_tape_alloc(c->fixture->tape, sizeof *layer);
    *layer = (rg_window_conv_t){.weight = param(c, "weight"),
                                .bias = param(c, "bias"),
                                .window = {span(c, "h"), span(c, "w")},
                                .groups = number(c, "groups"),
                                .act = (enum rg_act)number(c, "act")};
    return rg_window_conv(c->fixture->tape, input(c, "x"), layer);
}

static rg_tensor_t *build_scale(case_t *c)
{
    rg_scale_t *layer = rg_tape_alloc(c->fixture->tape, sizeof *layer);
    *layer = (rg_scale_t){param(c, "weight"), param(c, "bias"), (enum rg_act)number(c, "act")};
    return rg_scale(c->fixture->tape, input(c, "x"), layer);
}

static rg_tensor_t *build_add(case_t *c)
{
    rg_tensor_t *a = input(c, "a"), *b = input(c, "b");
    return rg_add(c->fixture->tape, a, b);
}

static rg_tensor_t *build_subtract(case_t *c)
{
    rg_tensor_t *a = input(c, "a"), *b = input(c, "b");
    return rg_broadcast(c->fixture->tape, RG_MINUS, a, b);
}

static rg_tensor_t *build_multiply(case_t *c)
{
    rg_tensor_t *a = input(c, "a"), *b = input(c, "b");
    return rg_multiply(c->fixture->tape, a, b);
}

static rg_tensor_t *build_clip(case_t *c)
{
    rg_clip_t *clip = rg_tape_alloc(c->fixture->tape, sizeof *clip);
    *clip = (rg_clip_t){*data(c, "low"), *data(c, "high"), *data(c, "leak")};
    return rg_clip(c->fixture->tape, input(c, "x"), clip);
}

static rg_tensor_t *build_softmax(case_t *c)
{
    return rg_softmax(c->fixture->tape, input(c, "x"));
}

static rg_tensor_t *build_global_mean(case_t *c)
{
    return rg_global_mean(c->fixture->tape, input(c, "x"));
}

static rg_tensor_t *build_flatten(case_t *c)
{
    return rg_flatten(c->fixture->tape, input(c, "x"));
}

static rg_tensor_t *build_concat(case_t *c)
{
    static const char *const roles[] = {"x0", "x1", "x2"};
    rg_tensor_t *parts[3];
    int count = number(c, "count");
    assert_in_range(count, 1, 3);
    for (int i = 0; i < count; i++) parts[i] = input(c, roles[i]);
    return rg_concat(c->fixture->tape, parts, count);
}

static rg_tensor_t *build_stack(case_t *c)
{
    rg_tensor_t *a = input(c, "a"), *b = input(c, "b");
    return rg_stack(c->fixture->tape, a, b);
}

static rg_tensor_t *build_rows(case_t *c)
{
    return rg_rows(c->fixture->tape, input(c, "x"), number(c, "first"), number(c, "count"));
}

static rg_tensor_t *build_channels(case_t *c)
{
    return rg_channels(c->fixture->tape, input(c, "x"), number(c, "first"), number(c, "count"));
}

static rg_tensor_t *build_select(case_t *c)
{
    rg_tensor_t *a = input(c, "a"), *b = input(c, "b");
    const float *values = data(c, "mask");
    unsigned char *mask = rg_tape_alloc(c->fixture->tape, rg_tensor_size(a));
    for (size_t i = 0; i < rg_tensor_size(a); i++) mask[i] = values[i] != 0;
    return rg_select(c->fixture->tape, mask, a, b);
}

static rg_tensor_t *build_dropout(case_t *c)
{
    return rg_dropout(c->fixture->tape, input(c, "x"), data(c, "keep"));
}

static rg_tensor_t *build_act(case_t *c)
{
    return rg_act(c->fixture->tape, input(c, "x"), (enum rg_act)number(c, "act"));
}

static rg_tensor_t *build_l1(case_t *c)
{
    rg_tensor_t *a = input(c, "a"), *b = input(c, "b");
    c->loss = RG_FIXTURE_LOSS(rg_loss_l1, c->fixture->tape, a, b, weight(c));
    return NULL;
}

static rg_tensor_t *build_l2(case_t *c)
{
    rg_tensor_t *a = input(c, "a"), *b = input(c, "b");
    c->loss = RG_FIXTURE_LOSS(rg_loss_l2, c->fixture->tape, a, b, weight(c));
    return NULL;
}

static rg_tensor_t *build_square(case_t *c)
{
    float target = rg_reference_number(c->reference, "%s.target", c->name);
    c->loss = RG_FIXTURE_LOSS(rg_loss_square, c->fixture->tape, input(c, "a"), target, weight(c));
    return NULL;
}

static rg_tensor_t *build_bce(case_t *c)
{
    c->loss = RG_FIXTURE_LOSS(rg_loss_bce, c->fixture->tape, input(c, "a"), data(c, "labels"), weight(c));
    return NULL;
}

// Tolerances are relative to the largest value of a tensor. What only moves or selects numbers is exact; sums
// get room for their rounding; norms also divide by a spread that has lost digits where the mean is large.
static const struct op {
    const char *name;
    enum parameters parameters;
    double tolerance;
    rg_tensor_t *(*build)(case_t *c);
} OPS[] = {
    {"conv", TRAINED, 2e-6, build_conv},
    {"window_conv", FIXED, 2e-6, build_window_conv},
    {"linear", TRAINED, 1e-6, build_linear},
    {"instance_norm", NONE, 5e-6, build_instance_norm},
    {"adain", NONE, 2e-6, build_adain},
    {"layer_norm", TRAINED, 2e-6, build_layer_norm},
    {"unit", NONE, 1e-6, build_unit},
    {"pool3", NONE, 3e-7, build_pool3},
    {"max_pool2", NONE, 0, build_max_pool2},
    {"pool", NONE, 3e-7, build_pool},
    {"add", NONE, 2e-7, build_add},
    {"subtract", NONE, 2e-7, build_subtract},
    {"multiply", NONE, 5e-7, build_multiply},
    {"scale", FIXED, 5e-7, build_scale},
    {"clip", NONE, 2e-7, build_clip},
    {"softmax", NONE, 2e-6, build_softmax},
    {"global_mean", NONE, 1e-6, build_global_mean},
    {"flatten", NONE, 0, build_flatten},
    {"concat", NONE, 0, build_concat},
    {"stack", NONE, 0, build_stack},
    {"rows", NONE, 0, build_rows},
    {"channels", NONE, 0, build_channels},
    {"select", NONE, 0, build_select},
    {"dropout", NONE, 2e-7, build_dropout},
    {"act", NONE, 1e-6, build_act},
    {"l1", NONE, 1e-6, build_l1},
    {"l2", NONE, 1e-6, build_l2},
    {"square", NONE, 1e-6, build_square},
    {"bce", NONE, 1e-6, build_bce},
};

// ---- one case

static void compare(const case_t *c, const char *prefix, const char *role, const float *got, double tolerance)
{
    char name[80];
    snprintf(name, sizeof name, "%s%s", prefix, role);
    rg_reference_tensor_t want = rg_reference_tensor(c->reference, "%s.%s", c->name, name);
    snprintf(name, sizeof name, "%s.%s%s", c->name, prefix, role);
    rg_fixture_compare(name, got, want.data, want.count, tolerance);
}

static void load_params(const case_t *c, int frozen)
{
    static const char *const roles[] = {"weight", "bias", "gain"};
    rg_params_t *params = &c->fixture->params;
    for (int i = 0; i < 3; i++) {
        if (!rg_reference_has(c->reference, "%s.%s", c->name, roles[i])) continue;
        rg_reference_tensor_t tensor = rg_reference_tensor(c->reference, "%s.%s", c->name, roles[i]);
        rg_params_add(params, roles[i], tensor.rank, tensor.shape);
    }
    rg_params_alloc(params, 1);
    for (int i = 0; i < params->n; i++) {
        rg_param_t *p = params->list[i];
        memcpy(p->value, data(c, p->name + strlen("p.")), p->count * sizeof *p->value);
    }
    rg_params_changed(params);
    params->frozen = frozen;
}

// The gradients expected in the end are put where backward finds them: it then has to double them.
static void fill_gradients(const case_t *c)
{
    int add;
    for (int i = 0; i < c->leaves; i++) {
        rg_reference_tensor_t d = rg_reference_tensor(c->reference, "%s.d%s", c->name, c->leaf[i].role);
        float *grad = rg_tape_grad(c->fixture->tape, c->leaf[i].x, &add);
        memcpy(grad, d.data, d.count * sizeof *d.data);
        rg_fixture_push(grad, d.count);
    }
}

static void check_leaves(const case_t *c, enum mode mode, double tolerance)
{
    for (int i = 0; i < c->leaves; i++) {
        rg_tensor_t *x = c->leaf[i].x;
        assert_non_null(x->grad);
        float *grad = rg_fixture_pull(x->grad, rg_tensor_size(x));
        for (size_t e = 0; mode == ADDING && e < rg_tensor_size(x); e++) grad[e] *= 0.5f;
        if (mode == ADDING) rg_fixture_push(grad, rg_tensor_size(x));
        compare(c, "d", c->leaf[i].role, x->grad, tolerance);
    }
}

static void check_params(const case_t *c, int frozen, double tolerance)
{
    rg_params_t *params = &c->fixture->params;
    rg_fixture_pull_gradients(params);
    if (frozen)
        for (size_t i = 0; i < params->count; i++) assert_true(params->grad[i] == 0);
    else
        for (int i = 0; i < params->n; i++)
            compare(c, "d", params->list[i]->name + strlen("p."), params->list[i]->grad, tolerance);
}

static void run_case(case_t *c, const struct op *op, enum mode mode)
{
    int frozen = mode == FROZEN || op->parameters == FIXED;
    c->leaves = 0;
    if (op->parameters) load_params(c, frozen);
    rg_tensor_t *y = op->build(c);
    assert_int_equal(rg_tape_error(c->fixture->tape), 0);
    if (mode == ADDING) fill_gradients(c);
    if (y) {
        rg_reference_tensor_t want = rg_reference_tensor(c->reference, "%s.y", c->name);
        assert_true(y->n == want.shape[0] && y->h == want.shape[1] && y->w == want.shape[2] &&
                    y->c == want.shape[3]);
        compare(c, "", "y", y->data, op->tolerance);
        rg_fixture_backward(c->fixture, y, data(c, "dy"));
    } else {
        float loss = (float)c->loss * weight(c);
        compare(c, "", "y", &loss, op->tolerance);
        assert_int_equal(rg_tape_backward(c->fixture->tape), 0);
    }
    check_leaves(c, mode, op->tolerance);
    if (op->parameters) check_params(c, frozen, op->tolerance);
}

// ---- one test per op

typedef struct {
    const struct op *op;
    rg_fixture_t *fixture;
    const rg_reference_t *reference;
} subject_t;

static void test_op(void **state)
{
    const subject_t *subject = *state;
    void *fixture = subject->fixture;
    int cases = 0;
    for (;; cases++) {
        case_t c = {.fixture = subject->fixture, .reference = subject->reference};
        snprintf(c.name, sizeof c.name, "%s.%d", subject->op->name, cases);
        if (!rg_reference_has(c.reference, "%s.y", c.name)) break;
        for (enum mode mode = TRAINABLE; mode <= ADDING; mode++) {
            rg_fixture_clean(&fixture);
            run_case(&c, subject->op, mode);
        }
    }
    assert_true(cases > 0);
}

int main(void)
{
    enum { COUNT = sizeof OPS / sizeof *OPS };
    struct CMUnitTest tests[COUNT] = {0};
    subject_t subjects[COUNT];
    void *fixture = NULL;
    if (rg_fixture_setup(&fixture)) return 1;
    rg_reference_t *reference = rg_reference_open("tests/grad/fixtures/ops.bin");
    for (int i = 0; i < COUNT; i++) {
        subjects[i] = (subject_t){&OPS[i], fixture, reference};
        tests[i] =
            (struct CMUnitTest){.name = OPS[i].name, .test_func = test_op, .initial_state = &subjects[i]};
    }
    int failed = cmocka_run_group_tests_name("ops", tests, NULL, NULL);
    rg_reference_close(&reference);
    rg_fixture_teardown(&fixture);
    return failed;
}
