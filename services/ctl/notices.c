#include "services/ctl/notices.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/core/err.h"

// The kernel chooses the name when the address has only a family.
int rg_notices_open(int *out, char name[RG_NOTICE_NAME])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t size = sizeof address;
    const int yes = 1;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address.sun_family) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        int err = rg_fail_errno(RG_ELIMIT, "cannot make a socket for notices");
        if (fd >= 0) close(fd);
        return err;
    }
    int length = (int)(size - offsetof(struct sockaddr_un, sun_path)) - 1;
    snprintf(name, RG_NOTICE_NAME, "@%.*s", length, address.sun_path + 1);
    *out = fd;
    return 0;
}

static pid_t sender_of(struct msghdr *message)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
        struct ucred credentials;
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_CREDENTIALS) continue;
        memcpy(&credentials, CMSG_DATA(part), sizeof credentials);
        return credentials.pid;
    }
    return 0;
}

// Control characters would disturb terminals and the lines of files.
static void notice_copy(char *out, size_t size, const char *value)
{
    snprintf(out, size, "%s", value);
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) *c = '?';
}

int rg_notices_read(int fd, rg_notice_t *notice)
{
    char text[1025], control[CMSG_SPACE(sizeof(struct ucred))];
    struct iovec bytes = {text, sizeof text - 1};
    struct msghdr message = {
        .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    if (n < 0) return 0;
    text[n] = 0;
    *notice = (rg_notice_t){.pid = sender_of(&message)};
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (strncmp(line, "X_RG_STATE=", 11) == 0)
            notice_copy(notice->state, sizeof notice->state, line + 11);
        if (strncmp(line, "STATUS=", 7) == 0) notice_copy(notice->text, sizeof notice->text, line + 7);
    }
    return 1;
}
