#include <stdlib.h>
#include <string.h>

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

static void assert_escaped(const char *text, const char *want)
{
    char out[64];
    rg_text_escape(text, out, sizeof out);
    assert_string_equal(out, want);
    rg_text_escape(want, out, sizeof out); // what is escaped stays as it is
    assert_string_equal(out, want);
}

static void what_a_terminal_obeys_is_escaped(void **state)
{
    (void)state;
    assert_escaped("", "");
    assert_escaped("100% Zo\xc3\xab \xf0\x9f\x99\x82", "100% Zo\xc3\xab \xf0\x9f\x99\x82");
    assert_escaped("caf\xe9.jpg", "caf%E9.jpg");
    assert_escaped("\x1b[31m\r\n\t\x7f", "%1B[31m%0D%0A%09%7F");
    assert_escaped("\xc2\x9b", "%C2%9B");                        // the control sequence introducer of 8 bits
    assert_escaped("a\xe2\x80\xaegpj.exe", "a%E2%80%AEgpj.exe"); // right-to-left override
    assert_escaped("\xe2\x81\xa6\xe2\x80\xa8\xd8\x9c", "%E2%81%A6%E2%80%A8%D8%9C");
}

static void text_that_does_not_fit_is_cut_before_a_character(void **state)
{
    char out[6];
    (void)state;
    rg_text_escape("abcd\xc3\xa9", out, sizeof out);
    assert_string_equal(out, "abcd");
    rg_text_escape("abc\xff", out, sizeof out);
    assert_string_equal(out, "abc");
    rg_text_escape("abcde", out, sizeof out);
    assert_string_equal(out, "abcde");
}

static void repaired_text_keeps_its_lines(void **state)
{
    (void)state;
    char *text = rg_text_repair("a\tb\n\xe9\xc3\xa9");
    assert_string_equal(text, "a\tb\n%E9\xc3\xa9");
    assert_true(rg_text_is_utf8(text));
    assert_false(rg_text_is_utf8("\xe9"));
    free(text);
}

static void assert_name(const char *text, const char *want)
{
    char name[RG_TEXT_NAME + 1], again[RG_TEXT_NAME + 1];
    rg_text_name(text, name);
    if (want) assert_string_equal(name, want);
    rg_text_name(name, again);
    assert_string_equal(name, again);
}

static void names_are_what_everyone_can_read(void **state)
{
    (void)state;
    assert_name("", "");
    assert_name("sub/K\xc3\xb6ln.jpg", "sub/K\xc3\xb6ln.jpg");
    assert_name("caf\xe9\n.jpg", "caf%E9%0A.jpg");
    char longest[RG_TEXT_NAME + 1] = "";
    memset(longest, 'a', RG_TEXT_NAME);
    assert_name(longest, longest);
}

static void long_names_say_which_they_are(void **state)
{
    (void)state;
    char text[1001] = "", other[1001], one[RG_TEXT_NAME + 1], two[RG_TEXT_NAME + 1];
    for (size_t i = 0; i < 500; i++) memcpy(text + 2 * i, "\xc3\xa9", 2);
    memcpy(text + 990, "/face.jpg", 10);
    memcpy(other, text, sizeof other);
    other[0] = 'a';
    rg_text_name(text, one);
    rg_text_name(other, two);
    assert_in_range(strlen(one), RG_TEXT_NAME - 1, RG_TEXT_NAME);
    assert_true(rg_text_is_printable(one));
    assert_string_equal(one + strlen(one) - 9, "/face.jpg");
    assert_int_equal(one[0], '~');
    assert_int_equal(one[17], '~');
    assert_string_not_equal(one, two); // the tails are equal, the hashes are not
    assert_name(text, one);
    memset(text, 0xff, 1000); // each byte takes three
    assert_name(text, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_have_their_size),
        cmocka_unit_test(invalid_sequences_have_size_0),
        cmocka_unit_test(text_is_printable_as_a_whole),
        cmocka_unit_test(what_a_terminal_obeys_is_escaped),
        cmocka_unit_test(text_that_does_not_fit_is_cut_before_a_character),
        cmocka_unit_test(repaired_text_keeps_its_lines),
        cmocka_unit_test(names_are_what_everyone_can_read),
        cmocka_unit_test(long_names_say_which_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
