#include "services/gateway/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

typedef struct {
    char *bytes; // [RG_JOURNAL_VIEW]
    size_t size;
    uint64_t from, end; // offset of bytes in the file, the file's size
} part_t;

static int is_object(const char *line, size_t size)
{
    json_t *value = json_loadb(line, size, 0, NULL);
    int object = json_is_object(value);
    json_decref(value);
    return object;
}

// Bytes up to the end of the last whole line; all of them where the part is full of a line that does not end.
static size_t whole_lines(const part_t *part)
{
    const char *last = part->size ? memrchr(part->bytes, '\n', part->size) : NULL;
    if (last) return (size_t)(last - part->bytes) + 1;
    return part->size == RG_JOURNAL_VIEW ? part->size : 0;
}

static char *write_part(const part_t *part, int anew)
{
    char *text;
    size_t length, whole = whole_lines(part);
    uint64_t next = part->from + whole;
    int written = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out) abort();
    fprintf(out, "{\"next\":%llu,\"more\":%s,\"anew\":%s,\"lines\":[", (unsigned long long)next,
            part->from + part->size < part->end ? "true" : "false", anew ? "true" : "false");
    for (size_t at = 0; at < whole;) {
        const char *line = part->bytes + at, *stop = memchr(line, '\n', whole - at);
        size_t size = stop ? (size_t)(stop - line) : whole - at;
        if (is_object(line, size)) fprintf(out, "%s%.*s", written++ ? "," : "", (int)size, line);
        at += size + 1;
    }
    fputs("]}", out);
    fclose(out);
    return text;
}

static int read_part(int fd, const char *path, uint64_t from, char **text)
{
    struct stat info;
    if (fstat(fd, &info) != 0) return rg_fail_errno(RG_EIO, "%s: cannot stat", path);
    if (!S_ISREG(info.st_mode)) return rg_fail(RG_EIO, "%s: not a regular file", path);
    part_t part = {.end = (uint64_t)info.st_size};
    int anew = from > part.end;
    part.from = anew ? 0 : from;
    part.bytes = rg_alloc(RG_JOURNAL_VIEW);
    ssize_t n = pread(fd, part.bytes, RG_JOURNAL_VIEW, (off_t)part.from);
    int err = n < 0 ? rg_fail_errno(RG_EIO, "%s: cannot read", path) : 0;
    part.size = n > 0 ? (size_t)n : 0;
    if (!err) *text = write_part(&part, anew);
    free(part.bytes);
    return err;
}

int rg_journal_view(const char *path, uint64_t from, char **text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno != ENOENT) return rg_fail_errno(RG_EIO, "%s: cannot open", path);
    if (fd < 0) {
        *text = write_part(&(part_t){0}, from > 0);
        return 0;
    }
    int err = read_part(fd, path, from, text);
    close(fd);
    return err;
}
