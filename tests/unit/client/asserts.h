// Assertions on what a function of the client library returned. Include after cmocka.h.
#ifndef RG_TESTS_CLIENT_ASSERTS_H
#define RG_TESTS_CLIENT_ASSERTS_H

#include <string.h>

#include "common/client/rg_client.h"

#define assert_ok(call)                                                                                      \
    do {                                                                                                     \
        int err_ = (call);                                                                                   \
        if (err_) fail_msg("%s: %d: %s", #call, err_, rg_client_error());                                    \
    } while (0)

// The call fails with this code, and its sentence has this text in it.
#define assert_fails(call, code, text)                                                                       \
    do {                                                                                                     \
        int err_ = (call);                                                                                   \
        if (err_ != (code)) fail_msg("%s: expected %s, got %d: %s", #call, #code, err_, rg_client_error());  \
        if (!strstr(rg_client_error(), text)) fail_msg("'%s' is not in: %s", text, rg_client_error());       \
    } while (0)

#endif
