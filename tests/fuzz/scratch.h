// A folder in memory for the files that a fuzz target writes; it is removed in the end.
#ifndef RG_TESTS_FUZZ_SCRATCH_H
#define RG_TESTS_FUZZ_SCRATCH_H

#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char scratch_folder[64];

static inline int scratch_remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info, (void)kind, (void)at;
    return remove(path);
}

static inline void scratch_remove(void)
{
    nftw(scratch_folder, scratch_remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

// Its path. In memory, fsync takes no time.
static inline const char *scratch_open(void)
{
    if (*scratch_folder) return scratch_folder;
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(scratch_folder, sizeof scratch_folder, "%s/rg-fuzz-XXXXXX", base);
    if (!mkdtemp(scratch_folder)) abort();
    atexit(scratch_remove);
    return scratch_folder;
}

static inline void scratch_write(const char *path, const uint8_t *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file)) abort();
}

// Reads a file of at most `capacity` bytes; returns its size.
static inline size_t scratch_read(const char *path, uint8_t *data, size_t capacity)
{
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(data, 1, capacity, file) : 0;
    if (!file || !feof(file) || fclose(file)) abort();
    return size;
}

#endif
