// Whether a factory string names an index that works. FAISS accepts strings that later end the process:
// "IVF16,PQ0" divides by zero, "HNSW0" writes beyond its memory. Therefore another process goes through the
// life of a small index first: make, train, add, search, write. It runs the same program with the words
// "--try-index FACTORY DIM", writes a reason to standard output, and its end tells the rest.
//
// make_small shortens the trial.
#include <errno.h>
#include <fcntl.h>
#include <faiss/c_api/Index_c.h>
#include <faiss/c_api/error_c.h>
#include <faiss/c_api/index_factory_c.h>
#include <faiss/c_api/index_io_c.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/rng.h"
#include "common/nn/linalg.h"
#include "services/retrieval/index.h"

enum { VECTORS = 512, LISTS = 16, K = 3, CPU_S = 60, REASON_SIZE = 256 };

static const char word[] = "--try-index";

static const char *const examples =
    "such strings work: Flat, auto, lists, HNSW32, \"IVF256,Flat\", \"IVF1024,PQ16\"";

// ---- the trial

// The length of "IVF4096" at c, if that has more than LISTS lists; otherwise 0.
static size_t many_lists(const char *c)
{
    if (strncmp(c, "IVF", 3) != 0 || strtoul(c + 3, NULL, 10) <= LISTS) return 0;
    return 3 + strspn(c + 3, "0123456789");
}

// The length of "PQ16" or "PQ16x10" at c, if nothing else follows; otherwise 0.
static size_t plain_pq(const char *c)
{
    if (strncmp(c, "PQ", 2) != 0) return 0;
    size_t n = 2 + strspn(c + 2, "0123456789");
    if (c[n] == 'x') n += 1 + strspn(c + n + 1, "0123456789");
    return n > 2 && (!c[n] || strchr(",)", c[n])) ? n : 0;
}

// Copies the string and makes it quick to train: an IVF index gets at most LISTS lists, and the codes of a PQ
// are not reordered ("np"), which takes a second for each.
static char *make_small(const char *factory)
{
    char *small = rg_alloc(2 * strlen(factory) + 1);
    for (const char *c = factory; *c;) {
        size_t ivf = many_lists(c), pq = plain_pq(c), n = strlen(small);
        if (ivf)
            sprintf(small + n, "IVF%d", LISTS);
        else if (pq)
            sprintf(small + n, "%.*snp", (int)pq, c);
        else
            small[n] = *c;
        c += ivf ? ivf : pq ? pq : 1;
    }
    return small;
}

static float *random_vectors(uint32_t dim)
{
    float *vectors = rg_alloc((size_t)VECTORS * dim * sizeof *vectors);
    rg_rng_t rng;
    rg_rng_init(&rng, 1, 0, 0);
    for (size_t i = 0; i < (size_t)VECTORS * dim; i++) vectors[i] = (float)rg_rng_uniform(&rng);
    return vectors;
}

static int write_to_nowhere(FaissIndex *index)
{
    FILE *nowhere = fopen("/dev/null", "w");
    int rc = nowhere ? faiss_write_index(index, nowhere) : 0;
    if (nowhere) fclose(nowhere);
    return rc;
}

// Nonzero: FAISS has refused a step.
static int live(const char *factory, uint32_t dim)
{
    FaissIndex *whole, *index;
    float *vectors = random_vectors(dim), distances[K];
    faiss_idx_t labels[K];
    char *small = make_small(factory);
    int rc = faiss_index_factory(&whole, (int)dim, factory, METRIC_L2);
    if (!rc && faiss_index_factory(&index, (int)dim, small, METRIC_L2) != 0) index = whole;
    if (!rc && !faiss_Index_is_trained(index)) rc = faiss_Index_train(index, VECTORS, vectors);
    if (!rc) rc = faiss_Index_add(index, 1, vectors); // a set may be small, and it grows
    if (!rc) rc = faiss_Index_add(index, VECTORS - 1, vectors + dim);
    if (!rc) rc = faiss_Index_search(index, 1, vectors, K, distances, labels);
    if (!rc) rc = write_to_nowhere(index);
    return rc;
}

