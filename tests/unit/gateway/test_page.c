// The files of the page, which are compiled into the program.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/gateway/page.h"
#include "tests/support/test.h"

static void its_files_are_there(void **state)
{
    (void)state;
    rg_page_t page;
    rg_page_init(&page);
    static const struct {
        const char *path, *type, *begin;
    } cases[] = {{"/", "text/html; charset=utf-8", "<!doctype html>"},
                 {"/chart.js", "text/javascript; charset=utf-8", ""},
                 {"/api/v1/openapi.yaml", "application/yaml", "# The gateway's HTTP interface"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const rg_page_file_t *file = rg_page_find(&page, cases[i].path);
        assert_non_null(file);
        assert_string_equal(file->type, cases[i].type);
        assert_int_equal(
            strncasecmp((const char *)file->source->data, cases[i].begin, strlen(cases[i].begin)), 0);
        assert_true(file->source->stop - file->source->data > 100);
        assert_int_equal(strlen(file->etag), 18);
    }
    assert_null(rg_page_find(&page, "/index"));
    assert_null(rg_page_find(&page, ""));
}

static void tags_are_recognised(void **state)
{
    (void)state;
    assert_true(rg_page_known("\"abc\"", "\"abc\""));
    assert_true(rg_page_known("\"x\", W/\"abc\"", "\"abc\""));
    assert_false(rg_page_known("\"abcd\"", "\"abc\""));
    assert_false(rg_page_known(NULL, "\"abc\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(its_files_are_there),
                                       cmocka_unit_test(tags_are_recognised)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
