// Several commands may run at the same time, so each function copes with a file that another process makes,
// locks or removes meanwhile: take tries again if the file that it locked is no longer the one of that name.
#include "services/ctl/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core/err.h"
#include "common/core/file.h"

enum { FILE_MAX = 8192 };

static pid_t read_pid(int fd)
{
    char text[32] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    return n > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

// Returns 1 if fd is still the file of that name. A supervisor that ends removes the file, and another one
// may have made it again since fd was opened.
static int is_current(int fd, const char *path)
{
    struct stat opened, named;
    return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino;
}

int rg_pidfile_take(const rg_config_t *config, int *out)
{
    char path[RG_PATH_SIZE];
    rg_config_path(config, "rg.pid", path);
    int err = rg_mkdirs_private(config->run);
    while (!err) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0) return rg_fail_errno(RG_EIO, "%s: cannot open", path);
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            err = errno == EWOULDBLOCK
                      ? rg_fail(RG_EBUSY, "already running (pid %d in %s): `rg-ctl down' stops it",
                                (int)read_pid(fd), path)
                      : rg_fail_errno(RG_EIO, "%s: cannot lock", path);
        } else if (is_current(fd, path)) {
            *out = fd;
            return 0;
        }
        close(fd);
    }
    return err;
}

int rg_pidfile_write(int fd)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
        return rg_fail_errno(RG_EIO, "cannot write rg.pid");
    return 0;
}

// ---- entries

int rg_pidfile_open_entries(const rg_config_t *config, int *fd)
{
    char path[RG_PATH_SIZE];
    rg_config_path(config, "rg.services", path);
    *fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return *fd < 0 ? rg_fail_errno(RG_EIO, "%s: cannot open", path) : 0;
}

int rg_pidfile_write_entries(int fd, const rg_pidfile_entry_t *entries, int n)
{
    char text[FILE_MAX] = "";
    size_t size = 0;
    for (int i = 0; i < n && size < sizeof text; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "%s %d %s\n", entries[i].service,
                                 (int)entries[i].pid, entries[i].text);
    if (size >= sizeof text) size = sizeof text - 1;
    if (pwrite(fd, text, size, 0) != (ssize_t)size || ftruncate(fd, (off_t)size) != 0)
        return rg_fail_errno(RG_EIO, "cannot write rg.services");
    return 0;
}

static int read_entry(const char *line, rg_pidfile_entry_t *entry)
{
    int pid, at = 0;
    *entry = (rg_pidfile_entry_t){0};
    if (sscanf(line, "%31s %d %n", entry->service, &pid, &at) != 2 || !at) return 0;
    entry->pid = pid;
    snprintf(entry->text, sizeof entry->text, "%s", line + at);
    return 1;
}

int rg_pidfile_read_entries(const rg_config_t *config, rg_pidfile_entry_t *entries, int max)
{
    char path[RG_PATH_SIZE], text[FILE_MAX];
    rg_config_path(config, "rg.services", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC), n = 0;
    ssize_t size = fd < 0 ? 0 : pread(fd, text, sizeof text - 1, 0);
    if (fd >= 0) close(fd);
    text[size > 0 ? size : 0] = 0;
    char *rest = text;
    for (char *line; n < max && (line = strsep(&rest, "\n")) != NULL;) n += read_entry(line, &entries[n]);
    return n;
}

void rg_pidfile_remove(const rg_config_t *config)
{
    char path[RG_PATH_SIZE];
    rg_config_path(config, "rg.services", path);
    unlink(path);
    rg_config_path(config, "rg.pid", path);
    unlink(path);
}

// The order matters: pidfd first, then the lock. If the lock is still held, the process has not ended, so the
// pidfd is its own and not that of a later process with the same id.
int rg_pidfile_owner(const rg_config_t *config, pid_t *out_pid, int *out_pidfd)
{
    char path[RG_PATH_SIZE];
    rg_config_path(config, "rg.pid", path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? rg_fail(RG_ENOENT, "nothing is running in %s", config->run)
                               : rg_fail_errno(RG_EIO, "%s: cannot open", path);
    pid_t pid = read_pid(fd);
    int err = 0, pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        if (is_current(fd, path)) unlink(path);
        err = rg_fail(RG_ENOENT, "nothing is running in %s", config->run);
    } else if (pidfd < 0) {
        err = rg_fail(RG_EBUSY, "%s: the supervisor is just starting: try again", path);
    }
    close(fd);
    if (err) {
        if (pidfd >= 0) close(pidfd);
        return err;
    }
    *out_pid = pid;
    *out_pidfd = pidfd;
    return 0;
}
