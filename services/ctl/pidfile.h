// RUN/rg.pid: who supervises this run directory. The file names the supervisor; its lock, which the kernel
// drops however the supervisor ends, says whether that is still true. A file without a lock is a leftover.
#ifndef RG_CTL_PIDFILE_H
#define RG_CTL_PIDFILE_H

#include <sys/types.h>

#include "common/config/config.h"

// Makes the run directory and takes the lock: *fd holds it (close-on-exec) and is shared by forked processes.
// RG_EBUSY "already running (pid N)".
int rg_pidfile_take(const rg_config_t *config, int *fd);

// Writes this process's id into the file.
int rg_pidfile_write(int fd);

// Removes the file; call while holding the lock.
void rg_pidfile_remove(const rg_config_t *config);

// The process that holds the lock: its id and a pidfd (close it). RG_ENOENT if nobody does; a leftover is
// removed.
int rg_pidfile_owner(const rg_config_t *config, pid_t *pid, int *pidfd);

#endif
