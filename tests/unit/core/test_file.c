#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "tests/support/test.h"

static char path[600];

static const char *in(void **state, const char *name)
{
    snprintf(path, sizeof path, "%s/%s", (const char *)*state, name);
    return path;
}

static void assert_holds(const char *file, const char *want)
{
    unsigned char *data;
    size_t size;
    assert_int_equal(rg_file_read(file, 100, &data, &size), 0);
    assert_int_equal(size, strlen(want));
    assert_memory_equal(data, want, size);
    free(data);
}

static void assert_entries(const char *folder, size_t want)
{
    char **names;
    size_t count;
    assert_int_equal(rg_list_dir(folder, &names, &count), 0);
    assert_int_equal(count, want);
    rg_list_free(&names, count);
    assert_null(names);
}

static void what_is_written_is_read(void **state)
{
    const char *file = in(state, "a");
    assert_int_equal(rg_file_write(file, "first", 5), 0);
    assert_holds(file, "first");
    assert_int_equal(rg_file_write(file, "", 0), 0);
    assert_holds(file, "");
    assert_entries(*state, 1); // no temporary left
}

static void reading_is_bounded(void **state)
{
    const char *file = in(state, "a");
    unsigned char *data = NULL;
    size_t size;
    assert_int_equal(rg_file_write(file, "12345", 5), 0);
    assert_int_equal(rg_file_read(file, 4, &data, &size), RG_ELIMIT);
    assert_non_null(strstr(rg_error(), file));
    assert_non_null(strstr(rg_error(), "5 bytes exceed the limit of 4"));
    assert_int_equal(rg_file_read(file, 5, &data, &size), 0);
    free(data);
}

static void only_regular_files_are_read(void **state)
{
    unsigned char *data = NULL;
    size_t size;
    assert_int_equal(rg_file_read(in(state, "none"), 10, &data, &size), RG_ENOENT);
    assert_non_null(strstr(rg_error(), "/none: cannot open"));
    assert_int_equal(rg_file_read(*state, 1 << 20, &data, &size), RG_EIO);
    assert_non_null(strstr(rg_error(), "not a regular file"));
    assert_int_equal(mkfifo(in(state, "pipe"), 0600), 0); // that nobody writes to: opening it would wait
    assert_fails(rg_file_read(in(state, "pipe"), 10, &data, &size), RG_EIO, "pipe: not a regular file");
    assert_null(data);
}

// Another user of the folder must not know where to put a link to a file that is not his.
static void names_of_temporary_files_are_not_guessed(void **state)
{
    rg_file_t first, second;
    char *own = rg_format(".tmp.%d", (int)getpid());
    assert_ok(rg_file_begin(&first, in(state, "a")));
    assert_ok(rg_file_begin(&second, in(state, "a")));
    assert_string_not_equal(first.temporary, second.temporary);
    assert_null(strstr(first.temporary, own));
    assert_int_equal(strlen(first.temporary), strlen(in(state, "a")) + strlen(".tmp.0123456789abcdef"));
    rg_file_abandon(&first);
    rg_file_abandon(&second);
    free(own);
}

static void an_abandoned_file_leaves_the_old_one(void **state)
{
    const char *file = in(state, "a");
    rg_file_t writing;
    assert_int_equal(rg_file_write(file, "old", 3), 0);
    assert_int_equal(rg_file_begin(&writing, file), 0);
    assert_int_equal(rg_file_append(&writing, "new", 3), 0);
    assert_holds(file, "old"); // not before the commit
    rg_file_abandon(&writing);
    assert_holds(file, "old");
    assert_entries(*state, 1);
}

static void pieces_arrive_together(void **state)
{
    const char *file = in(state, "a");
    rg_file_t writing;
    assert_int_equal(rg_file_begin(&writing, file), 0);
    assert_int_equal(rg_file_append(&writing, "one ", 4), 0);
    assert_int_equal(rg_file_append(&writing, "two", 3), 0);
    assert_int_equal(rg_file_commit(&writing), 0);
    assert_holds(file, "one two");
    assert_entries(*state, 1);
}

