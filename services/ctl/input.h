// An input: a file or standard input that is read as a stream. While a pipe has nothing to read, a callback does
// other work, so that a slow sender holds nothing up.
#ifndef RG_CTL_INPUT_H
#define RG_CTL_INPUT_H

#include <stddef.h>
#include <stdint.h>

// Called again and again while there is nothing to read; waits a moment itself. An error ends the reading.
typedef int rg_idle_fn(void *self);

typedef struct {
    const char *name; // borrowed, for error sentences: the path, or "standard input"
    int fd;
    uint64_t size;     // of a regular file; 0: not known
    uint64_t position; // bytes read or skipped so far
    rg_idle_fn *idle;  // NULL: reading just waits
    void *self;        // of idle
} rg_input_t;

// Opens a file, a pipe, or for "-" standard input. RG_ENOENT, RG_EIO.
int rg_input_open(rg_input_t *input, const char *path);
void rg_input_close(rg_input_t *input); // leaves standard input open

// Reads up to `size` bytes; *got 0: the end. RG_EIO, RG_ESTOPPED after SIGINT or SIGTERM, or what idle returned.
int rg_input_read(rg_input_t *input, void *out, size_t size, size_t *got);

// Passes over up to `size` bytes without reading them, not beyond the end. Returns how many; 0 for a pipe.
uint64_t rg_input_skip(rg_input_t *input, uint64_t size);

#endif
