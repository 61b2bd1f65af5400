#include "tests/support/archive_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

struct archive_file {
    struct archive *archive;
    uint8_t *bytes;
    size_t size, capacity;
};

static void check(int ok, const char *what)
{
    if (ok) return;
    fprintf(stderr, "archive file: %s failed\n", what);
    abort();
}

static la_ssize_t append_bytes(struct archive *archive, void *self, const void *data, size_t size)
{
    archive_file_t *file = self;
    (void)archive;
    if (file->size + size > file->capacity) {
        file->capacity = 2 * (file->size + size);
        file->bytes = realloc(file->bytes, file->capacity);
        check(file->bytes != NULL, "realloc");
    }
    memcpy(file->bytes + file->size, data, size);
    file->size += size;
    return (la_ssize_t)size;
}

archive_file_t *archive_file_new(int first, int second)
{
    archive_file_t *file = calloc(1, sizeof *file);
    file->archive = archive_write_new();
    archive_write_set_format_pax_restricted(file->archive);
    check(archive_write_add_filter(file->archive, first) == ARCHIVE_OK, "the first filter");
    check(archive_write_add_filter(file->archive, second) == ARCHIVE_OK, "the second filter");
    archive_write_set_bytes_in_last_block(file->archive, 1);
    check(archive_write_open2(file->archive, file, NULL, append_bytes, NULL, NULL) == ARCHIVE_OK, "open");
    return file;
}

static struct archive_entry *make_entry(const char *name, unsigned type, size_t size)
{
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)size);
    return entry;
}

static void add_entry(archive_file_t *file, struct archive_entry *entry, const void *bytes, size_t size)
{
    static const uint8_t zeros[1 << 16];
    int code = archive_write_header(file->archive, entry); // warns of names beyond ASCII
    check(code == ARCHIVE_OK || code == ARCHIVE_WARN, "header");
    archive_entry_free(entry);
    for (size_t at = 0, n; at < size; at += n) {
        n = bytes ? size : size - at < sizeof zeros ? size - at : sizeof zeros;
        check(archive_write_data(file->archive, bytes ? bytes : zeros, n) == (la_ssize_t)n, "data");
    }
}

void archive_file_add(archive_file_t *file, const char *name, const void *bytes, size_t size)
{
    add_entry(file, make_entry(name, AE_IFREG, size), bytes, size);
}

void archive_file_add_special(archive_file_t *file, const char *name, unsigned type)
{
    struct archive_entry *entry = make_entry(name, type, 0);
    if (type == AE_IFLNK) archive_entry_set_symlink(entry, "/etc/passwd");
    add_entry(file, entry, NULL, 0);
}

void archive_file_add_sparse(archive_file_t *file, const char *name, size_t hole, size_t size)
{
    struct archive_entry *entry = make_entry(name, AE_IFREG, hole + size);
    archive_entry_sparse_add_entry(entry, (la_int64_t)hole, (la_int64_t)size);
    add_entry(file, entry, NULL, hole + size);
}

const uint8_t *archive_file_finish(archive_file_t *file, size_t *size)
{
    check(archive_write_close(file->archive) == ARCHIVE_OK, "close");
    *size = file->size;
    return file->bytes;
}

void archive_file_destroy(archive_file_t **file)
{
    archive_write_free((*file)->archive);
    free((*file)->bytes);
    free(*file);
    *file = NULL;
}

void archive_file_input(rg_input_t *input, const void *bytes, size_t size)
{
    int fd = memfd_create("archive", MFD_CLOEXEC);
    check(fd >= 0 && write(fd, bytes, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0, "memfd");
    *input = (rg_input_t){.name = "test", .fd = fd, .size = size};
}
