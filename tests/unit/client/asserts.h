// Assertions on the results of the client library.
#ifndef RG_TESTS_CLIENT_ASSERTS_H
#define RG_TESTS_CLIENT_ASSERTS_H

#include "common/client/rg_client.h"
#include "tests/support/test.h"

#define assert_client_ok(call)                                                                               \
    do {                                                                                                     \
        int err_ = (call);                                                                                   \
        if (err_) fail_msg("%s: %d: %s", #call, err_, rg_client_error());                                    \
    } while (0)

// The call fails with this code, and its sentence contains this text.
#define assert_client_fails(call, code, text)                                                                \
    do {                                                                                                     \
        int err_ = (call);                                                                                   \
        if (err_ != (code)) fail_msg("%s: expected %s, got %d: %s", #call, #code, err_, rg_client_error());  \
        if (!strstr(rg_client_error(), text)) fail_msg("'%s' is not in: %s", text, rg_client_error());       \
    } while (0)

#endif
