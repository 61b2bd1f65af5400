// The tape's promises: gradients of several consumers add up, frozen and paused parts record nothing, a
// steady step takes no new memory, and the same step gives the same bits.
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "tests/grad/fixture.h"
#include "tests/support/test.h"

enum { N = 2, SIDE = 8, C = 16 };
static const int SHAPE[4] = {N, SIDE, SIDE, C};

typedef struct {
    rg_conv_t conv;
    rg_param_t *gain, *shift;
    float x[N * SIDE * SIDE * C], u[N * SIDE * SIDE * C];
} net_t;

static net_t *net_new(rg_fixture_t *fixture)
{
    net_t *net = rg_alloc(sizeof *net);
    rg_params_t *set = &fixture->params;
    net->conv = (rg_conv_t){.weight = rg_params_add(set, "weight", 4, (int[4]){C, C, 3, 3}),
                            .bias = rg_params_add(set, "bias", 1, (int[4]){C}),
                            .stride = 1,
                            .pad = 1,
                            .act = RG_ACT_LEAKY};
    net->gain = rg_params_add(set, "gain", 1, (int[4]){C});
    net->shift = rg_params_add(set, "shift", 1, (int[4]){C});
    rg_params_alloc(set, 1);
    rg_fixture_normal(set->value, set->count, 3);
    for (size_t i = 0; i < net->conv.weight->count; i++) net->conv.weight->value[i] *= 0.1f;
    rg_params_changed(set);
    rg_fixture_normal(net->x, sizeof net->x / sizeof *net->x, 4);
    rg_fixture_normal(net->u, sizeof net->u / sizeof *net->u, 5);
    return net;
}

static rg_tensor_t *forward(rg_fixture_t *fixture, const net_t *net, rg_tensor_t *x)
{
    rg_tensor_t *y = rg_conv(fixture->tape, x, &net->conv);
    return rg_layer_norm(fixture->tape, y, net->gain, net->shift, RG_ACT_RELU);
}

static float *copy_of(const float *x, size_t n)
{
    float *copy = rg_alloc(n * sizeof *copy);
    memcpy(copy, x, n * sizeof *copy);
    return copy;
}

// y consumed by two losses and used twice in a concat: its gradient is the sum of all.
static void test_consumers_add_up(void **state)
{
    rg_fixture_t *fixture = *state;
    float a[6] = {1, -2, 3, 0.5f, 4, -1}, u[18];
    for (int i = 0; i < 18; i++) u[i] = (float)i;
    rg_tensor_t *x = rg_fixture_leaf(fixture, (int[4]){2, 1, 1, 3}, a);
    rg_tensor_t *y = rg_concat(fixture->tape, (rg_tensor_t *[]){x, x, x}, 3);
    RG_FIXTURE_LOSS(rg_loss_square, fixture->tape, x, 1, 3); // gradient 3 * 2 (x - 1) / 6 = x - 1
    rg_fixture_backward(fixture, y, u);
    rg_fixture_pull(x->grad, 6);
    for (int n = 0; n < 2; n++)
        for (int c = 0; c < 3; c++) {
            float sum = u[9 * n + c] + u[9 * n + 3 + c] + u[9 * n + 6 + c];
            assert_float_equal(x->grad[3 * n + c], sum + a[3 * n + c] - 1, 1e-5);
        }
}

static void test_backward_twice_adds_to_parameters(void **state)
{
    rg_fixture_t *fixture = *state;
    net_t *net = net_new(fixture);
    rg_params_t *set = &fixture->params;
    rg_fixture_backward(fixture, forward(fixture, net, rg_fixture_leaf(fixture, SHAPE, net->x)), net->u);
    float *once = copy_of(rg_fixture_pull_gradients(set), set->count);
    rg_tape_reset(fixture->tape);
    rg_fixture_backward(fixture, forward(fixture, net, rg_fixture_leaf(fixture, SHAPE, net->x)), net->u);
    for (size_t i = 0; i < set->count; i++) once[i] *= 2;
    rg_fixture_compare("gradients of two steps", set->grad, once, set->count, 1e-6);
    free(once);
    free(net);
}

