#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"
#include "tests/support/test.h"

// The known answers that Salmon et al. publish with Random123 for philox4x32-10.
static void philox_gives_the_published_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } vectors[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t v = 0; v < 3; v++) {
        rg_rng_t rng = {0};
        memcpy(rng.counter, vectors[v].counter, sizeof rng.counter);
        memcpy(rng.key, vectors[v].key, sizeof rng.key);
        for (int i = 3; i >= 0; i--)
            assert_int_equal(rg_rng_u32(&rng), vectors[v].out[i]); // a block is used from its end
    }
}

static void seed_stream_and_index_each_give_other_numbers(void **state)
{
    (void)state;
    rg_rng_t base, same, seed, stream, index;
    rg_rng_init(&base, 1, 2, 3);
    rg_rng_init(&same, 1, 2, 3);
    rg_rng_init(&seed, 1 | 1ull << 32, 2, 3);
    rg_rng_init(&stream, 1, 3, 3);
    rg_rng_init(&index, 1, 2, 3 | 1ull << 32);
    for (int i = 0; i < 100; i++) {
        uint32_t drawn = rg_rng_u32(&base);
        assert_int_equal(drawn, rg_rng_u32(&same));
        assert_int_not_equal(drawn, rg_rng_u32(&seed));
        assert_int_not_equal(drawn, rg_rng_u32(&stream));
        assert_int_not_equal(drawn, rg_rng_u32(&index));
    }
}

enum { DRAWS = 200000 };

static void uniform_numbers_fill_the_interval(void **state)
{
    (void)state;
    rg_rng_t rng;
    double sum = 0, squares = 0;
    int bins[10] = {0};
    rg_rng_init(&rng, 7, RG_RNG_STEP, 0);
    for (int i = 0; i < DRAWS; i++) {
        float u = rg_rng_uniform(&rng);
        assert_true(u >= 0 && u < 1);
        sum += u;
        squares += (double)u * u;
        bins[(int)(u * 10)]++;
    }
    assert_true(fabs(sum / DRAWS - 0.5) < 0.003);
    assert_true(fabs(squares / DRAWS - 1.0 / 3) < 0.003);
    for (int i = 0; i < 10; i++) assert_true(abs(bins[i] - DRAWS / 10) < 700); // 5 standard deviations
}

static void normal_numbers_have_the_moments(void **state)
{
    (void)state;
    rg_rng_t rng;
    double m1 = 0, m2 = 0, m3 = 0, m4 = 0;
    rg_rng_init(&rng, 7, RG_RNG_STEP, 1);
    for (int i = 0; i < DRAWS; i++) {
        double x = rg_rng_normal(&rng);
        assert_true(isfinite(x));
        m1 += x / DRAWS;
        m2 += x * x / DRAWS;
        m3 += x * x * x / DRAWS;
        m4 += x * x * x * x / DRAWS;
    }
    assert_true(fabs(m1) < 0.012);
    assert_true(fabs(m2 - 1) < 0.016);
    assert_true(fabs(m3) < 0.045);
    assert_true(fabs(m4 - 3) < 0.12);
}

static void below_is_bounded_and_even(void **state)
{
    (void)state;
    rg_rng_t rng;
    int bins[7] = {0};
    rg_rng_init(&rng, 9, RG_RNG_SHUFFLE, 0);
    for (int i = 0; i < 70000; i++) {
        uint32_t drawn = rg_rng_below(&rng, 7);
        assert_true(drawn < 7);
        bins[drawn]++;
    }
    for (int i = 0; i < 7; i++) assert_true(abs(bins[i] - 10000) < 500);
    assert_int_equal(rg_rng_below(&rng, 1), 0);
    assert_true(rg_rng_below(&rng, UINT32_MAX) < UINT32_MAX);
}

static void shuffle_keeps_every_item_and_reaches_every_place(void **state)
{
    (void)state;
    rg_rng_t rng;
    int first[4] = {0};
    rg_rng_init(&rng, 11, RG_RNG_SHUFFLE, 0);
    for (int round = 0; round < 4000; round++) {
        uint32_t items[4] = {0, 1, 2, 3}, seen = 0;
        rg_rng_shuffle(&rng, items, 4);
        for (int i = 0; i < 4; i++) seen |= 1u << items[i];
        assert_int_equal(seen, 15);
        first[items[0]]++;
    }
    for (int i = 0; i < 4; i++) assert_true(abs(first[i] - 1000) < 150);
    rg_rng_shuffle(&rng, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_published_answers),
        cmocka_unit_test(seed_stream_and_index_each_give_other_numbers),
        cmocka_unit_test(uniform_numbers_fill_the_interval),
        cmocka_unit_test(normal_numbers_have_the_moments),
        cmocka_unit_test(below_is_bounded_and_even),
        cmocka_unit_test(shuffle_keeps_every_item_and_reaches_every_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
