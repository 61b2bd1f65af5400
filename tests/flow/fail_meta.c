// A preloaded library that makes a disk fail at the worst place: while the file RG_FAIL_META exists, writes to
// the first two pages of any file, which are LMDB's meta pages, fail.
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { META_BYTES = 2 * 4096 };

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    static ssize_t (*write_at)(int, const void *, size_t, off_t);
    const char *broken = getenv("RG_FAIL_META");
    if (!write_at) *(void **)&write_at = dlsym(RTLD_NEXT, "pwrite");
    if (at >= META_BYTES || !broken || access(broken, F_OK) != 0) return write_at(fd, data, size, at);
    errno = EIO;
    return -1;
}
