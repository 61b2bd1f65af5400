#include <stdio.h>
#include <string.h>

#include "tests/support/test.h"
#include "tests/unit/model/tiny.h"

static void a_seed_gives_the_same_weights_and_parts_do_not_depend_on_each_other(void **state)
{
    (void)state;
    rg_config_t config;
    rg_model_t *all, *some;
    tiny_configure(&config, "run");
    rg_model_new(&all, &config, RG_STAGE3_PARTS, 0);
    rg_model_new(&some, &config, RG_PART_BIT(RG_GENERATOR), 0);
    const rg_params_t *a = &all->set[RG_GENERATOR], *b = &some->set[RG_GENERATOR];
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->value, b->value, a->count * sizeof *a->value);
    rg_model_destroy(&some);
    config.seed++;
    rg_model_new(&some, &config, RG_PART_BIT(RG_GENERATOR), 0);
    assert_memory_not_equal(a->value, some->set[RG_GENERATOR].value, a->count * sizeof *a->value);
    rg_model_destroy(&some);
    rg_model_destroy(&all);
}

static void the_id_is_that_of_the_embedding_space(void **state)
{
    (void)state;
    rg_config_t config;
    rg_model_t *model;
    char before[17], after[17];
    tiny_configure(&config, "run");
    rg_model_new(&model, &config, RG_STAGE3_PARTS, 0);
    rg_model_id(model, before);
    assert_int_equal(strlen(before), 16);
    model->set[RG_GENERATOR].value[0] += 1;
    rg_model_id(model, after);
    assert_string_equal(before, after);
    model->set[RG_EMBEDDER].value[0] += 1;
    rg_model_id(model, after);
    assert_string_not_equal(before, after);
    model->set[RG_EMBEDDER].value[0] -= 1;
    model->config.model.fusion = RG_FUSION_CONCAT; // which stores other features
    rg_model_id(model, after);
    assert_string_not_equal(before, after);
    rg_model_destroy(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_gives_the_same_weights_and_parts_do_not_depend_on_each_other),
        cmocka_unit_test(the_id_is_that_of_the_embedding_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
