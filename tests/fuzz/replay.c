// Runs a fuzz target without a fuzzer: its seeds, then a number of mutations of them, which are the same in
// each run. A child process does the work: after a crash the parent reports the number of the input and
// writes the input to a file.
//
//   fuzz-image 2000        seeds and 2000 mutations
//   fuzz-image 20s         seeds and mutations for 20 seconds
//   fuzz-image FILE ...    the files
#include "tests/fuzz/fuzz.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/rng.h"

enum { CAPACITY = 1 << 16, SEEDS_MAX = 64, FUZZ_STREAM = 1000, CHANGES_MAX = 8, SECONDS_MAX = 10 };

typedef struct {
    uint8_t bytes[CAPACITY];
    size_t size;
} input_t;

static void erase(input_t *input, size_t at, size_t n)
{
    memmove(input->bytes + at, input->bytes + at + n, input->size - at - n);
    input->size -= n;
}

static void insert(input_t *input, size_t at, const uint8_t *bytes, size_t n)
{
    if (n > CAPACITY - input->size) n = CAPACITY - input->size;
    memmove(input->bytes + at + n, input->bytes + at, input->size - at);
    memcpy(input->bytes + at, bytes, n);
    input->size += n;
}

// Writes 1 to 4 bytes of a boundary value.
static void put_edge(input_t *input, size_t at, rg_rng_t *rng)
{
    static const uint32_t edges[] = {0,      1,      0x7f,       0x80,       0xff,
                                     0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff};
    uint32_t edge = edges[rg_rng_below(rng, sizeof edges / sizeof *edges)];
    size_t n = 1 + rg_rng_below(rng, 4);
    if (n > input->size - at) n = input->size - at;
    memcpy(input->bytes + at, &edge, n);
}

static void change(input_t *input, const input_t *other, rg_rng_t *rng)
{
    uint8_t copy[64];
    if (!input->size) return;
    size_t at = rg_rng_below(rng, (uint32_t)input->size), n = 1 + rg_rng_below(rng, sizeof copy);
    if (n > input->size - at) n = input->size - at;
    memcpy(copy, input->bytes + at, n);
    switch (rg_rng_below(rng, 7)) {
    case 0:
        input->bytes[at] ^= (uint8_t)(1u << rg_rng_below(rng, 8));
        break;
    case 1:
        input->bytes[at] = (uint8_t)rg_rng_u32(rng);
        break;
    case 2:
        put_edge(input, at, rng);
        break;
    case 3:
        erase(input, at, n);
        break;
    case 4:
        insert(input, rg_rng_below(rng, (uint32_t)input->size), copy, n);
        break; // copies other bytes of the input
    case 5:
        input->size = at;
        break; // cuts the input off
    case 6:    // appends the tail of another seed
        input->size = at;
        if (at < other->size) insert(input, at, other->bytes + at, other->size - at);
        break;
    }
}

// Makes input number i: a seed, or for a higher number a mutation of a seed with 1 to CHANGES_MAX changes.
static void make_input(const input_t *seeds, size_t n, size_t i, input_t *input)
{
    rg_rng_t rng;
    if (i < n) {
        *input = seeds[i];
        return;
    }
    rg_rng_init(&rng, 1, FUZZ_STREAM, i);
    *input = seeds[rg_rng_below(&rng, (uint32_t)n)];
    const input_t *other = &seeds[rg_rng_below(&rng, (uint32_t)n)];
    for (uint32_t changes = 1 + rg_rng_below(&rng, CHANGES_MAX); changes > 0; changes--)
        change(input, other, &rng);
}

// Gives the input to the target in a block of exactly its size, so that the sanitizer finds a read beyond it.
// A target that computes for SECONDS_MAX hangs; a signal ends it.
static void feed(const uint8_t *bytes, size_t size)
{
    static const struct itimerval limit = {.it_value = {.tv_sec = SECONDS_MAX}};
    uint8_t *exact = malloc(size ? size : 1);
    memcpy(exact, bytes, size);
    setitimer(ITIMER_PROF, &limit, NULL);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static int report(const char *name, size_t i, const input_t *input)
{
    char path[512];
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/%s-%zu.bin", folder && *folder ? folder : "/tmp", name, i);
    int err = rg_file_write(path, input->bytes, input->size);
    fprintf(stderr, "%s: failed on input %zu, %s\n", name, i, err ? rg_error() : path);
    return 1;
}

// The end of a run: a number of mutations, or a time.
typedef struct {
    size_t mutations;
    time_t end; // 0: not limited by time
} extent_t;

static extent_t read_extent(const char *text)
{
    char *unit;
    size_t number = strtoul(text, &unit, 10);
    return *unit == 's' ? (extent_t){SIZE_MAX / 2, time(NULL) + (time_t)number} : (extent_t){number, 0};
}

static int is_over(extent_t extent, size_t n_seeds, size_t i)
{
    return i >= n_seeds + extent.mutations || (extent.end && i >= n_seeds && time(NULL) >= extent.end);
}

static int run(const char *name, extent_t extent)
{
    static input_t seeds[SEEDS_MAX], input;
    size_t n = 0;
    while (n < SEEDS_MAX && (seeds[n].size = rg_fuzz_seed(n, seeds[n].bytes, CAPACITY)) > 0) n++;
    if (!n) {
        fprintf(stderr, "%s: no seeds (run from the source root)\n", name);
        return 1;
    }
    volatile size_t *current =
        mmap(NULL, sizeof *current, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (current == MAP_FAILED) return 1;
    pid_t child = fork();
    if (child == 0) {
        for (*current = 0; !is_over(extent, n, *current); ++*current) {
            make_input(seeds, n, *current, &input);
            feed(input.bytes, input.size);
        }
        exit(0); // the leak check runs here
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child) return 1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        printf("%s: %zu seeds, %zu mutations\n", name, n, *current - n);
        return 0;
    }
    make_input(seeds, n, *current, &input);
    return report(name, *current, &input);
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
    if (argc == 2 && isdigit((unsigned char)argv[1][0])) return run(name, read_extent(argv[1]));
    for (int i = 1; i < argc; i++) {
        unsigned char *bytes;
        size_t size;
        if (rg_file_read(argv[i], CAPACITY, &bytes, &size)) {
            fprintf(stderr, "%s\n", rg_error());
            return 1;
        }
        feed(bytes, size);
        free(bytes);
    }
    return 0;
}
