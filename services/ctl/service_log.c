#include "services/ctl/service_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"

void rg_service_log_path(const rg_config_t *config, const char *name, char out[RG_PATH_SIZE])
{
    char file[RG_NAME_SIZE];
    snprintf(file, sizeof file, "logs/%s.log", name);
    rg_config_path(config, file, out);
}

int rg_service_log_redirect(const rg_config_t *config, const char *name)
{
    char path[RG_PATH_SIZE];
    rg_service_log_path(config, name, path);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (nothing < 0 || log < 0) return rg_fail_errno(RG_EIO, "%s: cannot open", path);
    dup2(nothing, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    close(nothing);
    close(log);
    return 0;
}

// ---- the end of a log

// Reads the end of a log, at most size - 1 bytes.
static void read_tail(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t length = fd < 0 ? 0 : lseek(fd, 0, SEEK_END), most = (off_t)size - 1;
    ssize_t n = length > 0 ? pread(fd, out, size - 1, length > most ? length - most : 0) : 0;
    if (fd >= 0) close(fd);
    out[n > 0 ? n : 0] = 0;
}

char *rg_service_log_last_words(const char *path)
{
    char tail[2048];
    read_tail(path, tail, sizeof tail);
    for (size_t n = strlen(tail); n > 0 && tail[n - 1] == '\n';) tail[--n] = 0;
    char *line = strrchr(tail, '\n');
    line = line ? line + 1 : tail;
    char *error = strstr(line, " error=\""), *end = error ? strrchr(error, '"') : NULL;
    if (error) {
        line = error + strlen(" error=\"");
        if (end >= line) *end = 0;
    }
    return rg_strdup(line);
}

// ---- rotation

// Appends everything from the descriptor to the file.
static int copy_all(int from, const char *path, rg_file_t *to)
{
    char block[1 << 16];
    for (;;) {
        ssize_t n = read(from, block, sizeof block);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return rg_fail_errno(RG_EIO, "%s: cannot read", path);
        if (n == 0) return 0;
        int err = rg_file_append(to, block, (size_t)n);
        if (err) return err;
    }
}

// The log is emptied before the copy is synced, so that little is written to it in between.
static int move_lines(int from, const char *path)
{
    char *old = rg_format("%s.1", path);
    rg_file_t copy;
    int err = rg_file_begin(&copy, old), begun = !err;
    free(old);
    if (begun) err = copy_all(from, path, &copy);
    if (ftruncate(from, 0) != 0 && !err) err = rg_fail_errno(RG_EIO, "%s: cannot empty", path);
    if (begun && err) rg_file_abandon(&copy);
    return begun && !err ? rg_file_commit(&copy) : err;
}

int rg_service_log_rotate(const char *path, size_t limit)
{
    struct stat info;
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), err = 0;
    if (fd < 0) return errno == ENOENT ? 0 : rg_fail_errno(RG_EIO, "%s: cannot open", path);
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && (size_t)info.st_size > limit)
        err = move_lines(fd, path);
    close(fd);
    return err;
}
