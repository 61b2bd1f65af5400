#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/wire/socket.h"

static const char *ipc_path(const char *endpoint)
{
    return strncmp(endpoint, "ipc://", 6) == 0 ? endpoint + 6 : NULL;
}

static int is_loopback(const char *address)
{
    size_t host = strcspn(address, ":");
    if (host == 9 && strncmp(address, "localhost", 9) == 0) return 1;
    return strncmp(address, "127.", 4) == 0 && strspn(address, "0123456789.") == host;
}

int rg__endpoint_check(const rg_wire_options_t *options, const char *endpoint)
{
    const char *path = ipc_path(endpoint);
    if (path && !*path) return rg_fail(RG_ECONFIG, "%s: has no path", endpoint);
    if (path && strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path)
        return rg_fail(RG_ECONFIG,
                       "%s: a path of %zu characters is too long for a socket (%zu at most); use a shorter "
                       "run directory",
                       endpoint, strlen(path), sizeof((struct sockaddr_un *)0)->sun_path - 1);
    if (path) return 0;
    if (strncmp(endpoint, "tcp://", 6) != 0)
        return rg_fail(RG_ECONFIG, "%s: an endpoint begins with ipc:// or tcp://", endpoint);
    if (!is_loopback(endpoint + 6) && !rg__endpoint_encrypts(options, endpoint) && !options->insecure)
        return rg_fail(RG_ECONFIG,
                       "%s: beyond loopback this socket is open to everyone; security.keys guards it (rg-ctl "
                       "keys), endpoints.insecure: true accepts that",
                       endpoint);
    return 0;
}

int rg__endpoint_encrypts(const rg_wire_options_t *options, const char *endpoint)
{
    return *options->keys && !ipc_path(endpoint);
}

// The process id the holder wrote, or "another process".
static int fail_in_use(const char *endpoint, int fd)
{
    char pid[16] = "";
    ssize_t size = pread(fd, pid, sizeof pid - 1, 0);
    pid[size > 0 ? strspn(pid, "0123456789") : 0] = 0;
    return rg_fail(RG_EIO, "%s: already in use by process %s", endpoint, *pid ? pid : "unknown");
}

static int take_lock(const char *endpoint, const char *path, int *lock)
{
    char *name = rg_format("%s.lock", path);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0644), err = 0;
    if (fd < 0)
        err = rg_fail_errno(RG_EIO, "%s: cannot open", name);
    else if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        err = fail_in_use(endpoint, fd);
    else if (ftruncate(fd, 0) != 0 || dprintf(fd, "%d\n", (int)getpid()) < 0)
        err = rg_fail_errno(RG_EIO, "%s: cannot write", name);
    free(name);
    if (err && fd >= 0) close(fd);
    if (!err) *lock = fd;
    return err;
}

int rg__endpoint_claim(const char *endpoint, int *lock)
{
    const char *path = ipc_path(endpoint);
    struct stat info;
    *lock = -1;
    if (!path) return 0;
    int err = rg_mkdirs_for(path);
    if (err) return err;
    if (lstat(path, &info) == 0 && !S_ISSOCK(info.st_mode))
        return rg_fail(RG_EIO, "%s: the path exists and is not a socket", endpoint);
    return take_lock(endpoint, path, lock);
}

// The lock file stays: unlinking it would let two processes hold two files of the same name.
void rg__endpoint_release(const char *endpoint, int *lock)
{
    if (*lock < 0) return;
    unlink(ipc_path(endpoint));
    close(*lock);
    *lock = -1;
}