static void a_failed_commit_leaves_no_temporary(void **state)
{
    const char *file = in(state, "taken");
    assert_int_equal(mkdir(file, 0755), 0);
    char inside[700];
    snprintf(inside, sizeof inside, "%s/x", file);
    assert_int_equal(rg_file_write(inside, "", 0), 0);
    assert_int_equal(rg_file_write(file, "data", 4), RG_EIO); // a folder that is not empty cannot be replaced
    assert_non_null(strstr(rg_error(), "taken: cannot rename into place"));
    assert_entries(*state, 1);
}

// The writer of the first file was killed, that of the second one lives.
static void leftovers_of_killed_writers_are_removed(void **state)
{
    rg_file_t writing;
    FILE *file = fopen(in(state, "old.tmp.4194303"), "w");
    assert_int_equal(fclose(file), 0);
    file = fopen(in(state, "a.tmp.txt"), "w"); // not one of ours
    assert_int_equal(fclose(file), 0);
    assert_ok(rg_file_begin(&writing, in(state, "new")));
    rg_remove_leftovers(*state);
    assert_false(rg_exists(in(state, "old.tmp.4194303")));
    assert_true(rg_exists(in(state, "a.tmp.txt")));
    assert_ok(rg_file_append(&writing, "data", 4));
    assert_ok(rg_file_commit(&writing));
    assert_holds(in(state, "new"), "data");
    assert_entries(*state, 2);
    rg_remove_leftovers("/nonexistent");
}

static void a_killed_writer_leaves_a_leftover(void **state)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        rg_file_t writing;
        if (rg_file_begin(&writing, in(state, "a")) == 0) raise(SIGKILL);
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_entries(*state, 1);
    rg_remove_leftovers(*state);
    assert_entries(*state, 0);
}

// A file is written while another process looks for leftovers all the time.
static void a_writer_that_lives_keeps_its_temporary(void **state)
{
    int status;
    pid_t child = fork();
    if (child == 0) alarm(60);
    while (child == 0) rg_remove_leftovers(*state);
    for (int i = 0; i < 200; i++) assert_ok(rg_file_write(in(state, "a"), "data", 4));
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_holds(in(state, "a"), "data");
    assert_entries(*state, 1);
}

static void a_full_disk_is_called_full(void **state)
{
    (void)state;
    int fd = open("/dev/full", O_WRONLY);
    if (fd < 0) skip();
    assert_fails(rg_write_all(fd, "file", "data", 4), RG_EFULL,
                 "file: cannot write: No space left on device");
    close(fd);
}

static void a_missing_folder_is_named(void **state)
{
    assert_int_equal(rg_file_write(in(state, "no/such"), "", 0), RG_EIO);
    assert_non_null(strstr(rg_error(), "no/such"));
    assert_non_null(strstr(rg_error(), "cannot create"));
}

static void a_full_disk_is_an_error_and_leaves_the_old_file(void **state)
{
    (void)state;
    rg_file_t full = {.fd = -1};
    FILE *device = fopen("/dev/full", "w");
    if (!device) skip();
    full = (rg_file_t){.fd = fileno(device), .path = (char *)"weights"};
    assert_int_equal(rg_file_append(&full, "x", 1), RG_EFULL);
    assert_string_equal(rg_error(), "weights: cannot write: No space left on device");
    fclose(device);
}

static void folders_are_made_with_their_parents(void **state)
{
    const char *folder = in(state, "x/y//z/");
    assert_int_equal(rg_mkdirs(folder), 0);
    assert_true(rg_exists(folder));
    assert_int_equal(rg_mkdirs(folder), 0); // again is fine
    assert_int_equal(rg_file_write(in(state, "f"), "", 0), 0);
    assert_int_equal(rg_mkdirs(in(state, "f/g")), RG_EIO);
    assert_non_null(strstr(rg_error(), "cannot make folder"));
    assert_false(rg_exists(in(state, "f/g")));
}

