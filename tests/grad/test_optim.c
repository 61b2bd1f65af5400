// SGD, Adam and AdamW with clipping, schedule and averaged weights against torch.optim, five steps each.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/nn/optim.h"
#include "tests/grad/fixture.h"
#include "tests/support/test.h"

static const double TOLERANCE = 1e-6; // a few roundings per step

enum { TENSORS = 3 };

// Two networks under one gradient norm: the first owns tensors 0 and 1, the second tensor 2.
typedef struct {
    rg_backend_t *backend;
    rg_tape_t *tape;
    rg_reference_t *reference;
    rg_params_t sets[2];
    rg_param_t *p[TENSORS];
} lab_t;

static int setup(void **state)
{
    lab_t *lab = rg_alloc(sizeof *lab);
    lab->reference = rg_reference_open("tests/grad/fixtures/optim.bin");
    *state = lab;
    int err = rg_fixture_backend_new(&lab->backend);
    return err ? err : rg_tape_new(&lab->tape, lab->backend);
}

static int teardown(void **state)
{
    lab_t *lab = *state;
    rg_reference_close(&lab->reference);
    rg_tape_destroy(&lab->tape);
    rg_backend_destroy(&lab->backend);
    free(lab);
    return 0;
}

static void load(lab_t *lab, int index)
{
    rg_params_init(&lab->sets[0], "a");
    rg_params_init(&lab->sets[1], "b");
    for (int i = 0; i < TENSORS; i++) {
        rg_reference_tensor_t w = rg_reference_tensor(lab->reference, "optim.%d.w%d", index, i);
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        lab->p[i] = rg_params_add(&lab->sets[i / 2], name, w.rank, w.shape);
    }
    for (int s = 0; s < 2; s++) rg_params_alloc(&lab->sets[s], 1);
    for (int i = 0; i < TENSORS; i++) {
        rg_reference_tensor_t w = rg_reference_tensor(lab->reference, "optim.%d.w%d", index, i);
        memcpy(lab->p[i]->value, w.data, w.count * sizeof *w.data);
        rg_params_changed(lab->p[i]->set);
    }
    for (int s = 0; s < 2; s++)
        memcpy(lab->sets[s].ema, lab->sets[s].value, lab->sets[s].count * sizeof(float));
}

static void unload(lab_t *lab)
{
    for (int s = 0; s < 2; s++) rg_params_fini(&lab->sets[s]);
}

static float setting(const lab_t *lab, int index, const char *key)
{
    return rg_reference_number(lab->reference, "optim.%d.%s", index, key);
}

static rg_train_config_t config_of(const lab_t *lab, int index)
{
    return (rg_train_config_t){
        .iterations = (int)setting(lab, index, "iterations"),
        .optimizer = (int)setting(lab, index, "kind"),
        .lr = setting(lab, index, "lr"),
        .beta1 = 0.5,
        .beta2 = 0.999,
        .momentum = 0.9,
        .weight_decay = setting(lab, index, "decay"),
        .warmup = (int)setting(lab, index, "warmup"),
        .schedule = (int)setting(lab, index, "schedule"),
        .clip = setting(lab, index, "clip"),
        .ema = setting(lab, index, "ema"),
    };
}

static int step_sets(lab_t *lab, const rg_train_config_t *config, int step, rg_params_t *const *sets,
                     double *norm)
{
    rg_tape_reset(lab->tape);
    double *squares = rg_tape_scalar(lab->tape);
    rg_optim_norm(lab->backend, sets, 2, squares);
    assert_int_equal(rg_tape_read_scalars(lab->tape), 0);
    *norm = sqrt(*squares);
    return rg_optim_step(lab->backend, config, step, sets, 2, *norm);
}

static int update(lab_t *lab, int index, int step, const rg_train_config_t *config, double *norm)
{
    for (int i = 0; i < TENSORS; i++) {
        rg_reference_tensor_t g = rg_reference_tensor(lab->reference, "optim.%d.step%d.g%d", index, step, i);
        memcpy(lab->p[i]->grad, g.data, g.count * sizeof *g.data);
        rg_fixture_push(lab->p[i]->grad, g.count);
    }
    rg_params_t *sets[2] = {&lab->sets[0], &lab->sets[1]};
    return step_sets(lab, config, step, sets, norm);
}

