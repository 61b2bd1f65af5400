// Child processes that are killed, limits of a process, and checks outside of the test's thread.
#ifndef RG_TEST_RETRIEVAL_PROCESS_H
#define RG_TEST_RETRIEVAL_PROCESS_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/core/err.h"

// Ends the process if the condition is false. For other threads and child processes, which cmocka cannot
// unwind.
#define CHECK(truth)                                                                                         \
    do {                                                                                                     \
        if (!(truth)) {                                                                                      \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #truth, rg_error());                      \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

static inline void wait_for_success(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// Runs work(path, report) in a child, which writes a number (unsigned) to `report` after each step, without
// end. Kills the child somewhere after `steps` numbers and returns the last number that it wrote.
static inline unsigned kill_after(unsigned steps, void (*work)(const char *path, int report),
                                  const char *path)
{
    int ends[2];
    unsigned last = 0, number;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        work(path, ends[1]);
        _exit(1);
    }
    close(ends[1]);
    for (unsigned i = 0; i < steps; i++) assert_int_equal(read(ends[0], &last, sizeof last), sizeof last);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    while (read(ends[0], &number, sizeof number) == sizeof number) last = number;
    close(ends[0]);
    return last;
}

// A limit on the size of files stands in for a full disk. Returns the old limit, for lift_file_limit.
static inline struct rlimit limit_files(uint64_t bytes)
{
    struct rlimit old, limit;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    limit = old;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
    return old;
}

static inline void lift_file_limit(struct rlimit old)
{
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_DFL);
}

#endif
