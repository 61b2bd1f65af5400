#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/core/file.h"
#include "services/evaluator/follow.h"
#include "tests/support/test.h"

static rg_config_t config;
static rg_follow_t follow;

static int set_up(void **state)
{
    if (folder_make(state)) return -1;
    rg_config_init(&config);
    snprintf(config.run, RG_CONFIG_TEXT, "%.200s", (char *)*state);
    return rg_follow_open(&follow, &config);
}

static int tear_down(void **state)
{
    rg_follow_close(&follow);
    return folder_remove(state);
}

static void put(const char *file, const char *text)
{
    char path[RG_PATH_SIZE];
    rg_config_path(&config, file, path);
    assert_ok(rg_file_write(path, text, strlen(text)));
}

static int something_changed(void)
{
    struct pollfd item = {.fd = follow.fd, .events = POLLIN};
    return poll(&item, 1, 0) == 1;
}

static void next_is(enum rg_stage stage)
{
    assert_int_equal(rg_follow_next(&follow), stage);
}

static void returns_each_checkpoint_once(void **state)
{
    (void)state;
    next_is(RG_STAGE_NONE);
    put("stage1.safetensors", "a");
    put("stage2.safetensors", "a");
    assert_true(something_changed());
    next_is(RG_STAGE_NONE); // there is no classifier to measure it with
    assert_false(something_changed());
    put("classifier.safetensors", "a");
    assert_true(something_changed());
    next_is(RG_STAGE_CLASSIFIER);
    next_is(RG_STAGE_1);
    next_is(RG_STAGE_NONE);
    put("stage1.safetensors", "b");
    put("stage1.safetensors", "c");
    put("stage3.safetensors", "a");
    next_is(RG_STAGE_1);
    next_is(RG_STAGE_3);
    next_is(RG_STAGE_NONE);
    put("metrics.jsonl", "{}");
    next_is(RG_STAGE_NONE);
}

static void a_requeued_checkpoint_is_new_again(void **state)
{
    (void)state;
    put("classifier.safetensors", "b");
    next_is(RG_STAGE_CLASSIFIER);
    rg_follow_requeue(&follow, RG_STAGE_CLASSIFIER);
    rg_follow_drain(&follow);
    next_is(RG_STAGE_CLASSIFIER);
    next_is(RG_STAGE_NONE);
}

static void existing_checkpoints_are_new(void **state)
{
    (void)state;
    rg_follow_t other;
    assert_ok(rg_follow_open(&other, &config));
    assert_int_equal(rg_follow_next(&other), RG_STAGE_CLASSIFIER);
    rg_follow_close(&other);
}

static void an_error_names_a_missing_folder(void **state)
{
    (void)state;
    rg_follow_t other;
    rg_config_t elsewhere = config;
    snprintf(elsewhere.run, RG_CONFIG_TEXT, "/nowhere");
    assert_fails(rg_follow_open(&other, &elsewhere), RG_ENOENT, "cannot watch /nowhere");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(returns_each_checkpoint_once),
        cmocka_unit_test(a_requeued_checkpoint_is_new_again),
        cmocka_unit_test(existing_checkpoints_are_new),
        cmocka_unit_test(an_error_names_a_missing_folder),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
