// rg-ctl down: stops the services that `up` started.
//
// down signals the supervisor and waits until it and its services (leaving.h) are gone, however long they need to
// save their work. If the supervisor was killed, its services are stopped here.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>

#include "common/core/err.h"
#include "services/ctl/caller.h"
#include "services/ctl/command.h"
#include "services/ctl/leaving.h"
#include "services/ctl/output.h"

typedef struct {
    int force;
} down_t;

static const rg_command_option_t down_options[] = {
    {"force", 0, NULL, "Kill the services at once: what they have not saved is lost",
     RG_OPTION_FLAG(down_t, force)},
    {0},
};

static int send_signal(const rg_leaving_t *leaving, int i, int signal)
{
    const char *name = leaving->process[i].name;
    if (pidfd_send_signal(leaving->process[i].pidfd, signal, NULL, 0) == 0 || errno == ESRCH) return 0;
    if (errno == EPERM)
        return rg_fail(RG_EACCES, "the %s (pid %d) belongs to another user: run rg-ctl down as that user",
                       name, (int)leaving->process[i].pid);
    return rg_fail_errno(RG_EIO, "the %s (pid %d): cannot send a signal", name, (int)leaving->process[i].pid);
}

// The supervisor passes the signal on to its services; without one they get it from here.
static int send_signals(const rg_leaving_t *leaving, int force)
{
    if (leaving->supervised) return send_signal(leaving, 0, force ? SIGUSR1 : SIGTERM);
    int err = 0;
    for (int i = 0; i < leaving->n && !err; i++) err = send_signal(leaving, i, force ? SIGKILL : SIGTERM);
    return err;
}

static int down_run(const rg_options_t *options, const void *input)
{
    const down_t *own = input;
    rg_leaving_t leaving;
    rg_interrupted();
    int err = rg_leaving_find(&leaving, &options->config), none = leaving.n == 0;
    int pid = none ? 0 : (int)leaving.process[0].pid;
    if (!err && !none) err = send_signals(&leaving, own->force);
    if (!err && !none) err = rg_leaving_wait(&leaving, "down", options);
    rg_leaving_close(&leaving);
    if (err) return err;
    if (options->json)
        rg_output_json(json_pack("{s:i}", "stopped", pid));
    else if (none)
        rg_output_line("nothing is running in %s", options->config.run);
    else
        printf("%s (pid %d)\n", own->force ? "killed" : "stopped", pid);
    return 0;
}

const rg_command_t rg_command_down = {
    .name = "down",
    .summary = "Stop the services that `up' started",
    .help = "Stops the services of the run directory and waits until they have ended: a trainer finishes its "
            "step and saves, however long that takes. Nothing that was acknowledged is lost. An interrupted "
            "training goes on where it was with the next `up' and `train'.\n\n"
            "Ctrl-C ends the wait, not the stopping. --force kills what does not end.",
    .examples = "  rg-ctl down --config configs/smoke.yaml\n"
                "  rg-ctl down --config configs/smoke.yaml --force\n",
    .options = down_options,
    .size = sizeof(down_t),
    .config = RG_COMMAND_CONFIGURED,
    .run = down_run,
};
