#include <string.h>

#include "common/core/err.h"
#include "tests/support/test.h"
#include "tests/unit/model/tiny.h"

static enum rg_stage find(const char *text)
{
    enum rg_stage stage = RG_STAGE_NONE;
    assert_ok(rg_stage_find(text, &stage));
    return stage;
}

static void stages_are_found_by_name_and_by_argument(void **state)
{
    (void)state;
    enum rg_stage stage;
    for (int i = 0; i < RG_STAGES; i++) {
        assert_int_equal(find(rg_stage_name(i)), i);
        assert_int_equal(find(rg_stage_argument(i)), i);
    }
    assert_string_equal(rg_stage_name(RG_STAGE_1), "stage1");
    assert_int_equal(find("2"), RG_STAGE_2);
    static const char *const others[] = {"0", "4", "12", "", "stage4", "all"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_fails(rg_stage_find(others[i], &stage), RG_EUSAGE,
                     "is not a stage: expected classifier, 1, 2 or 3");
}

static void a_stage_has_what_it_trains_and_what_the_stage_before_has(void **state)
{
    (void)state;
    rg_config_t config;
    tiny_configure(&config, "run");
    for (enum rg_stage stage = 0; stage < RG_STAGES; stage++) {
        const unsigned parts = rg_stage_parts(stage, &config);
        const enum rg_stage before = rg_stage_before(stage, &config);
        assert_int_equal(rg_stage_trains(stage, &config) & ~parts, 0);
        if (before != RG_STAGE_NONE) assert_int_equal(rg_stage_parts(before, &config) & ~parts, 0);
    }
    assert_ptr_equal(rg_stage_training(RG_STAGE_2, &config), &config.stage2);
}

static void a_checkpoint_lies_in_the_run(void **state)
{
    (void)state;
    rg_config_t config;
    char path[RG_PATH_SIZE];
    tiny_configure(&config, "run");
    rg_stage_checkpoint(RG_STAGE_3, &config, path);
    assert_int_equal(strncmp(path, config.run, strlen(config.run)), 0);
    assert_string_equal(path + strlen(config.run), "/stage3.safetensors");
}

static void the_controls_of_stage_3_are_gmm_unit(void **state)
{
    (void)state;
    rg_config_t config;
    tiny_configure(&config, "run");
    const unsigned encoders = RG_PART_BIT(RG_CONTENT) | RG_PART_BIT(RG_ATTRIBUTE);
    assert_int_equal(rg_stage_parts(RG_STAGE_3, &config), RG_STAGE3_PARTS);
    assert_int_equal(rg_stage_trains(RG_STAGE_3, &config), RG_STAGE3_TRAINS);
    assert_int_equal(rg_stage_before(RG_STAGE_3, &config), RG_STAGE_2);
    config.retrieval.neighbours = RG_NEIGHBOURS_NONE;
    assert_int_equal(rg_stage_before(RG_STAGE_3, &config), RG_STAGE_1);
    assert_int_equal(rg_stage_parts(RG_STAGE_3, &config), RG_STAGE1_PARTS);
    assert_int_equal(rg_stage_trains(RG_STAGE_3, &config), RG_STAGE1_TRAINS & ~encoders);
    config.stage3_encoders = RG_ENCODERS_TRAINED;
    assert_int_equal(rg_stage_trains(RG_STAGE_3, &config), RG_STAGE1_TRAINS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_are_found_by_name_and_by_argument),
        cmocka_unit_test(a_stage_has_what_it_trains_and_what_the_stage_before_has),
        cmocka_unit_test(a_checkpoint_lies_in_the_run),
        cmocka_unit_test(the_controls_of_stage_3_are_gmm_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
