#include "common/core/hash.h"
#include "tests/support/test.h"

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

// The test vector of the XXH3 specification for no input, in its canonical (big-endian) form.
static void the_id_of_no_bytes_is_the_specified_one(void **state)
{
    (void)state;
    uint8_t id[16];
    char hex[33];
    rg_content_id((const uint8_t *)"", 0, id);
    rg_id_hex(id, hex);
    assert_string_equal(hex, "99aa06d3014798d86001c324468d497f");
}

static void other_bytes_have_another_id(void **state)
{
    (void)state;
    uint8_t a[16], b[16], again[16];
    rg_content_id((const uint8_t *)"face", 4, a);
    rg_content_id((const uint8_t *)"fact", 4, b);
    rg_content_id((const uint8_t *)"face!", 4, again);
    assert_memory_not_equal(a, b, 16);
    assert_memory_equal(a, again, 16);
}

// The test vector of the XXH3 specification for no input.
static void a_hash_is_the_specified_one(void **state)
{
    (void)state;
    char hex[17];
    rg_hash_hex(rg_hash("", 0, 0), hex);
    assert_string_equal(hex, "2d06800538d394c2");
}

static void pieces_hash_like_the_whole(void **state)
{
    (void)state;
    rg_hasher_t *hasher = rg_hasher_new();
    rg_hasher_add(hasher, "retrieval", 9);
    rg_hasher_add(hasher, "", 0);
    rg_hasher_add(hasher, "-guided", 7);
    assert_int_equal(rg_hasher_finish(&hasher), rg_hash("retrieval-guided", 16, 0));
    assert_null(hasher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_id_of_no_bytes_is_the_specified_one),
        cmocka_unit_test(other_bytes_have_another_id),
        cmocka_unit_test(a_hash_is_the_specified_one),
        cmocka_unit_test(pieces_hash_like_the_whole),
        cmocka_unit_test(an_id_becomes_text_and_back),
        cmocka_unit_test(other_text_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
