#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/core/id.h"

static const uint8_t ID[16] = {0, 1, 9, 10, 15, 16, 31, 127, 128, 160, 171, 205, 239, 240, 254, 255};
static const char HEX[] = "0001090a0f101f7f80a0abcdeff0feff";

static void an_id_becomes_text_and_back(void **state)
{
    (void)state;
    uint8_t id[16] = {0};
    char hex[33];
    rg_id_hex(ID, hex);
    assert_string_equal(hex, HEX);
    assert_int_equal(rg_id_parse(hex, id), 1);
    assert_memory_equal(id, ID, sizeof id);
    assert_int_equal(rg_id_parse("0001090A0F101F7F80A0ABCDEFF0FEFF", id), 1);
    assert_memory_equal(id, ID, sizeof id);
}

static void other_text_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "0001090a0f101f7f80a0abcdeff0fef",
        "0001090a0f101f7f80a0abcdeff0feff0",
        "0001090a0f101f7f80a0abcdeff0fefg",
        " 001090a0f101f7f80a0abcdeff0feff",
        "-001090a0f101f7f80a0abcdeff0feff",
        "0x01090a0f101f7f80a0abcdeff0feff",
    };
    (void)state;
    uint8_t id[16] = {42};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_int_equal(rg_id_parse(bad[i], id), 0);
    assert_int_equal(id[0], 42);
    assert_int_equal(id[15], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_becomes_text_and_back),
        cmocka_unit_test(other_text_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
