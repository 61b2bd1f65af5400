// The file RUN/rg.pid, which says which process supervises the run directory. The supervisor writes its
// process id and holds a lock on the file as long as it lives. Beside it lies RUN/rg.services, in which the
// supervisor keeps a line "SERVICE PID TEXT" for each service. The kernel drops the lock however the process
// ends, so a file without a lock is left over and does not count.
#ifndef RG_CTL_PIDFILE_H
#define RG_CTL_PIDFILE_H

#include <sys/types.h>

#include "common/config/config.h"

// Makes the run directory and takes the lock. *fd holds the lock; forked processes share it, and exec closes
// it. RG_EBUSY naming the process that holds it.
int rg_pidfile_take(const rg_config_t *config, int *fd);

// Writes this process's id into the file.
int rg_pidfile_write(int fd);

// A service as the supervisor sees it.
typedef struct {
    char service[RG_NAME_SIZE];
    pid_t pid;      // 0: it does not run
    char text[640]; // "loading, 34 %", or why it does not run
} rg_pidfile_entry_t;

// Makes RUN/rg.services, and replaces its content by the n entries.
int rg_pidfile_open_entries(const rg_config_t *config, int *fd);
int rg_pidfile_write_entries(int fd, const rg_pidfile_entry_t *entries, int n);

// Reads at most `max` entries; gives their number, 0 if there is no file. The supervisor may have ended.
int rg_pidfile_read_entries(const rg_config_t *config, rg_pidfile_entry_t *entries, int max);

// Removes both files. Call this while holding the lock.
void rg_pidfile_remove(const rg_config_t *config);

// Finds the process that holds the lock: its id and a pidfd, which the caller closes. RG_ENOENT if no process
// holds it; a file that is left over is removed.
int rg_pidfile_owner(const rg_config_t *config, pid_t *pid, int *pidfd);

#endif
