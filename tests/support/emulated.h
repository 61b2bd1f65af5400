// What tests leave out where the processor is emulated (deploy/arm64.sh).
#ifndef RG_TESTS_SUPPORT_EMULATED_H
#define RG_TESTS_SUPPORT_EMULATED_H

#include "tests/support/test.h"

// Leaves out a test that an emulator cannot run, and prints why; the script lists it.
#define skip_if_emulated(why)                                                                                \
    do {                                                                                                     \
        if (getenv("RG_EMULATED")) printf("EMULATED: %s: %s\n", __func__, why), skip();                      \
    } while (0)

#endif
