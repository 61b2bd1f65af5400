#include "tests/unit/model/tiny.h"

#include <math.h>

#include "services/encoder/wanted.h"

static rg_config_t config;

static int configure(void **state)
{
    (void)state;
    tiny_configure(&config, "run");
    return 0;
}

static int read(rg_wanted_t *wanted, size_t n, char *const names[], const int values[])
{
    Rg__V1__Edit edit[4], *edits[4];
    for (size_t i = 0; i < n; i++) {
        rg__v1__edit__init(&edit[i]);
        edit[i].attribute = names[i];
        edit[i].value = values[i];
        edits[i] = &edit[i];
    }
    return rg_wanted_read(wanted, &config, edits, n);
}

static void names_become_positions(void **state)
{
    rg_wanted_t wanted;
    (void)state;
    assert_ok(read(&wanted, 2, (char *[]){"Young", "Blond_Hair"}, (int[]){0, 1}));
    assert_int_equal(wanted.value[0], 1);
    assert_int_equal(wanted.value[1], -1);
    assert_int_equal(wanted.value[2], 0);
    assert_ok(read(&wanted, 0, NULL, NULL));
    for (int a = 0; a < A; a++) assert_int_equal(wanted.value[a], -1);
}

static void unknown_and_repeated_names_are_refused(void **state)
{
    rg_wanted_t wanted;
    (void)state;
    assert_fails(read(&wanted, 1, (char *[]){"Smiling"}, (int[]){1}), RG_ECONFIG, "Smiling");
    assert_fails(read(&wanted, 2, (char *[]){"Male", "Male"}, (int[]){1, 0}), RG_EINVAL,
                 "Male is given twice");
}

static void only_named_dims_change(void **state)
{
    rg_wanted_t wanted;
    float code[Z], from[Z];
    (void)state;
    for (int i = 0; i < Z; i++) {
        code[i] = (float)i;
        from[i] = (float)-i - 10;
    }
    assert_ok(read(&wanted, 1, (char *[]){"Male"}, (int[]){1}));
    rg_wanted_apply(&wanted, &config, from, code);
    for (int i = 0; i < Z; i++) assert_true(code[i] == (i / DIMS == 1 ? from[i] : (float)i));
}

static void the_first_sample_is_the_mean_and_others_are_draws(void **state)
{
    rg_wanted_t two, one;
    float mean[Z], draw[Z], again[Z], other[Z];
    (void)state;
    assert_ok(read(&two, 2, (char *[]){"Blond_Hair", "Male"}, (int[]){1, 0}));
    assert_ok(read(&one, 1, (char *[]){"Blond_Hair"}, (int[]){1}));
    rg_wanted_draw(&two, &config, 3, 0, mean);
    for (int z = 0; z < DIMS; z++) assert_true(mean[z] == 1 && mean[DIMS + z] == -1);
    rg_wanted_draw(&two, &config, 3, 1, draw);
    rg_wanted_draw(&one, &config, 3, 1, again);
    rg_wanted_draw(&two, &config, 3, 2, other);
    assert_memory_equal(draw, again, DIMS * sizeof *draw); // of the attribute both name
    for (int z = 0; z < DIMS; z++) {
        assert_true(draw[z] != mean[z] && fabsf(draw[z] - mean[z]) < 6 * (float)config.model.attr_std);
        assert_true(draw[z] != other[z]);
    }
    rg_wanted_draw(&two, &config, 4, 1, other);
    assert_memory_not_equal(draw, other, sizeof draw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_become_positions),
        cmocka_unit_test(unknown_and_repeated_names_are_refused),
        cmocka_unit_test(only_named_dims_change),
        cmocka_unit_test(the_first_sample_is_the_mean_and_others_are_draws),
    };
    return cmocka_run_group_tests(tests, configure, NULL);
}
