#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "services/ctl/service_log.h"
#include "tests/support/test.h"

// A log of a process that goes on writing to the descriptor that it has.
typedef struct {
    char *path, *old;
    int fd;
} writer_t;

static void writer_begin(writer_t *writer, const char *folder)
{
    writer->path = rg_format("%s/encoder.log", folder);
    writer->old = rg_format("%s.1", writer->path);
    writer->fd = open(writer->path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_true(writer->fd >= 0);
}

static void writer_end(writer_t *writer)
{
    close(writer->fd);
    free(writer->path);
    free(writer->old);
}

static void put(const writer_t *writer, const char *text)
{
    assert_ok(rg_write_all(writer->fd, writer->path, text, strlen(text)));
}

static void assert_text(const char *path, const char *want)
{
    unsigned char *text;
    size_t size;
    assert_ok(rg_file_read(path, 1000, &text, &size));
    assert_string_equal((char *)text, want);
    free(text);
}

static void a_large_log_is_emptied_and_kept(void **state)
{
    writer_t writer;
    writer_begin(&writer, *state);
    put(&writer, "one\n");
    assert_ok(rg_service_log_rotate(writer.path, 4)); // not larger than that
    assert_false(rg_exists(writer.old));
    put(&writer, "two\n");
    assert_ok(rg_service_log_rotate(writer.path, 4));
    assert_text(writer.path, "");
    assert_text(writer.old, "one\ntwo\n");
    put(&writer, "three\n"); // the process writes on
    assert_text(writer.path, "three\n");
    assert_ok(rg_service_log_rotate(writer.path, 4));
    assert_text(writer.old, "three\n"); // one old log is kept
    writer_end(&writer);
}

static void only_a_log_of_its_own_is_emptied(void **state)
{
    writer_t writer;
    writer_begin(&writer, *state);
    char *link = rg_format("%s/link", (char *)*state), *pipe = rg_format("%s/pipe", (char *)*state);
    put(&writer, "somebody else's\n");
    assert_int_equal(symlink(writer.path, link), 0);
    assert_fails(rg_service_log_rotate(link, 1), RG_EIO, "link: cannot open");
    assert_text(writer.path, "somebody else's\n");
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_ok(rg_service_log_rotate(pipe, 0)); // does not wait
    assert_ok(rg_service_log_rotate("/nonexistent/log", 0));
    free(link);
    free(pipe);
    writer_end(&writer);
}

static void the_last_words_are_the_error(void **state)
{
    writer_t writer;
    writer_begin(&writer, *state);
    put(&writer, "first\n2026 error encoder failed code=RG_EIO error=\"no \"good\" file\"\n");
    char *words = rg_service_log_last_words(writer.path);
    assert_string_equal(words, "no \"good\" file");
    free(words);
    put(&writer, "Assertion failed\n\n");
    words = rg_service_log_last_words(writer.path);
    assert_string_equal(words, "Assertion failed");
    free(words);
    writer_end(&writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_large_log_is_emptied_and_kept),
        IN_FOLDER(only_a_log_of_its_own_is_emptied),
        IN_FOLDER(the_last_words_are_the_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
