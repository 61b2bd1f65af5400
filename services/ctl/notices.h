// What services tell the supervisor: the receiving side of common/wire/notify.h.
//
// The socket has an abstract name, so it needs no file system that knows sockets. The kernel says which
// process sent a datagram, so a service cannot speak for another one.
#ifndef RG_CTL_NOTICES_H
#define RG_CTL_NOTICES_H

#include <sys/types.h>

enum { RG_NOTICE_NAME = 128, RG_NOTICE_STATE = 16, RG_NOTICE_TEXT = 640 };

typedef struct {
    pid_t pid;                   // of the sender
    char state[RG_NOTICE_STATE]; // "loading", "ready", "failed", "stopping"; "": the notice has none
    char text[RG_NOTICE_TEXT];   // "loading, 34 %"
} rg_notice_t;

// Makes the socket, which is not blocking; name is the value of NOTIFY_SOCKET for the services. RG_ELIMIT.
int rg_notices_open(int *fd, char name[RG_NOTICE_NAME]);

// Reads the next notice. 0: there is none now.
int rg_notices_read(int fd, rg_notice_t *notice);

#endif
