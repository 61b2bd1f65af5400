// A process that builds, publishes, saves and compacts is killed before each of the calls by which something reaches
// the disk. The next process finds everything that was acknowledged, and searches are right.
#include "tests/unit/retrieval/wide.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include "services/retrieval/verify.h"

enum { FIRST = 270, KILLS = 16 };

// ---- calls that change the disk; before number `left` of them the process kills itself

static long left = -1, calls;

static void count_call(void)
{
    calls++;
    if (left >= 0 && left-- == 0) raise(SIGKILL);
}

#define COUNTED(type, name, parameters, number, ...)                                                         \
    type name parameters;                                                                                    \
    type name parameters                                                                                     \
    {                                                                                                        \
        count_call();                                                                                        \
        return (type)syscall(number, __VA_ARGS__);                                                           \
    }

COUNTED(ssize_t, write, (int fd, const void *data, size_t size), SYS_write, fd, data, size)
COUNTED(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), SYS_pwrite64, fd, data, size, at)
COUNTED(int, fsync, (int fd), SYS_fsync, fd)
COUNTED(int, fdatasync, (int fd), SYS_fdatasync, fd)
COUNTED(int, rename, (const char *from, const char *to), SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0)
COUNTED(int, unlink, (const char *path), SYS_unlinkat, AT_FDCWD, path, 0)
COUNTED(int, unlinkat, (int dir, const char *path, int flags), SYS_unlinkat, dir, path, flags)

int posix_fallocate(int fd, off_t at, off_t size);
int posix_fallocate(int fd, off_t at, off_t size)
{
    count_call();
    return syscall(SYS_fallocate, fd, 0, at, size) == 0 ? 0 : errno;
}

// ---- the process

static void tell(int report, char what)
{
    syscall(SYS_write, report, &what, 1);
}

static void rebuild(rg_set_t *set)
{
    rg_set_build_t *built = NULL;
    CHECK(rg_set_build(set, 0, &GO, &built) == 0);
    CHECK(rg_set_publish_build(set, &built) == 0);
    CHECK(rg_set_save(set) == 0);
}

// Adds picture `added`, removes picture `removed`, and makes the index and the files of rows and images anew.
static void change_all(const char *path, unsigned added, unsigned removed, int report)
{
    rg_set_t *set = open_wide(path, "lists");
    picture_t p;
    rg_set_removal_t removal;
    calls = 0;
    CHECK(add_wide(set, 0, added, 1) == 0);
    tell(report, 'a');
    rebuild(set);
    picture(&p, removed);
    CHECK(rg_set_remove(set, p.id, 1, 0, &removal) == 0 && removal.removed == 1);
    tell(report, 'r');
    rebuild(set);
    CHECK(rg_store_copy(rg_set_store(set)) == 0);
    CHECK(rg_store_use_copy(rg_set_store(set)) == 0);
    rg_set_close(&set);
    tell(report, 'e');
    syscall(SYS_write, report, &calls, sizeof calls);
}

// Kills the process before call number `before` (-1: never). Writes what it acknowledged to told [3], and returns how
// many calls it made if it came to the end.
static long run_process(const char *path, unsigned added, unsigned removed, long before, char told[4])
{
    int ends[2];
    long all = 0;
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        left = before;
        change_all(path, added, removed, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    memset(told, 0, 4);
    for (int i = 0; i < 3 && read(ends[0], &told[i], 1) == 1; i++) continue;
    if (told[2]) assert_int_equal(read(ends[0], &all, sizeof all), sizeof all);
    close(ends[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    return all;
}

// ---- what the next process finds

static int is_stored(rg_set_t *set, unsigned n)
{
    rg_read_view_t read = read_view_of(set);
    uint64_t label;
    picture_t p;
    picture(&p, n);
    int err = rg_store_find(read.txn, p.id, &label);
    rg_read_view_end(&read);
    assert_true(err == 0 || err == RG_ENOENT);
    return err == 0;
}

// Pictures from..to-1 are stored, and nothing else.
static void assert_range(rg_set_t *set, unsigned from, unsigned to)
{
    rg_verify_report_t report;
    rg_read_view_t read = read_view_of(set);
    assert_ok(rg_verify(&report, &read, &GO));
    if (report.problems) fail_msg("%s", report.problem[0]);
    rg_read_view_end(&read);
    assert_int_equal(report.images, to - from);
    assert_int_equal(count_of(set), to - from);
    for (unsigned n = from; n < to; n += 31) assert_int_equal(nearest_wide(set, 0, n), n);
    assert_int_equal(nearest_wide(set, 0, to - 1), to - 1);
    assert_int_not_equal(nearest_wide(set, 0, from - 1), from - 1);
}

static void nothing_is_lost_whenever_the_process_is_killed(void **state)
{
    char told[4];
    unsigned from = 1, to = FIRST;
    rg_set_t *set = open_wide(*state, "lists");
    use_wide(set, 0);
    assert_ok(add_wide(set, 0, from, to - from));
    rg_set_close(&set);
    const long all = run_process(*state, to++, from++, -1, told);
    assert_string_equal(told, "are");
    assert_true(all > KILLS);
    for (long kill_at = 0; kill_at < all; kill_at += all / KILLS) {
        run_process(*state, to, from, kill_at, told);
        set = open_wide(*state, "lists");
        const int is_added = is_stored(set, to), is_removed = !is_stored(set, from);
        assert_true(is_added || told[0] != 'a');
        assert_true(is_removed || told[1] != 'r');
        to += (unsigned)is_added;
        from += (unsigned)is_removed;
        assert_range(set, from, to);
        rg_set_close(&set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {IN_FOLDER(nothing_is_lost_whenever_the_process_is_killed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
