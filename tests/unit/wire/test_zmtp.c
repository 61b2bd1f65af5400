#include "common/wire/zmtp.h"

#include <string.h>

#include "tests/support/test.h"

enum { CURVE = 1, HELLO_SIZE = 200 };

// A client's greeting and a first command with a body of this size. Returns the number of bytes.
static size_t write_hello(unsigned char *out, const char *name, size_t size)
{
    rg__zmtp_greet(CURVE, out);
    unsigned char *at = out + RG__ZMTP_GREETING;
    *at++ = 4 | 2;
    for (int i = 7; i >= 0; i--) *at++ = (unsigned char)(size >> 8 * i);
    memset(at, 0, size);
    *at = (unsigned char)strlen(name);
    memcpy(at + 1, name, strlen(name));
    return RG__ZMTP_GREETING + 9 + size;
}

static void a_hello_is_complete_with_its_last_byte(void **state)
{
    unsigned char bytes[RG__ZMTP_HELLO_MAX];
    size_t n = write_hello(bytes, "HELLO", HELLO_SIZE);
    (void)state;
    for (size_t i = 0; i < n; i++) assert_int_equal(rg__zmtp_hello(CURVE, bytes, i), 0);
    assert_int_equal(rg__zmtp_hello(CURVE, bytes, n), 1);
    n = write_hello(bytes, "READY", 25);
    bytes[12] = 'N', bytes[13] = 'U', bytes[14] = 'L', bytes[15] = 'L', bytes[16] = 0;
    assert_int_equal(rg__zmtp_hello(!CURVE, bytes, n), 1);
}

static void what_is_not_a_hello_is_refused_early(void **state)
{
    unsigned char bytes[RG__ZMTP_HELLO_MAX];
    (void)state;
    assert_int_equal(rg__zmtp_hello(CURVE, (const unsigned char *)"GET / HTTP/1.1", 1), -1);
    size_t n = write_hello(bytes, "HELLO", HELLO_SIZE);
    assert_int_equal(rg__zmtp_hello(!CURVE, bytes, n), -1); // another mechanism
    write_hello(bytes, "HELLO", HELLO_SIZE + 1);
    assert_int_equal(rg__zmtp_hello(CURVE, bytes, RG__ZMTP_GREETING + 9), -1); // its size alone
    n = write_hello(bytes, "HALLO", HELLO_SIZE);
    assert_int_equal(rg__zmtp_hello(CURVE, bytes, n), -1);
    n = write_hello(bytes, "HELLO", HELLO_SIZE);
    bytes[RG__ZMTP_GREETING] = 2; // a message
    assert_int_equal(rg__zmtp_hello(CURVE, bytes, n), -1);
    bytes[RG__ZMTP_GREETING] = 6;
    bytes[10] = 2; // an old version
    assert_int_equal(rg__zmtp_hello(CURVE, bytes, n), -1);
}

// A short command, an empty frame and a long frame, cut into pieces of every size.
static void frames_are_found_in_pieces(void **state)
{
    static const unsigned char bytes[] = "\x04\x07\x05READYx\0\0\2\0\0\0\0\0\0\0\4long";
    const size_t n = sizeof bytes - 1, sizes[] = {7, 0, 4};
    (void)state;
    for (size_t piece = 1; piece <= n; piece++) {
        rg__zmtp_t stream = {0};
        size_t begun = 0, ended = 0;
        for (size_t i = 0; i < n; i += piece) {
            const unsigned char *at = bytes + i;
            size_t left = i + piece < n ? piece : n - i;
            enum rg__zmtp_event event;
            while ((event = rg__zmtp_next(&stream, &at, &left)) != RG__ZMTP_MORE) {
                if (event == RG__ZMTP_BEGIN) assert_int_equal(stream.size, sizes[begun++]);
                if (event == RG__ZMTP_END)
                    assert_int_equal(rg__zmtp_is_named(&stream, "READY"), ended++ == 0);
            }
            assert_int_equal(left, 0);
        }
        assert_int_equal(begun, 3);
        assert_int_equal(ended, 3);
    }
}

static void a_body_ends_where_it_would_without_a_skip(void **state)
{
    static const unsigned char header[] = "\2\0\0\0\0\0\1\0\0", rest[] = "z\0\5";
    rg__zmtp_t stream = {0};
    const unsigned char *at = header;
    size_t left = 9;
    (void)state;
    assert_int_equal(rg__zmtp_next(&stream, &at, &left), RG__ZMTP_BEGIN);
    rg__zmtp_skip(&stream, 60000);
    rg__zmtp_skip(&stream, 5535);
    at = rest, left = 3;
    assert_int_equal(rg__zmtp_next(&stream, &at, &left), RG__ZMTP_END);
    assert_int_equal(left, 2);
    assert_int_equal(rg__zmtp_next(&stream, &at, &left), RG__ZMTP_BEGIN);
    assert_int_equal(stream.size, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hello_is_complete_with_its_last_byte),
        cmocka_unit_test(what_is_not_a_hello_is_refused_early),
        cmocka_unit_test(frames_are_found_in_pieces),
        cmocka_unit_test(a_body_ends_where_it_would_without_a_skip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
