#include "common/core/text.h"
#include "tests/support/test.h"

static void characters_have_their_size(void **state)
{
    static const struct {
        const char *text;
        size_t size, printable;
    } cases[] = {
        {"a", 1, 1},
        {"~", 1, 1},
        {"\t", 1, 0},
        {"\x7f", 1, 0},
        {"\xc2\x80", 2, 0},
        {"\xc2\x9f", 2, 0},
        {"\xc2\xa0", 2, 2},
        {"\xdf\xbf", 2, 2},
        {"\xe0\xa0\x80", 3, 3},
        {"\xed\x9f\xbf", 3, 3},
        {"\xef\xbb\xbf", 3, 0},
        {"\xef\xbf\xbd", 3, 3},
        {"\xef\xbf\xbe", 3, 0},
        {"\xf0\x90\x80\x80", 4, 4},
        {"\xf4\x8f\xbf\xbd", 4, 4},
        {"\xf4\x8f\xbf\xbf", 4, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(rg_utf8_size(cases[i].text), cases[i].size);
        assert_int_equal(rg_utf8_printable(cases[i].text), cases[i].printable);
    }
}

static void invalid_sequences_have_size_0(void **state)
{
    static const char *const cases[] = {
        "\x80",             // continuation without a start
        "\xc3",             // cut off
        "\xc3(",            // start without continuation
        "\xc0\xaf",         // two bytes where one is enough
        "\xe0\x9f\xbf",     // three where two are enough
        "\xf0\x8f\xbf\xbf", // four where three are enough
        "\xed\xa0\x80",     // a surrogate
        "\xf4\x90\x80\x80", // beyond U+10FFFF
        "\xf8\x88\x80\x80\x80",
        "\xff",
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(rg_utf8_size(cases[i]), 0);
        assert_int_equal(rg_utf8_printable(cases[i]), 0);
        assert_false(rg_text_is_printable(cases[i]));
    }
}

static void text_is_printable_as_a_whole(void **state)
{
    (void)state;
    assert_true(rg_text_is_printable(""));
    assert_true(rg_text_is_printable("Zo\xc3\xab \xf0\x9f\x99\x82"));
    assert_false(rg_text_is_printable("two\nlines"));
    assert_false(rg_text_is_printable("ends with \xc3"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_have_their_size),
        cmocka_unit_test(invalid_sequences_have_size_0),
        cmocka_unit_test(text_is_printable_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
