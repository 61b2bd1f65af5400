// The file of the token.
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
#include "services/gateway/token.h"
#include "tests/support/folder.h"
#include "tests/support/result.h"

static void place(void *folder, char path[600])
{
    snprintf(path, 600, "%s/gateway.token", (char *)folder);
}

static void one_is_made_and_kept(void **state)
{
    char path[600], token[RG_TOKEN_SIZE], again[RG_TOKEN_SIZE];
    struct stat info;
    place(*state, path);
    assert_fails(rg_token_load(path, 0, token), RG_ENOENT, path);
    assert_ok(rg_token_load(path, 1, token));
    assert_int_equal(strlen(token), 43); // 32 bytes
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_ok(rg_token_load(path, 1, again));
    assert_string_equal(token, again);
    assert_int_equal(unlink(path), 0);
    assert_ok(rg_token_load(path, 1, again));
    assert_string_not_equal(token, again);
}

static void others_must_not_read_it(void **state)
{
    char path[600], token[RG_TOKEN_SIZE];
    place(*state, path);
    assert_ok(rg_token_load(path, 1, token));
    assert_int_equal(chmod(path, 0640), 0);
    assert_fails(rg_token_load(path, 1, token), RG_EACCES, path);
}

static void bad_ones_are_refused(void **state)
{
    char path[600], token[RG_TOKEN_SIZE], large[200];
    static const char *const bad[] = {
        "", "\n", "short", "0123456789abcdef;", "two lines 012345\nx", "0123456789abcdef\xc3\xa4"};
    place(*state, path);
    memset(large, 'a', sizeof large);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_ok(rg_file_write_secret(path, bad[i], strlen(bad[i])));
        assert_fails(rg_token_load(path, 1, token), RG_EFORMAT, path);
    }
    assert_ok(rg_file_write_secret(path, large, sizeof large));
    assert_fails(rg_token_load(path, 1, token), RG_EFORMAT, "200");
    assert_ok(rg_file_write_secret(path, "0123456789abcdef\r\n", 18));
    assert_ok(rg_token_load(path, 0, token));
    assert_string_equal(token, "0123456789abcdef");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(one_is_made_and_kept),
        IN_FOLDER(others_must_not_read_it),
        IN_FOLDER(bad_ones_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