static void test_backward_forgets_what_it_ran(void **state)
{
    rg_fixture_t *fixture = *state;
    net_t *net = net_new(fixture);
    rg_params_t *set = &fixture->params;
    rg_fixture_backward(fixture, forward(fixture, net, rg_fixture_leaf(fixture, SHAPE, net->x)), net->u);
    float *once = copy_of(rg_fixture_pull_gradients(set), set->count);
    assert_int_equal(rg_tape_backward(fixture->tape), 0);
    rg_fixture_pull_gradients(set);
    assert_memory_equal(set->grad, once, set->count * sizeof *once);
    free(once);
    free(net);
}

// What a second convolution reads of a norm, read for the last time or not.
static float *gradients_of_two(rg_fixture_t *fixture, const net_t *net, int last, size_t *left)
{
    rg_params_t *set = &fixture->params;
    rg_tape_reset(fixture->tape);
    rg_fixture_zero_gradients(set);
    rg_tensor_t *x = rg_fixture_leaf(fixture, SHAPE, net->x), *inner = forward(fixture, net, x);
    rg_tensor_t *y = (last ? rg_conv_last : rg_conv)(fixture->tape, inner, &net->conv);
    assert_true(last == !inner->data);
    *left = rg_tape_peak_bytes(fixture->tape);
    rg_fixture_backward(fixture, forward(fixture, net, y), net->u);
    return copy_of(rg_fixture_pull_gradients(set), set->count);
}

static void test_what_was_forgotten_is_computed_again(void **state)
{
    rg_fixture_t *fixture = *state;
    net_t *net = net_new(fixture);
    size_t left[2];
    float *forgotten = gradients_of_two(fixture, net, 1, &left[0]),
          *kept = gradients_of_two(fixture, net, 0, &left[1]);
    assert_memory_equal(forgotten, kept, fixture->params.count * sizeof *kept);
    free(forgotten);
    free(kept);
    free(net);
}

// Many layers deep: forward keeps one map a layer, the convolution's; backward runs in the memory that
// forward leaves behind, and a few gradients more.
static void test_memory_goes_on_to_what_comes_later(void **state)
{
    enum { DEPTH = 40 };
    rg_fixture_t *fixture = *state;
    net_t *net = net_new(fixture);
    size_t map = sizeof net->x, forward_bytes;
    rg_tape_t *tape;
    assert_int_equal(rg_tape_new(&tape, fixture->backend), 0);
    rg_fixture_t deep = {.backend = fixture->backend, .tape = tape};
    for (int trains = 0; trains < 2; trains++) {
        rg_tensor_t *x = rg_fixture_leaf(&deep, SHAPE, net->x);
        if (!trains) rg_tape_pause(tape);
        for (int i = 0; i < DEPTH; i++) {
            rg_tensor_t *said = i == 0 ? rg_conv(tape, x, &net->conv) : rg_conv_last(tape, x, &net->conv);
            x = rg_layer_norm(tape, said, net->gain, net->shift, RG_ACT_RELU);
        }
        forward_bytes = rg_tape_peak_bytes(tape);
        assert_in_range(forward_bytes, DEPTH * map, (DEPTH + 3) * map + DEPTH * 1024); // one map a layer
        if (!trains) {
            rg_tape_resume(tape);
            rg_tape_reset(tape);
            continue;
        }
        rg_fixture_backward(&deep, x, net->u);
        assert_in_range(rg_tape_peak_bytes(tape), forward_bytes, forward_bytes + 4 * map);
    }
    rg_tape_destroy(&tape);
    free(net);
}

static void test_changed_weights_are_seen(void **state)
{
    rg_fixture_t *fixture = *state;
    net_t *net = net_new(fixture);
    rg_params_t *set = &fixture->params;
    rg_tensor_t *x = rg_tape_input(fixture->tape, N, SIDE, SIDE, C, net->x);
    rg_tensor_t *before = rg_conv(fixture->tape, x, &net->conv);
    for (size_t i = 0; i < set->count; i++) set->value[i] *= 2; // doubles what goes into the leaky ReLU
    rg_params_changed(set);
    rg_tensor_t *after = rg_conv(fixture->tape, x, &net->conv);
    rg_fixture_pull(before->data, rg_tensor_size(before));
    for (size_t i = 0; i < rg_tensor_size(before); i++) before->data[i] *= 2;
    rg_fixture_compare("output of doubled weights", after->data, before->data, rg_tensor_size(after), 1e-6);
    free(net);
}

