#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/file.h"
#include "common/core/log.h"
#include "tests/support/test.h"

// Standard error goes to a file while a test writes lines.
typedef struct {
    char *path;
    int before;
} capture_t;

static void capture_begin(capture_t *capture, const char *folder)
{
    capture->path = rg_format("%s/lines", folder);
    capture->before = dup(STDERR_FILENO);
    int file = open(capture->path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    assert_true(file >= 0);
    dup2(file, STDERR_FILENO);
    close(file);
}

// The text that was written; free() it.
static char *capture_end(capture_t *capture)
{
    unsigned char *text;
    size_t size;
    dup2(capture->before, STDERR_FILENO);
    close(capture->before);
    assert_ok(rg_file_read(capture->path, 1 << 26, &text, &size));
    free(capture->path);
    return (char *)text;
}

static int count(const char *text, const char *word)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at += strlen(word)) n++;
    return n;
}

static void a_flood_of_one_kind_is_counted(void **state)
{
    capture_t capture;
    capture_begin(&capture, *state);
    for (int i = 0; i < 20000; i++) {
        rg_log(RG_LOG_WARN, "hang-up", "peer=%d", i);
        if (i == 10000) rg_log(RG_LOG_INFO, "other", "seen=1");
    }
    double now = rg_clock_s();
    rg_log_settle(now); // the minute is not over
    rg_log_settle(now + 61);
    rg_log_settle(now + 62); // the number is told once
    char *text = capture_end(&capture);
    assert_int_equal(count(text, " hang-up peer="), 20);
    assert_int_equal(count(text, " other seen=1"), 1);
    assert_int_equal(count(text, " warn rg hang-up more=19980 in_s=60\n"), 1);
    assert_int_equal(count(text, "\n"), 22);
    free(text);
}

static void a_new_period_begins_with_new_lines(void **state)
{
    capture_t capture;
    capture_begin(&capture, *state);
    for (int i = 0; i < 21; i++) rg_log(RG_LOG_ERROR, "again", "i=%d", i);
    rg_log_settle(rg_clock_s() + 61);
    rg_log(RG_LOG_ERROR, "again", "i=%d", 21);
    char *text = capture_end(&capture);
    assert_int_equal(count(text, " again i="), 21);
    assert_int_equal(count(text, " again more=1 in_s=60"), 1);
    assert_non_null(strstr(text, " again i=21\n"));
    free(text);
}

static void few_lines_are_all_written(void **state)
{
    capture_t capture;
    capture_begin(&capture, *state);
    for (int i = 0; i < 20; i++) rg_log(RG_LOG_INFO, "few", "i=%d", i);
    rg_log_settle(rg_clock_s() + 61);
    char *text = capture_end(&capture);
    assert_int_equal(count(text, " few i="), 20);
    assert_int_equal(count(text, "more="), 0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_flood_of_one_kind_is_counted),
        IN_FOLDER(a_new_period_begins_with_new_lines),
        IN_FOLDER(few_lines_are_all_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
