// rg-ctl down: ends what `up` started.
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "common/core/err.h"
#include "services/ctl/commands.h"
#include "services/ctl/output.h"
#include "services/ctl/pidfile.h"

enum { PATIENCE_MS = 30000 }; // beyond the supervisor's own patience with the services

static int end(pid_t pid, int pidfd)
{
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    if (pidfd_send_signal(pidfd, SIGTERM, NULL, 0) != 0) return 0; // it has ended by itself
    if (poll(&ended, 1, PATIENCE_MS) == 1) return 0;
    return rg_fail(RG_ETIMEOUT, "the supervisor (pid %d) did not end within %d s", (int)pid,
                   PATIENCE_MS / 1000);
}

static int run(const rg_options_t *options, const void *own)
{
    pid_t pid = 0;
    int pidfd = -1, err = rg_pidfile_owner(&options->config, &pid, &pidfd), none = err == RG_ENOENT;
    (void)own;
    if (err && !none) return err;
    if (!none) {
        err = end(pid, pidfd);
        close(pidfd);
        if (err) return err;
    }
    if (options->json)
        rg_output_json(json_pack("{s:i}", "stopped", (int)pid));
    else if (none)
        printf("%s\n", rg_error());
    else
        printf("stopped (pid %d)\n", (int)pid);
    return 0;
}

const rg_command_t rg_command_down = {
    .name = "down",
    .summary = "Stop the services that `up' started",
    .doc = "Stops the services of the run directory and waits until they are gone. What was "
           "acknowledged stays; an interrupted training goes on at the next `up' and `train'.\v"
           "Examples:\n"
           "  rg-ctl down --config configs/smoke.yaml\n",
    .config = RG_COMMAND_CONFIGURED,
    .run = run,
};
