// Parameters of requests, and the HTTP status of each error.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core/err.h"
#include "services/gateway/http_api.h"
#include "tests/support/test.h"

// ---- parameters

static void numbers_are_whole_and_in_range(void **state)
{
    (void)state;
    uint64_t n = 0;
    static const char *const bad[] = {
        "", "-1", "+1", " 1", "1 ", "1.0", "0x1", "11", "0", "99999999999999999999999", "ten"};
    assert_ok(rg_api_param_number("k", NULL, 1, 10, 7, &n));
    assert_int_equal(n, 7);
    assert_ok(rg_api_param_number("k", "10", 1, 10, 7, &n));
    assert_int_equal(n, 10);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_fails(rg_api_param_number("k", bad[i], 1, 10, 7, &n), RG_EINVAL,
                     "k: expected a whole number, 1 to 10");
    assert_ok(rg_api_param_number("from", "18446744073709551615", 0, UINT64_MAX, 0, &n));
    assert_true(n == UINT64_MAX);
}

static void only_listed_choices_are_accepted(void **state)
{
    (void)state;
    static const char *const choices[] = {"any", "some", NULL};
    int at = 9;
    assert_ok(rg_api_param_choice("which", NULL, choices, &at));
    assert_int_equal(at, 0);
    assert_ok(rg_api_param_choice("which", "some", choices, &at));
    assert_int_equal(at, 1);
    assert_fails(rg_api_param_choice("which", "", choices, &at), RG_EINVAL,
                 "which: expected one of any, some");
    assert_fails(rg_api_param_choice("which", "som", choices, &at), RG_EINVAL, "any, some");
}

static void ids_have_32_digits(void **state)
{
    (void)state;
    uint8_t id[16];
    assert_ok(rg_api_param_id("image", "00112233445566778899aabbccddeeff", id));
    assert_int_equal(id[15], 0xff);
    static const char *const bad[] = {"",
                                      "0",
                                      "00112233445566778899aabbccddeef",
                                      "00112233445566778899aabbccddeefff",
                                      "00112233445566778899aabbccddeefg",
                                      "../../etc/passwd"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_fails(rg_api_param_id("image", bad[i], id), RG_EINVAL, "image: expected the id");
    assert_fails(rg_api_param_id("image", NULL, id), RG_EINVAL, "image");
}

static void names_are_text(void **state)
{
    (void)state;
    char longest[RG_API_TEXT + 2];
    static const char *const good[] = {"a", "../../etc/passwd", "<script>alert(1)</script>",
                                       "K\xc3\xb6ln \xf0\x9f\x98\x80.jpg", "a\n\xff"};
    assert_fails(rg_api_param_text("name", ""), RG_EINVAL, "name");
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_ok(rg_api_param_text("name", good[i]));
    memset(longest, 'a', sizeof longest);
    longest[RG_API_TEXT] = 0;
    assert_ok(rg_api_param_text("name", longest));
    longest[RG_API_TEXT] = 'a';
    longest[RG_API_TEXT + 1] = 0;
    assert_fails(rg_api_param_text("name", longest), RG_EINVAL, "4095");
    assert_fails(rg_api_param_text("name", NULL), RG_EINVAL, "name");
}

// ---- replies

static void every_error_has_a_status(void **state)
{
    (void)state;
    static const struct {
        int err;
        unsigned status;
    } cases[] = {{RG_EINVAL, 400},  {RG_EUSAGE, 400},   {RG_ENOENT, 404},  {RG_EMODEL, 409},
                 {RG_ELIMIT, 413},  {RG_EFORMAT, 415},  {RG_EBUSY, 503},   {RG_ETIMEOUT, 504},
                 {RG_EFULL, 507},   {RG_EACCES, 403},   {RG_EIO, 500},     {RG_ESHAPE, 500},
                 {RG_ECONFIG, 500}, {RG_ENUMERIC, 500}, {RG_EREMOTE, 422}, {RG_ESTOPPED, 503},
                 {RG_ECRASH, 422}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(rg_api_reply_status(cases[i].err), cases[i].status);
#define ASSERT_STATUS(name, code, sentence) assert_in_range(rg_api_reply_status(name), 400, 599);
    RG_ERRORS(ASSERT_STATUS)
    assert_int_equal(rg_api_reply_status(-999), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_whole_and_in_range),
        cmocka_unit_test(only_listed_choices_are_accepted),
        cmocka_unit_test(ids_have_32_digits),
        cmocka_unit_test(names_are_text),
        cmocka_unit_test(every_error_has_a_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