static void a_listing_is_sorted_without_dot_names(void **state)
{
    static const char *made[] = {"b", ".hidden", "a", "c"};
    char **names;
    size_t count;
    for (size_t i = 0; i < 4; i++) assert_int_equal(rg_file_write(in(state, made[i]), "", 0), 0);
    assert_int_equal(rg_list_dir(*state, &names, &count), 0);
    assert_int_equal(count, 3);
    assert_string_equal(names[0], "a");
    assert_string_equal(names[2], "c");
    rg_list_free(&names, count);
    assert_int_equal(rg_list_dir(in(state, "none"), &names, &count), RG_ENOENT);
    assert_int_equal(rg_list_dir(in(state, "a"), &names, &count), RG_EIO);
}

// ---- journal

static char journal_path[600];

static int journal_setup(void **state)
{
    int failed = folder_make(state);
    snprintf(journal_path, sizeof journal_path, "%s/journal", (char *)*state);
    return failed;
}

static void journal_add(const char *line)
{
    rg_journal_t journal;
    assert_int_equal(rg_journal_open(&journal, journal_path), 0);
    assert_int_equal(rg_journal_add(&journal, line), 0);
    assert_int_equal(rg_journal_sync(&journal), 0);
    rg_journal_close(&journal);
}

static void assert_content(const char *want)
{
    unsigned char *text;
    size_t size;
    assert_int_equal(rg_file_read(journal_path, 1000, &text, &size), 0);
    assert_string_equal((char *)text, want);
    free(text);
}

static void lines_are_added(void **state)
{
    (void)state;
    journal_add("one");
    journal_add("two");
    assert_content("one\ntwo\n");
}

static void a_cut_line_is_ended(void **state)
{
    (void)state;
    assert_int_equal(rg_file_write(journal_path, "one\ntw", 6), 0);
    journal_add("three");
    assert_content("one\ntw\nthree\n");
}

static void a_journal_that_cannot_be_written_is_named(void **state)
{
    rg_journal_t journal;
    assert_int_equal(rg_journal_open(&journal, *state), RG_EIO); // a folder
    assert_non_null(strstr(rg_error(), *state));
    assert_int_equal(rg_journal_open(&journal, "/dev/full"), 0);
    assert_int_equal(rg_journal_add(&journal, "one"), RG_EFULL);
    rg_journal_close(&journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(what_is_written_is_read),
        IN_FOLDER(reading_is_bounded),
        IN_FOLDER(only_regular_files_are_read),
        IN_FOLDER(names_of_temporary_files_are_not_guessed),
        IN_FOLDER(an_abandoned_file_leaves_the_old_one),
        IN_FOLDER(pieces_arrive_together),
        IN_FOLDER(a_failed_commit_leaves_no_temporary),
        IN_FOLDER(leftovers_of_killed_writers_are_removed),
        IN_FOLDER(a_killed_writer_leaves_a_leftover),
        IN_FOLDER(a_writer_that_lives_keeps_its_temporary),
        IN_FOLDER(a_full_disk_is_called_full),
        IN_FOLDER(a_missing_folder_is_named),
        IN_FOLDER(a_full_disk_is_an_error_and_leaves_the_old_file),
        IN_FOLDER(folders_are_made_with_their_parents),
        IN_FOLDER(a_listing_is_sorted_without_dot_names),
        cmocka_unit_test_setup_teardown(lines_are_added, journal_setup, folder_remove),
        cmocka_unit_test_setup_teardown(a_cut_line_is_ended, journal_setup, folder_remove),
        cmocka_unit_test_setup_teardown(a_journal_that_cannot_be_written_is_named, journal_setup,
                                        folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
