#include "common/core/alloc.h"

#include <malloc.h>
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
// limit it returns free memory at the top of the heap. Larger limits keep both in the process. All threads
// share one heap, because malloc_trim does not reach the top of the heaps that glibc gives to threads: each
// would keep what a flood has left there, up to the second limit.
void rg_alloc_keep(void)
{
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

// Resident memory by the fields of statm: of files, or all of it.
static double resident_bytes(int without_files)
{
    unsigned long all = 0, files = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (!statm) return 0;
    if (fscanf(statm, "%*u %lu %lu", &all, &files) != 2) all = files = 0;
    fclose(statm);
    return (double)(without_files ? all - files : all) * (double)sysconf(_SC_PAGESIZE);
}

double rg_memory_bytes(void)
{
    return resident_bytes(0);
}

// Memory that is resident and holds no block: free blocks, stacks, and other things that never change much.
static double idle_bytes(void)
{
    const struct mallinfo2 heap = mallinfo2();
    return resident_bytes(1) - (double)heap.uordblks - (double)heap.hblkhd;
}

// Free blocks between used ones stay with the process even below the limits of rg_alloc_keep. What holds no
// block at any of CALLS calls is not needed, and what remains after it was given back is the measure for the
// next time.
void rg_alloc_settle(rg_alloc_watch_t *watch)
{
    enum { CALLS = 5 };
    const double change = 2 << 20, idle = idle_bytes();
    if (watch->calls == 0 || idle < watch->least) watch->least = idle;
    if (++watch->calls < CALLS) return;
    watch->calls = 0;
    if (watch->least < watch->kept) watch->kept = watch->least; // below 0 if large blocks were never touched
    if (watch->least < watch->kept + change) return;
    malloc_trim(0);
    watch->kept = idle_bytes();
}

double rg_peak_memory_mib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}
