#include "services/ctl/path_list.h"

#include "tests/support/archive_files.h"
#include "tests/support/test.h"

static rg_path_list_t list;
static rg_input_t input;

static void open_list(const char *bytes, size_t size)
{
    archive_file_input(&input, bytes, size);
    rg_path_list_init(&list, &input);
}

static void assert_paths(const char *bytes, size_t size, const char *const *want)
{
    const char *path;
    open_list(bytes, size);
    for (; *want; want++) {
        assert_ok(rg_path_list_next(&list, &path));
        assert_non_null(path);
        assert_string_equal(path, *want);
    }
    assert_ok(rg_path_list_next(&list, &path));
    assert_null(path);
    rg_input_close(&input);
}

static void test_lines(void **state)
{
    (void)state;
    static const char text[] = "a.jpg\n\n b c.jpg\nlast";
    assert_paths(text, sizeof text - 1, (const char *const[]){"a.jpg", " b c.jpg", "last", NULL});
    assert_paths("", 0, (const char *const[]){NULL});
}

// A name may have a line end in it, but not before the first zero byte.
static void test_zero_bytes(void **state)
{
    (void)state;
    static const char bytes[] = "a.jpg\0b\nc.jpg\0";
    assert_paths(bytes, sizeof bytes - 1, (const char *const[]){"a.jpg", "b\nc.jpg", NULL});
}

static void test_not_a_list(void **state)
{
    (void)state;
    static const char mixed[] = "a\nb\0c";
    char longer[PATH_MAX + 1];
    const char *path;
    memset(longer, 'x', sizeof longer);
    open_list(mixed, sizeof mixed);
    assert_ok(rg_path_list_next(&list, &path));
    assert_fails(rg_path_list_next(&list, &path), RG_EFORMAT, "path 2: a zero byte in a list of lines");
    rg_input_close(&input);
    open_list(longer, sizeof longer);
    assert_fails(rg_path_list_next(&list, &path), RG_EFORMAT, "path 1: longer than 4095 bytes");
    rg_input_close(&input);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_zero_bytes),
        cmocka_unit_test(test_not_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
