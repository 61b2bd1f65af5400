// Heap memory. Running out of memory ends the process with a sentence, so callers have no error path for it.
// Use it for sizes that the program chooses; check a size that comes from outside against a limit first.
#ifndef RG_CORE_ALLOC_H
#define RG_CORE_ALLOC_H

#include <stdarg.h>
#include <stddef.h>

// free() the result of each of these functions.
void *rg_alloc(size_t size);       // zeroed
void *rg_alloc_lines(size_t size); // zeroed, aligned to cache lines and as large as whole cache lines
void *rg_realloc(void *old, size_t size);
char *rg_strdup(const char *text);

// As printf, into memory of the needed size.
char *rg_format_list(const char *fmt, va_list args) __attribute__((format(printf, 1, 0)));
char *rg_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

// Lets the process keep freed memory instead of returning it to the kernel at once: messages and images have the same
// sizes again and again, and fresh pages cost more than filling them. Call it before the first thread is started.
void rg_alloc_keep(void);

// Gives memory that a flood has left back to the kernel: what was resident and free at each of five calls. A
// loop calls it every second or so. Begins zeroed.
typedef struct {
    double kept;  // resident bytes without a block in them, after memory was given back
    double least; // the same, the least of the last calls
    int calls;
} rg_alloc_watch_t;
void rg_alloc_settle(rg_alloc_watch_t *watch);

double rg_memory_bytes(void);    // resident memory of this process; 0 if it is unknown
double rg_peak_memory_mib(void); // the largest resident memory so far

#endif
