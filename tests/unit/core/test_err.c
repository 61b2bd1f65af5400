#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "common/core/err.h"
#include "tests/support/test.h"

static void every_code_has_a_name_and_a_sentence(void **state)
{
    (void)state;
    static const struct {
        int code;
        const char *name, *sentence;
    } codes[] = {
#define ROW(name, code, sentence) {name, #name, sentence},
        RG_ERRORS(ROW)
#undef ROW
    };
    size_t count = sizeof codes / sizeof *codes;
    for (size_t i = 0; i < count; i++) {
        assert_true(codes[i].code < 0);
        assert_string_equal(rg_errname(codes[i].code), codes[i].name);
        assert_string_equal(rg_strerror(codes[i].code), codes[i].sentence);
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(codes[i].code, codes[j].code);
            assert_string_not_equal(codes[i].sentence, codes[j].sentence);
        }
    }
}

static void other_codes_are_unknown(void **state)
{
    (void)state;
    assert_string_equal(rg_strerror(0), "no error");
    assert_string_equal(rg_strerror(1), "unknown error");
    assert_string_equal(rg_strerror(-1000), "unknown error");
    assert_string_equal(rg_errname(0), "RG_OK");
    assert_string_equal(rg_errname(-1000), "RG_EUNKNOWN");
}

static void fail_returns_the_code_and_keeps_the_sentence(void **state)
{
    (void)state;
    assert_int_equal(rg_fail(RG_ELIMIT, "%s: %d", "a.jpg", 7), RG_ELIMIT);
    assert_string_equal(rg_error(), "a.jpg: 7");
    assert_int_equal(rg_fail(RG_EIO, "outer: %s", rg_error()), RG_EIO);
    assert_string_equal(rg_error(), "outer: a.jpg: 7");
}

static void a_sentence_can_be_shown_anywhere(void **state)
{
    (void)state;
    assert_int_equal(rg_fail(RG_EIO, "%s: torn", "a\x1b[31m\xe9\xe2\x80\xae.jpg"), RG_EIO);
    assert_string_equal(rg_error(), "a%1B[31m%E9%E2%80%AE.jpg: torn");
    rg_fail(RG_EIO, "outer: %s", rg_error());
    assert_string_equal(rg_error(), "outer: a%1B[31m%E9%E2%80%AE.jpg: torn");
    errno = ENOENT;
    rg_fail_errno(RG_EIO, "K\xc3\xb6ln\n");
    assert_string_equal(rg_error(), "K\xc3\xb6ln%0A: No such file or directory");
}

static void a_long_sentence_is_cut(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    rg_fail(RG_EIO, "%s", text);
    assert_int_equal(strlen(rg_error()), 511);
    errno = EACCES;
    rg_fail_errno(RG_EIO, "%s", text);
    assert_int_equal(strlen(rg_error()), 511);
}

static void errno_is_in_the_sentence_and_a_full_disk_has_a_code(void **state)
{
    (void)state;
    errno = EACCES;
    assert_int_equal(rg_fail_errno(RG_EIO, "file"), RG_EIO);
    assert_string_equal(rg_error(), "file: Permission denied");
    errno = ENOSPC;
    assert_int_equal(rg_fail_errno(RG_EIO, "file"), RG_EFULL);
    errno = EDQUOT;
    assert_int_equal(rg_fail_errno(RG_EIO, "file"), RG_EFULL);
}

static void *fail_elsewhere(void *seen)
{
    *(int *)seen = rg_error()[0] == 0;
    rg_fail(RG_EIO, "of the other thread");
    return NULL;
}

static void sentences_belong_to_their_thread(void **state)
{
    (void)state;
    pthread_t thread;
    int began_empty = 0;
    rg_fail(RG_EIO, "of this thread");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, &began_empty), 0);
    pthread_join(thread, NULL);
    assert_true(began_empty);
    assert_string_equal(rg_error(), "of this thread");
}

static void a_failure_keeps_the_first_sentence_and_raises_it_again(void **state)
{
    (void)state;
    rg_failure_t failure = {0};
    assert_int_equal(rg_failure_raise(&failure), 0);
    rg_failure_keep(&failure, 0);
    assert_int_equal(failure.err, 0);
    rg_failure_keep(&failure, rg_fail(RG_EIO, "the first"));
    rg_failure_keep(&failure, rg_fail(RG_EFULL, "the second"));
    assert_int_equal(rg_failure_raise(&failure), RG_EIO);
    assert_string_equal(rg_error(), "the first");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_name_and_a_sentence),
        cmocka_unit_test(other_codes_are_unknown),
        cmocka_unit_test(fail_returns_the_code_and_keeps_the_sentence),
        cmocka_unit_test(a_sentence_can_be_shown_anywhere),
        cmocka_unit_test(a_long_sentence_is_cut),
        cmocka_unit_test(errno_is_in_the_sentence_and_a_full_disk_has_a_code),
        cmocka_unit_test(sentences_belong_to_their_thread),
        cmocka_unit_test(a_failure_keeps_the_first_sentence_and_raises_it_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
