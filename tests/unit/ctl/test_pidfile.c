// The file rg.pid: its lock, and files that are left over.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/core/err.h"
#include "common/core/file.h"
#include "services/ctl/pidfile.h"
#include "tests/support/test.h"

static rg_config_t config;
static char root[64];

static int setup(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(root, sizeof root, "%.40s/rg-pidfile-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(root)) return -1;
    rg_config_init(&config);
    snprintf(config.run, sizeof config.run, "%s/run", root);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rg_pidfile_remove(&config);
    rmdir(config.run); // some tests do not make it
    return rmdir(root);
}

static void test_no_supervisor_is_not_found(void **state)
{
    pid_t pid;
    int pidfd;
    (void)state;
    assert_int_equal(rg_pidfile_owner(&config, &pid, &pidfd), RG_ENOENT);
    assert_non_null(strstr(rg_error(), config.run));
}

static void test_owner_is_found_and_second_taker_refused(void **state)
{
    int fd, second, pidfd;
    pid_t pid;
    char own[32];
    (void)state;
    assert_int_equal(rg_pidfile_take(&config, &fd), 0);
    assert_int_equal(rg_pidfile_write(fd), 0);
    assert_int_equal(rg_pidfile_take(&config, &second), RG_EBUSY);
    snprintf(own, sizeof own, "(pid %d in ", (int)getpid());
    assert_non_null(strstr(rg_error(), own));
    assert_int_equal(rg_pidfile_owner(&config, &pid, &pidfd), 0);
    assert_int_equal(pid, getpid());
    close(pidfd);
    close(fd);
}

static void test_leftover_file_does_not_count(void **state)
{
    char path[RG_PATH_SIZE];
    int fd, pidfd;
    pid_t pid;
    (void)state;
    rg_config_path(&config, "rg.pid", path);
    assert_int_equal(rg_mkdirs(config.run), 0);
    assert_int_equal(rg_file_write(path, "1\n", 2), 0); // process 1 exists, but holds no lock
    assert_int_equal(rg_pidfile_owner(&config, &pid, &pidfd), RG_ENOENT);
    assert_false(rg_exists(path));
    assert_int_equal(rg_file_write(path, "1\n", 2), 0);
    assert_int_equal(rg_pidfile_take(&config, &fd), 0);
    close(fd);
}

static void test_lock_lives_in_the_forked_process(void **state)
{
    int fd, second, go[2], status;
    (void)state;
    assert_int_equal(pipe(go), 0);
    assert_int_equal(rg_pidfile_take(&config, &fd), 0);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        close(go[1]);
        _exit(read(go[0], &byte, 1) == 0 ? 0 : 1); // until the parent's end is closed
    }
    close(fd);
    assert_int_equal(rg_pidfile_take(&config, &second), RG_EBUSY);
    close(go[1]);
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(rg_pidfile_take(&config, &second), 0);
    close(second);
    close(go[0]);
}

static void test_entries_are_read_back(void **state)
{
    (void)state;
    rg_pidfile_entry_t entries[] = {{"retrieval", 12, "loading, 34 %"}, {"trainer", 0, "dead: no memory"}},
                       read[4];
    int fd;
    assert_int_equal(rg_mkdirs(config.run), 0);
    assert_int_equal(rg_pidfile_open_entries(&config, &fd), 0);
    assert_int_equal(rg_pidfile_write_entries(fd, entries, 2), 0);
    assert_int_equal(rg_pidfile_read_entries(&config, read, 4), 2);
    assert_string_equal(read[0].service, "retrieval");
    assert_int_equal(read[0].pid, 12);
    assert_string_equal(read[0].text, "loading, 34 %");
    assert_string_equal(read[1].text, "dead: no memory");
    strcpy(entries[0].text, "ready"); // shorter: nothing of the old content stays
    assert_int_equal(rg_pidfile_write_entries(fd, entries, 1), 0);
    assert_int_equal(rg_pidfile_read_entries(&config, read, 4), 1);
    assert_string_equal(read[0].text, "ready");
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_supervisor_is_not_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_owner_is_found_and_second_taker_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leftover_file_does_not_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_entries_are_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lock_lives_in_the_forked_process, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