static void check_step(const lab_t *lab, int index, int step, double norm)
{
    float length = rg_reference_number(lab->reference, "optim.%d.step%d.norm", index, step);
    assert_float_equal(norm, length, 1e-5 * (double)length);
    for (int i = 0; i < TENSORS; i++) {
        const rg_param_t *p = lab->p[i];
        char what[64];
        snprintf(what, sizeof what, "case %d, step %d, tensor %d", index, step, i);
        rg_reference_tensor_t w = rg_reference_tensor(lab->reference, "optim.%d.step%d.w%d", index, step, i);
        rg_fixture_compare(what, p->value, w.data, w.count, TOLERANCE);
        rg_reference_tensor_t e = rg_reference_tensor(lab->reference, "optim.%d.step%d.e%d", index, step, i);
        rg_fixture_compare(what, p->set->ema + p->offset, e.data, e.count, TOLERANCE);
        rg_fixture_pull(p->grad, p->count);
        for (size_t k = 0; k < p->count; k++) assert_true(p->grad[k] == 0);
    }
}

static void test_steps_agree_with_torch(void **state)
{
    lab_t *lab = *state;
    int index = 0;
    for (; rg_reference_has(lab->reference, "optim.%d.kind", index); index++) {
        load(lab, index);
        rg_train_config_t config = config_of(lab, index);
        int steps = (int)setting(lab, index, "steps");
        for (int step = 0; step < steps; step++) {
            double norm = -1;
            uint64_t version = lab->sets[1].version;
            assert_int_equal(update(lab, index, step, &config, &norm), 0);
            assert_true(lab->sets[1].version != version);
            check_step(lab, index, step, norm);
        }
        unload(lab);
    }
    assert_int_equal(index, 5);
}

static void test_schedules(void **state)
{
    const lab_t *lab = *state;
    int index = 0;
    for (; rg_reference_has(lab->reference, "lr.%d.rates", index); index++) {
        rg_reference_tensor_t rates = rg_reference_tensor(lab->reference, "lr.%d.rates", index);
        rg_train_config_t config = {.iterations = (int)rates.count,
                                    .lr = 0.01,
                                    .step_every = (int)rg_reference_number(lab->reference, "lr.step_every"),
                                    .step_factor = rg_reference_number(lab->reference, "lr.step_factor")};
        config.schedule = (int)rg_reference_number(lab->reference, "lr.%d.schedule", index);
        config.warmup = (int)rg_reference_number(lab->reference, "lr.%d.warmup", index);
        for (int i = 0; i < config.iterations; i++) {
            double rate = rg_optim_lr(&config, i);
            if (fabs(rate - (double)rates.data[i]) > 1e-9)
                fail_msg("schedule %d: iteration %d has %g, not %g", index, i, rate, (double)rates.data[i]);
        }
    }
    assert_int_equal(index, 7);
}

static void refuse(lab_t *lab, float poison)
{
    load(lab, 2);
    rg_train_config_t config = config_of(lab, 2);
    double norm;
    assert_int_equal(update(lab, 2, 0, &config, &norm), 0);
    rg_params_t *b = &lab->sets[1], *sets[2] = {&lab->sets[0], b};
    float before[5][64];
    assert_in_range(b->count, 1, 64);
    const float *blocks[5] = {b->value, b->m, b->v, b->ema, lab->sets[0].value};
    assert_int_equal(rg_params_pull(b), 0);
    assert_int_equal(rg_params_pull(&lab->sets[0]), 0);
    for (int i = 0; i < 5; i++) memcpy(before[i], blocks[i], 32 * sizeof(float));
    uint64_t version = b->version;
    lab->p[0]->grad[3] = poison; // in the other set: neither may move
    rg_fixture_push(lab->p[0]->grad, lab->p[0]->count);
    assert_int_equal(step_sets(lab, &config, 1, sets, &norm), RG_ENUMERIC);
    assert_non_null(strstr(rg_error(), "iteration 1"));
    assert_int_equal(rg_params_pull(b), 0);
    for (int i = 0; i < 5; i++) assert_memory_equal(before[i], blocks[i], 32 * sizeof(float));
    assert_true(b->version == version);
    unload(lab);
}

static void test_gradients_not_finite_change_nothing(void **state)
{
    refuse(*state, NAN);
    refuse(*state, INFINITY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_agree_with_torch),
        cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_gradients_not_finite_change_nothing),
    };
    return cmocka_run_group_tests_name("optim", tests, setup, teardown);
}
