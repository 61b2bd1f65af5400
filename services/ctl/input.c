#include "services/ctl/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core/err.h"
#include "services/ctl/caller.h"

int rg_input_open(rg_input_t *input, const char *path)
{
    struct stat info;
    int standard = strcmp(path, "-") == 0, fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    const char *name = standard ? "standard input" : path;
    if (fd < 0) return rg_fail_errno(errno == ENOENT ? RG_ENOENT : RG_EIO, "%s: cannot open", name);
    uint64_t size = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) ? (uint64_t)info.st_size : 0;
    *input = (rg_input_t){.name = name, .fd = fd, .size = size};
    return 0;
}

void rg_input_close(rg_input_t *input)
{
    if (input->fd > STDIN_FILENO) close(input->fd);
    input->fd = -1;
}

// Waits until there is something to read. A regular file always has.
static int await_bytes(const rg_input_t *input)
{
    struct pollfd poll_fd = {.fd = input->fd, .events = POLLIN};
    int err = 0;
    while (!err && input->idle && poll(&poll_fd, 1, 0) == 0) err = input->idle(input->self);
    return err;
}

int rg_input_read(rg_input_t *input, void *out, size_t size, size_t *got)
{
    for (;;) {
        int err = await_bytes(input);
        if (!err && atomic_load(rg_interrupted())) err = rg_fail(RG_ESTOPPED, "stopped");
        if (err) return err;
        ssize_t n = read(input->fd, out, size);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (n < 0) return rg_fail_errno(RG_EIO, "%s: cannot read", input->name);
        input->position += (uint64_t)n;
        *got = (size_t)n;
        return 0;
    }
}

uint64_t rg_input_skip(rg_input_t *input, uint64_t size)
{
    uint64_t left = input->size > input->position ? input->size - input->position : 0;
    if (size > left) size = left;
    if (!size || lseek(input->fd, (off_t)size, SEEK_CUR) < 0) return 0;
    input->position += size;
    return size;
}
