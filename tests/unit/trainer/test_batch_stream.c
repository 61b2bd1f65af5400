// Shares of a batch.

#include "services/trainer/batch_stream.h"
#include "tests/support/test.h"

static void take_share(int n, int references, int rank, const char *rows, char *out)
{
    const rg_batch_t whole = {.n = 8},
                     share = {.n = 4, .references = references, .whole = &whole, .rank = rank};
    rg_batch_take_rows(&share, n, rows, 1, out);
    out[n] = 0;
}

static void a_share_has_its_part_of_both_kinds(void **state)
{
    char out[16];
    (void)state;
    take_share(4, 2, 0, "abcdWXYZ", out);
    assert_string_equal(out, "abWX");
    take_share(4, 2, 1, "abcdWXYZ", out);
    assert_string_equal(out, "cdYZ");
    take_share(4, 1, 1, "abcdefYZ", out);
    assert_string_equal(out, "defZ");
}

static void a_share_of_one_kind_is_a_piece(void **state)
{
    char out[16];
    (void)state;
    take_share(4, 0, 1, "abcdefgh", out);
    assert_string_equal(out, "efgh");
    take_share(4, 4, 1, "STUVWXYZ", out);
    assert_string_equal(out, "WXYZ");
}

// Twice as many rows: every image has a target of each kind.
static void targets_of_both_kinds(void **state)
{
    char out[16];
    (void)state;
    take_share(8, 4, 1, "abcdefghSTUVWXYZ", out);
    assert_string_equal(out, "efghWXYZ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_has_its_part_of_both_kinds),
        cmocka_unit_test(a_share_of_one_kind_is_a_piece),
        cmocka_unit_test(targets_of_both_kinds),
    };
    return cmocka_run_group_tests_name("shares of a batch", tests, NULL, NULL);
}
