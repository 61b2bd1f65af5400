// The folder of a run that someone else has written: its journals and a report, with any content. The input has the
// three files, divided by 0xff. Whatever they hold, a report can be written from it, or there is an error.
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/report/run_report.h"
#include "tests/fuzz/fuzz.h"

static const char *const files[] = {"metrics.jsonl", "evaluations.jsonl", "reports/stage2.json"};
enum { FILES = sizeof files / sizeof *files, PATH = 128, DEPTH = 8 };

static char run[64];

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *position)
{
    (void)info, (void)kind, (void)position;
    return remove(path);
}

static void remove_run(void)
{
    nftw(run, remove_entry, DEPTH, FTW_DEPTH | FTW_PHYS);
}

static void make_run(void)
{
    char path[PATH];
    if (*run) return;
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; // in memory, fsync takes no time
    snprintf(run, sizeof run, "%s/rg-fuzz-report-XXXXXX", base);
    if (!mkdtemp(run)) abort();
    atexit(remove_run);
    snprintf(path, sizeof path, "%s/reports", run);
    if (mkdir(path, 0700) != 0) abort();
}

static void write_file(const char *name, const uint8_t *data, size_t size)
{
    char path[PATH];
    snprintf(path, sizeof path, "%s/%s", run, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char out[PATH];
    make_run();
    for (int i = 0; i < FILES; i++) {
        const uint8_t *end = size ? memchr(data, 0xff, size) : NULL;
        size_t n = end ? (size_t)(end - data) : size;
        write_file(files[i], data, n);
        data += end ? n + 1 : n;
        size -= end ? n + 1 : n;
    }
    snprintf(out, sizeof out, "%s/out", run);
    rg_run_report_write(run, out);
    return 0;
}

size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity)
{
    static const char *const seeds[] = {
        "{\"stage\":\"stage2\",\"iteration\":1,\"images_per_s\":9.5,\"g_total\":3,\"d_total\":1e3}\n"
        "{\"stage\":\"stage2\",\"iteration\":2,\"images_per_s\":9.5,\"g_total\":2.5,\"d_total\":-1}\n\xff"
        "{\"stage\":\"stage2\",\"iteration\":1,\"weights\":\"ema\",\"split\":\"test\",\"images\":8,"
        "\"accuracy\":0.5}\n"
        "{\"stage\":\"stage2\",\"iteration\":2,\"weights\":\"ema\",\"split\":\"test\",\"images\":8,"
        "\"accuracy\":0.7}\n\xff"
        "{\"stage\":\"stage2\",\"iteration\":2,\"frechet_latent\":12.5,\"frechet_latent.Male\":3.5,"
        "\"accuracy_reference.Young\":0.6,\"precision_real\":1,\"images\":8}",
        "{\"stage\":\"stage1\",\"iteration\":5}\n{\"stage\":\"stage1\",\"iteration\":3}\nx\n\xff\xff{}",
    };
    if (i >= sizeof seeds / sizeof *seeds) return 0;
    int n = snprintf((char *)out, capacity, "%s", seeds[i]);
    return (size_t)n < capacity ? (size_t)n : capacity - 1;
}
