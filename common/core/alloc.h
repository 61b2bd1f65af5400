// Heap memory for sizes this program chose itself: out of memory ends the process with a sentence, so that
// callers need no error path for it. Sizes that come from outside are checked against a limit first.
#ifndef RG_CORE_ALLOC_H
#define RG_CORE_ALLOC_H

#include <stdarg.h>
#include <stddef.h>

void *rg_alloc(size_t size);              // zeroed; free() it
void *rg_alloc_lines(size_t size);        // the same, in whole cache lines
void *rg_realloc(void *old, size_t size); // as realloc
char *rg_strdup(const char *text);        // free() it
char *rg_format_list(const char *fmt, va_list args) __attribute__((format(printf, 1, 0)));
char *rg_format(const char *fmt, ...) __attribute__((format(printf, 1, 2))); // free() it

// Freed memory stays with the process: messages and images come in the same sizes again and again, and asking
// the kernel for them anew costs more than filling them.
void rg_alloc_keep(void);

double rg_memory_bytes(void);    // resident pages of this process now; 0 if the kernel does not tell
double rg_peak_memory_mib(void); // the most this process has held so far: resident pages

#endif
