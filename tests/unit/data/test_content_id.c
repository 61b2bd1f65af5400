#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/data/content_id.h"

// The test vector of the XXH3 specification for no input, in its canonical (big-endian) form.
static void test_empty(void **state)
{
    (void)state;
    uint8_t id[16];
    char hex[33];
    rg_content_id((const uint8_t *)"", 0, id);
    rg_id_hex(id, hex);
    assert_string_equal(hex, "99aa06d3014798d86001c324468d497f");
}

static void test_differs(void **state)
{
    (void)state;
    uint8_t a[16], b[16], again[16];
    rg_content_id((const uint8_t *)"face", 4, a);
    rg_content_id((const uint8_t *)"fact", 4, b);
    rg_content_id((const uint8_t *)"face!", 4, again);
    assert_memory_not_equal(a, b, 16);
    assert_memory_equal(a, again, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_empty), cmocka_unit_test(test_differs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
