#include "common/core/simd.h"
#include "tests/support/test.h"

enum { HALVES = 1 << 16, INFINITE = 0x7c00 };

static int is_nan_half(uint32_t half)
{
    return (half & 0x7fff) > INFINITE;
}

// The value of a half that is a number, by the definition of binary16.
static double value_of(uint32_t half)
{
    int exponent = half >> 10 & 31, fraction = half & 1023;
    double size = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    if (exponent == 31) size = INFINITY;
    return half & 0x8000 ? -size : size;
}

// Both the loop over eight values and the one over single values.
static void each_half_has_its_value(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < HALVES; h++) {
        uint16_t in[9];
        float out[9];
        for (int i = 0; i < 9; i++) in[i] = (uint16_t)h;
        rg_half_to_float(out, in, 9);
        for (int i = 0; i < 9; i += 8) {
            if (is_nan_half(h))
                assert_true(isnan(out[i]));
            else
                assert_true(out[i] == (float)value_of(h) && !signbit(out[i]) == !(h >> 15));
        }
    }
}

static uint16_t half_from(double value)
{
    float in = (float)value;
    uint16_t out;
    rg_half_from_float(&out, &in, 1);
    return out;
}

// Between two neighbours: below the middle the lower, above it the upper, in the middle the even one.
static void rounding_is_to_nearest_even(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < INFINITE; h++) {
        double low = value_of(h), high = h + 1 == INFINITE ? 65536 : value_of(h + 1), step = (high - low) / 2;
        uint32_t even = h & 1 ? h + 1 : h;
        assert_int_equal(half_from(low), h);
        assert_int_equal(half_from(low + step * 0.99), h);
        assert_int_equal(half_from(low + step), even);
        assert_int_equal(half_from(-low - step), 0x8000 | even);
        assert_int_equal(half_from(high - step * 0.99), h + 1);
    }
}

static void the_ends_are_kept(void **state)
{
    (void)state;
    assert_int_equal(half_from(1e30), INFINITE);
    assert_int_equal(half_from(-INFINITY), 0x8000 | INFINITE);
    assert_true(is_nan_half(half_from(NAN)));
    assert_int_equal(half_from(-0.0), 0x8000);
    assert_int_equal(half_from(1e-30), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_half_has_its_value),
        cmocka_unit_test(rounding_is_to_nearest_even),
        cmocka_unit_test(the_ends_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