// Packed copies of weights must not outlive their block: the next one often gets the same address.
static void test_next_set_at_the_same_address_is_seen(void **state)
{
    rg_fixture_t *fixture = *state;
    void *again = fixture;
    float x[C] = {[0] = 1, [3] = 2};
    for (int i = 1; i < 10; i++) {
        rg_fixture_clean(&again);
        rg_conv_t conv = {.weight = rg_params_add(&fixture->params, "weight", 4, (int[4]){C, C, 3, 3}),
                          .stride = 1,
                          .pad = 1};
        rg_params_alloc(&fixture->params, 1);
        rg_param_fill(conv.weight, (float)i);
        rg_params_changed(&fixture->params);
        rg_tensor_t *y = rg_conv(fixture->tape, rg_tape_input(fixture->tape, 1, 1, 1, C, x), &conv);
        assert_float_equal(rg_fixture_pull(y->data, C)[C - 1], 3 * i, 1e-5);
    }
}

static void test_frozen_parameters_get_no_gradient(void **state)
{
    rg_fixture_t *fixture = *state;
    net_t *net = net_new(fixture);
    rg_params_t *set = &fixture->params;
    rg_tensor_t *x = rg_fixture_leaf(fixture, SHAPE, net->x);
    rg_fixture_backward(fixture, forward(fixture, net, x), net->u);
    float *dx = copy_of(rg_fixture_pull(x->grad, rg_tensor_size(x)), rg_tensor_size(x));
    rg_fixture_zero_gradients(set);
    rg_tape_reset(fixture->tape);
    set->frozen = 1;
    x = rg_fixture_leaf(fixture, SHAPE, net->x);
    rg_fixture_backward(fixture, forward(fixture, net, x), net->u);
    rg_fixture_pull_gradients(set);
    for (size_t i = 0; i < set->count; i++) assert_true(set->grad[i] == 0);
    rg_fixture_pull(x->grad, rg_tensor_size(x));
    assert_memory_equal(x->grad, dx, rg_tensor_size(x) * sizeof *dx); // but passes it on as before
    free(dx);
    free(net);
}

static void test_nothing_trainable_records_nothing(void **state)
{
    rg_fixture_t *fixture = *state;
    net_t *net = net_new(fixture);
    fixture->params.frozen = 1;
    rg_tensor_t *x = rg_tape_input(fixture->tape, N, SIDE, SIDE, C, net->x);
    rg_tensor_t *y = forward(fixture, net, x);
    assert_false(y->needs_grad);
    RG_FIXTURE_LOSS(rg_loss_square, fixture->tape, y, 0, 1);
    assert_int_equal(rg_tape_backward(fixture->tape), 0);
    assert_null(y->grad);
    assert_null(x->grad);
    free(net);
}

static void test_paused_tape_records_nothing(void **state)
{
    rg_fixture_t *fixture = *state;
    net_t *net = net_new(fixture);
    rg_params_t *set = &fixture->params;
    rg_tensor_t *x = rg_fixture_leaf(fixture, SHAPE, net->x);
    rg_tape_pause(fixture->tape);
    rg_tape_pause(fixture->tape);
    rg_tape_resume(fixture->tape); // nested: still paused
    rg_tensor_t *y = forward(fixture, net, x);
    RG_FIXTURE_LOSS(rg_loss_square, fixture->tape, y, 0, 1);
    rg_tape_resume(fixture->tape);
    assert_false(y->needs_grad);
    RG_FIXTURE_LOSS(rg_loss_square, fixture->tape, y, 0, 1); // y is a constant from here on
    assert_int_equal(rg_tape_backward(fixture->tape), 0);
    assert_null(x->grad);
    rg_fixture_pull_gradients(set);
    for (size_t i = 0; i < set->count; i++) assert_true(set->grad[i] == 0);
    assert_true(forward(fixture, net, x)->needs_grad);
    free(net);
}

static void test_unused_output_gets_no_gradient(void **state)
{
    rg_fixture_t *fixture = *state;
    net_t *net = net_new(fixture);
    rg_tensor_t *x = rg_fixture_leaf(fixture, SHAPE, net->x);
    rg_tensor_t *unused = forward(fixture, net, x);
    RG_FIXTURE_LOSS(rg_loss_square, fixture->tape, x, 0, 1);
    assert_int_equal(rg_tape_backward(fixture->tape), 0);
    assert_null(unused->grad);
    assert_non_null(x->grad);
    rg_fixture_pull_gradients(&fixture->params);
    for (size_t i = 0; i < fixture->params.count; i++) assert_true(fixture->params.grad[i] == 0);
    free(net);
}