// The reason within a message of FAISS: "Error in FUNCTION at FILE:LINE: Error: 'CONDITION' failed: REASON".
static const char *find_reason(const char *message)
{
    static const char *const marks[] = {" failed: ", "Error: ", ".cpp:"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        const char *at = strstr(message, marks[i]);
        if (!at) continue;
        at += strlen(marks[i]);
        if (i == 2) at += strspn(at, "0123456789: "); // the line
        if (*at) return at;
    }
    return message;
}

// Too few vectors to train do not mean that the string is wrong.
static int is_too_few(const char *message)
{
    return strstr(message, "training points") != NULL;
}

// Limits the time of this process. A crash leaves no core file; the handlers of sanitizers are taken off.
static void set_limits(void)
{
    static const int crashes[] = {SIGFPE, SIGSEGV, SIGBUS, SIGILL, SIGABRT};
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++) signal(crashes[i], SIG_DFL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    setrlimit(RLIMIT_CPU, &(struct rlimit){CPU_S, CPU_S});
}

void rg_index_trial(int argc, char **argv)
{
    if (argc != 4 || strcmp(argv[1], word) != 0) return;
    set_limits();
    rg_linalg_threads(1);
    if (live(argv[2], (uint32_t)strtoul(argv[3], NULL, 10)) == 0 || is_too_few(faiss_get_last_error()))
        _exit(0);
    const char *reason = find_reason(faiss_get_last_error());
    const size_t length = strnlen(reason, REASON_SIZE - 1);
    _exit(write(STDOUT_FILENO, reason, length) == (ssize_t)length ? 1 : 2);
}

// ---- its judge

static int fail_trial(const char *factory, uint32_t dim, const char *reason)
{
    return rg_fail(
        RG_ECONFIG,
        "retrieval.index: '%s' is not an index that FAISS can build over vectors of %u numbers: %s; "
        "%s",
        factory, dim, reason, examples);
}

static int judge(const char *factory, uint32_t dim, int status, char *reason)
{
    char text[64];
    for (char *c = reason; *c; c++)
        if ((unsigned char)*c < ' ') *c = ' ';
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
    if (*reason) return fail_trial(factory, dim, reason);
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL))
        snprintf(text, sizeof text, "%d vectors take more than %d s", VECTORS, CPU_S);
    else
        snprintf(text, sizeof text, "it crashes%s%s", WIFSIGNALED(status) ? " with SIG" : "",
                 WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "");
    return fail_trial(factory, dim, text);
}

static void read_reason(int fd, char reason[REASON_SIZE])
{
    size_t n = 0;
    for (ssize_t got; n < REASON_SIZE - 1 && (got = read(fd, reason + n, REASON_SIZE - 1 - n)) != 0;) {
        if (got < 0 && errno != EINTR) break;
        if (got > 0) n += (size_t)got;
    }
    reason[n] = 0;
}

static int start_trial(char *const words[], int report, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, report, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    errno = posix_spawn(pid, words[0], &files, NULL, words, environ);
    posix_spawn_file_actions_destroy(&files);
    return errno ? rg_fail_errno(RG_EIO, "%s: cannot be run to try retrieval.index", words[0]) : 0;
}

// Fills status and reason with how the trial ends.
static int run_trial(char *const words[], int *status, char *reason)
{
    int ends[2];
    pid_t pid;
    if (pipe2(ends, O_CLOEXEC) != 0) return rg_fail_errno(RG_ELIMIT, "cannot make a pipe");
    int err = start_trial(words, ends[1], &pid);
    close(ends[1]);
    if (!err) read_reason(ends[0], reason);
    close(ends[0]);
    while (!err && waitpid(pid, status, 0) < 0 && errno == EINTR) continue;
    return err;
}

int rg_index_check(const char *program, const char *factory, uint32_t dim)
{
    char number[16], reason[REASON_SIZE];
    int status = 0;
    if (rg_index_is_exact(factory, 0) || rg_index_is_lists(factory)) return 0;
    snprintf(number, sizeof number, "%u", dim);
    char *path = realpath(program, NULL); // emulators know their program by its path only
    int err =
        run_trial((char *[]){path ? path : (char *)program, (char *)word, (char *)factory, number, NULL},
                  &status, reason);
    free(path);
    return err ? err : judge(factory, dim, status, reason);
}
