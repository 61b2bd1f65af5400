// Assertions on what a function returned: they print the error's name and sentence, not a number. Include
// after cmocka.h.
#ifndef RG_TESTS_RESULT_H
#define RG_TESTS_RESULT_H

#include <string.h>

#include "common/core/err.h"

#define assert_ok(call)                                                                                      \
    do {                                                                                                     \
        int err_ = (call);                                                                                   \
        if (err_) fail_msg("%s: %s: %s", #call, rg_errname(err_), rg_error());                               \
    } while (0)

// The call fails with this code, and its sentence has this text in it.
#define assert_fails(call, code, text)                                                                       \
    do {                                                                                                     \
        int err_ = (call);                                                                                   \
        if (err_ != (code))                                                                                  \
            fail_msg("%s: expected %s, got %s: %s", #call, rg_errname(code), rg_errname(err_), rg_error());  \
        if (!strstr(rg_error(), text)) fail_msg("'%s' is not in: %s", text, rg_error());                     \
    } while (0)

#endif
