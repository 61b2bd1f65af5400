// Pictures of a run, by names that anybody may send.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/file.h"
#include "services/gateway/samples.h"
#include "tests/support/folder.h"
#include "tests/support/result.h"

static void names_say_what_they_show(void **state)
{
    (void)state;
    static const struct {
        const char *name, *stage;
        int64_t iteration;
    } cases[] = {{"stage1-0000400.png", "stage1", 400},
                 {"eval-stage3.png", "stage3", -1},
                 {"eval-stage3-Black_Hair.png", "stage3", -1},
                 {"other.png", "other", -1},
                 {"a-b-7.png", "a-b", 7},
                 {"a-99999999999999999999.png", "a-99999999999999999999", -1}};
    rg_sample_t sample;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(rg_sample_parse(cases[i].name, &sample));
        assert_int_equal(sample.stage_size, strlen(cases[i].stage));
        assert_memory_equal(sample.stage, cases[i].stage, strlen(cases[i].stage));
        assert_true(sample.iteration == cases[i].iteration);
    }
}

static void other_names_are_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"",           ".png",        "..png", "../x.png", "a/b.png",
                                      "/etc/x.png", ".hidden.png", "x.jpg", "x.png ",   "x"};
    rg_sample_t sample;
    char longest[RG_SAMPLES_NAME + 10];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(rg_sample_parse(bad[i], &sample));
    memset(longest, 'a', sizeof longest);
    strcpy(longest + RG_SAMPLES_NAME, ".png");
    assert_false(rg_sample_parse(longest, &sample));
}

static void put(void *folder, const char *name)
{
    char path[700];
    snprintf(path, sizeof path, "%s/%s", (char *)folder, name);
    assert_ok(rg_file_write(path, "png", 3));
}

static void they_are_listed_in_order(void **state)
{
    static const char *const want[] = {"stage1-0000400.png", "stage1-0001200.png",   "eval-stage1.png",
                                       "stage3-0000010.png", "eval-stage3-Male.png", "eval-stage3.png"};
    for (size_t i = 6; i-- > 0;) put(*state, want[i]);
    put(*state, "notes.txt");
    char path[700];
    snprintf(path, sizeof path, "%s/link.png", (char *)*state);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    json_t *object = rg_samples_json(*state), *samples = json_object_get(object, "samples");
    assert_int_equal(json_array_size(samples), 6);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(json_string_value(json_object_get(json_array_get(samples, i), "name")), want[i]);
    assert_true(json_is_null(json_object_get(json_array_get(samples, 2), "iteration")));
    json_decref(object);
    object = rg_samples_json("/nowhere");
    assert_int_equal(json_array_size(json_object_get(object, "samples")), 0);
    json_decref(object);
}

static void only_files_are_opened(void **state)
{
    int fd = -1;
    size_t size = 0;
    int64_t modified;
    char path[700];
    put(*state, "stage1-1.png");
    assert_ok(rg_sample_open(*state, "stage1-1.png", &fd, &size, &modified));
    assert_int_equal(size, 3);
    close(fd);
    snprintf(path, sizeof path, "%s/link.png", (char *)*state);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    snprintf(path, sizeof path, "%s/folder.png", (char *)*state);
    assert_ok(rg_mkdirs(path));
    snprintf(path, sizeof path, "%s/pipe.png", (char *)*state);
    assert_int_equal(mkfifo(path, 0600), 0);
    static const char *const bad[] = {"link.png", "folder.png", "pipe.png", "nothing.png", "../stage1-1.png"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_fails(rg_sample_open(*state, bad[i], &fd, &size, &modified), RG_ENOENT, "no such picture");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_say_what_they_show),
        cmocka_unit_test(other_names_are_none),
        IN_FOLDER(they_are_listed_in_order),
        IN_FOLDER(only_files_are_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
