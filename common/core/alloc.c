#include "common/core/alloc.h"

#include <malloc.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void *alloc_check(void *memory, size_t size)
{
    if (!memory && size) {
        fprintf(stderr, "out of memory: %zu bytes\n", size);
        abort();
    }
    return memory;
}

void *rg_alloc(size_t size)
{
    return alloc_check(calloc(1, size ? size : 1), size);
}

void *rg_alloc_lines(size_t size)
{
    size_t whole = (size + 63) & ~(size_t)63;
    return memset(alloc_check(aligned_alloc(64, whole), size), 0, whole);
}

void *rg_realloc(void *old, size_t size)
{
    return alloc_check(realloc(old, size), size);
}

char *rg_strdup(const char *text)
{
    return alloc_check(strdup(text), strlen(text) + 1);
}

char *rg_format_list(const char *fmt, va_list args)
{
    char *text = NULL;
    if (vasprintf(&text, fmt, args) < 0) alloc_check(NULL, 1);
    return text;
}

char *rg_format(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = rg_format_list(fmt, args);
    va_end(args);
    return text;
}

// glibc maps blocks above the first limit directly and returns them to the kernel on free. Above the second
// limit it returns free memory at the top of the heap. Larger limits keep both in the process.
void rg_alloc_keep(void)
{
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

// Free blocks between used ones stay with the process even above the limits of rg_alloc_keep: a flood of
// messages, each on its thread's heap, leaves hundreds of MiB. Giving them back reads all lists of free blocks,
// so it is done once after each change.
void rg_alloc_settle(rg_alloc_watch_t *watch)
{
    enum { STILL_MAX = 5 };
    const double change = 8 << 20, now = rg_memory_bytes();
    watch->still = fabs(now - watch->last) < change / 8 ? watch->still + 1 : 0;
    watch->last = now;
    if (watch->still < STILL_MAX || fabs(now - watch->kept) < change) return;
    malloc_trim(0);
    watch->kept = rg_memory_bytes();
}

double rg_memory_bytes(void)
{
    unsigned long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (!statm) return 0;
    if (fscanf(statm, "%*u %lu", &pages) != 1) pages = 0;
    fclose(statm);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

double rg_peak_memory_mib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}
