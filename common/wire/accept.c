#include "common/wire/accept.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/core/log.h"
#include "common/wire/relay.h"

// libzmq accepts the connections of ipc paths itself, and 4.3.4 aborts the process when accept4 fails for
// want of a descriptor: a client that leaks connections would kill the service. ZeroMQ has no option for
// it. So a service defines the function accept4 for all libraries that it is linked with: it fails with
// ECONNABORTED, which every caller takes for a peer that has hung up, before descriptors run out.
//
// FILES descriptors stay free for files, and for connections that the service itself opens.
enum { FILES = 256, FILES_MAX = 65536 };

static atomic_int most = FILES_MAX;

void rg_accept_limit(int descriptors)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    rlim_t wanted = (rlim_t)descriptors + FILES;
    if (wanted > files.rlim_max) wanted = files.rlim_max;
    if (files.rlim_cur < wanted) files.rlim_cur = wanted;
    setrlimit(RLIMIT_NOFILE, &files);
    int free_files = files.rlim_cur > 2 * FILES ? FILES : (int)files.rlim_cur / 2;
    int capacity = files.rlim_cur < FILES_MAX ? (int)files.rlim_cur - free_files : FILES_MAX;
    atomic_store(&most, descriptors < capacity ? descriptors : capacity);
}

static void log_hung_up(int limit)
{
    rg_log(RG_LOG_WARN, "connection-refused", "reason=\"%d descriptors are in use: see limits.connections\"",
           limit);
}

// A unix socket's buffer does not grow with its use, as one of tcp does. With the usual 208 KiB the two sides
// of a large message would wake each other 20 times for 4 MiB.
static void enlarge_buffer(int fd)
{
    const int buffer = RG__RELAY_BUFFER;
    int domain = 0;
    socklen_t size = sizeof domain;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
}

// Visible to the libraries, which find it before that of the C library.
__attribute__((visibility("default"))) int accept4(int listener, __SOCKADDR_ARG address,
                                                   socklen_t *restrict size, int flags)
{
    int limit = atomic_load(&most);
    int fd = (int)syscall(SYS_accept4, listener, address.__sockaddr__, size, flags);
    if (fd >= 0) enlarge_buffer(fd);
    if (fd < limit && (fd >= 0 || (errno != EMFILE && errno != ENFILE))) return fd;
    if (fd >= 0) close(fd);
    log_hung_up(limit);
    errno = ECONNABORTED;
    return -1;
}
