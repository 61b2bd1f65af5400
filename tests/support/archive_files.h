// Archives for tests, written with libarchive into memory.
#ifndef RG_TESTS_SUPPORT_ARCHIVE_FILES_H
#define RG_TESTS_SUPPORT_ARCHIVE_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "services/ctl/input.h"

typedef struct archive_file archive_file_t;

// filters: codes of libarchive, ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP, ... The bytes go through the first, then
// through the second.
archive_file_t *archive_file_new(int first, int second);

// Adds a regular file. bytes NULL: zeros.
void archive_file_add(archive_file_t *file, const char *name, const void *bytes, size_t size);

// Adds what is not a regular file. type: AE_IFLNK, AE_IFIFO, AE_IFDIR, ...
void archive_file_add_special(archive_file_t *file, const char *name, unsigned type);

// Adds a regular file of which only `size` bytes behind a hole are stored.
void archive_file_add_sparse(archive_file_t *file, const char *name, size_t hole, size_t size);

// Ends the archive. Returns its bytes, which live until archive_file_destroy.
const uint8_t *archive_file_finish(archive_file_t *file, size_t *size);
void archive_file_destroy(archive_file_t **file);

// An input of bytes, to be closed with rg_input_close.
void archive_file_input(rg_input_t *input, const void *bytes, size_t size);

#endif
