// What a unit test needs: cmocka, assertions on results and numbers, and a temporary folder.
#ifndef RG_TESTS_SUPPORT_TEST_H
#define RG_TESTS_SUPPORT_TEST_H

#include <ftw.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/core/err.h"

// The call returns 0. A failure prints the name and the sentence of the error.
#define assert_ok(call)                                                                                      \
    do {                                                                                                     \
        int err_ = (call);                                                                                   \
        if (err_) fail_msg("%s: %s: %s", #call, rg_errname(err_), rg_error());                               \
    } while (0)

// The call returns this code, and the sentence of the error contains this text.
#define assert_fails(call, code, text)                                                                       \
    do {                                                                                                     \
        int err_ = (call);                                                                                   \
        if (err_ != (code))                                                                                  \
            fail_msg("%s: expected %s, got %s: %s", #call, rg_errname(code), rg_errname(err_), rg_error());  \
        const char *text_ = (text);                                                                          \
        if (!strstr(rg_error(), text_)) fail_msg("'%s' is not in: %s", text_, rg_error());                   \
    } while (0)

// a and b differ by at most `within`. NaN fails.
#define assert_near(a, b, within)                                                                            \
    do {                                                                                                     \
        double have_ = (a), want_ = (b);                                                                     \
        if (!(fabs(have_ - want_) <= (within))) fail_msg("%s is %.12g, not %.12g", #a, have_, want_);        \
    } while (0)

// Setup and teardown of a test with a temporary folder: *state is its path.
static inline int folder_make(void **state)
{
    const char *base = getenv("TMPDIR");
    char *path = malloc(512);
    snprintf(path, 512, "%s/rg-test-XXXXXX", base && *base ? base : "/tmp");
    *state = path;
    return mkdtemp(path) ? 0 : -1;
}

static inline int folder_remove_entry(const char *path, const struct stat *info, int type,
                                      struct FTW *position)
{
    (void)info, (void)type, (void)position;
    return remove(path);
}

static inline int folder_remove(void **state)
{
    int failed = nftw(*state, folder_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return failed;
}

// A test with a temporary folder, for the table of tests.
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_remove)

#endif
