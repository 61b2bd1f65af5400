// Whether a factory string names an index that works. FAISS accepts strings that later end the process:
// "IVF16,PQ0" divides by zero, "HNSW0" writes beyond its memory. Therefore a child process goes through the
// life of a small index first: make, train, add, search, write. The parent only reads how the child ends.
//
// make_small shortens the trial.
#include <errno.h>
#include <fcntl.h>
#include <faiss/c_api/Index_c.h>
#include <faiss/c_api/error_c.h>
#include <faiss/c_api/index_factory_c.h>
#include <faiss/c_api/index_io_c.h>
#include <omp.h>
#include <signal.h>
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

static const char *const examples = "such strings work: Flat, HNSW32, \"IVF256,Flat\", \"IVF1024,PQ16\"";

// ---- in the child

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

// A crash of the child leaves no core file and no line on standard error, and its time is limited.
__attribute__((noreturn)) static void run_trial(const char *factory, uint32_t dim, int report)
{
    static const int crashes[] = {SIGFPE, SIGSEGV, SIGBUS, SIGILL, SIGABRT};
    const struct rlimit none = {0, 0}, cpu = {CPU_S, CPU_S};
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++) signal(crashes[i], SIG_DFL);
    setrlimit(RLIMIT_CORE, &none);
    setrlimit(RLIMIT_CPU, &cpu);
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere >= 0) dup2(nowhere, STDERR_FILENO);
    omp_set_num_threads(1); // the child has only this thread
    rg_linalg_threads(1);
    if (live(factory, dim) == 0 || is_too_few(faiss_get_last_error())) _exit(0);
    const char *reason = find_reason(faiss_get_last_error());
    size_t length = strnlen(reason, REASON_SIZE - 1);
    _exit(write(report, reason, length) == (ssize_t)length ? 1 : 2);
}

// ---- in the parent

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

int rg_index_check(const char *factory, uint32_t dim)
{
    char reason[REASON_SIZE];
    int ends[2], status = 0;
    if (rg_index_is_exact(factory)) return 0;
    if (pipe2(ends, O_CLOEXEC) != 0) return rg_fail_errno(RG_ELIMIT, "cannot make a pipe");
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) run_trial(factory, dim, ends[1]);
    close(ends[1]);
    if (pid > 0) read_reason(ends[0], reason);
    close(ends[0]);
    if (pid < 0) return rg_fail_errno(RG_ELIMIT, "cannot fork");
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    return judge(factory, dim, status, reason);
}
