#include "services/retrieval/rank.h"

#include "common/core/rng.h"
#include "tests/support/test.h"

// Compares select and of with a list of the set bits.
static void check_ranks(const rg_bitset_t *bits, size_t count)
{
    rg_rank_t rank;
    uint32_t n = 0;
    rg_rank_init(&rank, bits, count);
    for (size_t at = 0; at < count; at++) {
        const int is_set = !bits->words || rg_bitset_get(bits, at);
        assert_int_equal(rg_rank_of(&rank, at), is_set ? n : rank.count);
        if (is_set) assert_int_equal(rg_rank_select(&rank, n++), at);
    }
    assert_int_equal(rank.count, n);
    assert_int_equal(rg_rank_of(&rank, count), rank.count);
    rg_rank_fini(&rank);
}

static void ranks_are_those_of_a_list(void **state)
{
    const size_t counts[] = {1, 63, 64, 65, 4095, 4096, 4097, 20000};
    const uint32_t shares[] = {0, 1, 50, 99, 100}; // of the bits that are set, in percent
    rg_rng_t rng;
    (void)state;
    rg_rng_init(&rng, 1, 0, 0);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (size_t j = 0; j < sizeof shares / sizeof *shares; j++) {
            rg_bitset_t bits;
            rg_bitset_init(&bits, counts[i], 1); // sets the bits behind the last one, too
            for (size_t at = 0; at < counts[i]; at++)
                if (rg_rng_below(&rng, 100) >= shares[j]) rg_bitset_clear(&bits, at);
            check_ranks(&bits, counts[i]);
            rg_bitset_fini(&bits);
        }
}

static void a_bitset_without_words_has_all_bits(void **state)
{
    const rg_bitset_t none = {0};
    (void)state;
    check_ranks(&none, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_are_those_of_a_list),
        cmocka_unit_test(a_bitset_without_words_has_all_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
