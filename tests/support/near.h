// Comparing doubles in tests; include after cmocka.h.
#ifndef RG_TEST_NEAR_H
#define RG_TEST_NEAR_H

#include <math.h>

// a and b may differ by at most `within`; not a number is near nothing.
#define assert_near(a, b, within)                                                                            \
    do {                                                                                                     \
        double have_ = (a), want_ = (b);                                                                     \
        if (!(fabs(have_ - want_) <= (within))) fail_msg("%s is %.12g, not %.12g", #a, have_, want_);        \
    } while (0)

#endif