static void test_error_sticks_until_reset(void **state)
{
    rg_fixture_t *fixture = *state;
    rg_tape_fail(fixture->tape, RG_ELIMIT);
    rg_tape_fail(fixture->tape, RG_EIO);
    assert_int_equal(rg_tape_error(fixture->tape), RG_ELIMIT);
    assert_int_equal(rg_tape_backward(fixture->tape), RG_ELIMIT);
    rg_tape_reset(fixture->tape);
    assert_int_equal(rg_tape_error(fixture->tape), 0);
}

static double step(rg_fixture_t *fixture, const net_t *net)
{
    rg_tape_reset(fixture->tape);
    rg_fixture_zero_gradients(&fixture->params);
    rg_tensor_t *y = forward(fixture, net, rg_fixture_leaf(fixture, SHAPE, net->x));
    y = forward(fixture, net, y);
    double loss = RG_FIXTURE_LOSS(rg_loss_l1, fixture->tape, y,
                                  rg_tape_input(fixture->tape, N, SIDE, SIDE, C, net->u), 10);
    assert_int_equal(rg_tape_backward(fixture->tape), 0);
    return loss;
}

static void test_steady_steps_take_no_memory(void **state)
{
    rg_fixture_t *fixture = *state;
    net_t *net = net_new(fixture);
    step(fixture, net);
    size_t peak = rg_tape_peak_bytes(fixture->tape);
    assert_true(peak > sizeof net->x);
    for (int i = 0; i < 10; i++) {
        step(fixture, net);
        assert_int_equal(rg_tape_peak_bytes(fixture->tape), peak);
    }
    free(net);
}

static void test_same_step_same_bits(void **state)
{
    rg_fixture_t *fixture = *state;
    net_t *net = net_new(fixture);
    rg_params_t *set = &fixture->params;
    double loss = step(fixture, net);
    float *grad = copy_of(rg_fixture_pull_gradients(set), set->count);
    for (int i = 0; i < 3; i++) {
        double again = step(fixture, net);
        assert_memory_equal(&again, &loss, sizeof loss);
        rg_fixture_pull_gradients(set);
        assert_memory_equal(set->grad, grad, set->count * sizeof *grad);
    }
    free(grad);
    free(net);
}

static void test_fresh_backend_same_bits(void **state)
{
    rg_fixture_t *fixture = *state;
    net_t *net = net_new(fixture);
    double loss = step(fixture, net);
    void *fresh_state = NULL;
    assert_int_equal(rg_fixture_setup(&fresh_state), 0);
    rg_fixture_t *fresh = fresh_state;
    net_t *same = net_new(fresh);
    double again = step(fresh, same);
    assert_memory_equal(&again, &loss, sizeof loss);
    assert_memory_equal(fresh->params.grad, fixture->params.grad, fixture->params.count * sizeof(float));
    free(same);
    free(net);
    rg_fixture_teardown(&fresh_state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_consumers_add_up, rg_fixture_clean),
        cmocka_unit_test_setup(test_backward_twice_adds_to_parameters, rg_fixture_clean),
        cmocka_unit_test_setup(test_backward_forgets_what_it_ran, rg_fixture_clean),
        cmocka_unit_test_setup(test_what_was_forgotten_is_computed_again, rg_fixture_clean),
        cmocka_unit_test_setup(test_memory_goes_on_to_what_comes_later, rg_fixture_clean),
        cmocka_unit_test_setup(test_changed_weights_are_seen, rg_fixture_clean),
        cmocka_unit_test_setup(test_next_set_at_the_same_address_is_seen, rg_fixture_clean),
        cmocka_unit_test_setup(test_frozen_parameters_get_no_gradient, rg_fixture_clean),
        cmocka_unit_test_setup(test_nothing_trainable_records_nothing, rg_fixture_clean),
        cmocka_unit_test_setup(test_paused_tape_records_nothing, rg_fixture_clean),
        cmocka_unit_test_setup(test_unused_output_gets_no_gradient, rg_fixture_clean),
        cmocka_unit_test_setup(test_error_sticks_until_reset, rg_fixture_clean),
        cmocka_unit_test_setup(test_steady_steps_take_no_memory, rg_fixture_clean),
        cmocka_unit_test_setup(test_same_step_same_bits, rg_fixture_clean),
        cmocka_unit_test_setup(test_fresh_backend_same_bits, rg_fixture_clean),
    };
    return cmocka_run_group_tests_name("tape", tests, rg_fixture_setup, rg_fixture_teardown);
}
