// rg-ctl down: stops the services that `up` started.
//
// down finds the supervisor and the services by the files RUN/rg.pid and RUN/rg.services (pidfile.h) and
// opens a pidfd of each, which never means another process that got the same id. It signals the supervisor
// and waits until all these processes are gone, however long they need to save their work. If the supervisor
// was killed, its services are stopped here.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "common/config/services.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "services/ctl/caller.h"
#include "services/ctl/command.h"
#include "services/ctl/output.h"
#include "services/ctl/pidfile.h"

enum { LOOK_MS = 250, HINT_S = 20, LEFT_SIZE = 2048 };

typedef struct {
    int force;
} down_t;

static const rg_command_option_t down_options[] = {
    {"force", 0, NULL, "Kill the services at once: what they have not saved is lost",
     RG_OPTION_FLAG(down_t, force)},
    {0},
};

// The processes that have to end.
typedef struct {
    struct {
        char name[RG_NAME_SIZE];
        pid_t pid;
        int pidfd; // -1: it has ended
    } process[RG_SERVICES + 1];
    int n;
    int supervised; // the supervisor is one of them
} leaving_t;

static void leaving_add(leaving_t *leaving, const char *name, pid_t pid, int pidfd)
{
    snprintf(leaving->process[leaving->n].name, RG_NAME_SIZE, "%.*s", RG_NAME_SIZE - 1, name);
    leaving->process[leaving->n].pid = pid;
    leaving->process[leaving->n++].pidfd = pidfd;
}

// 1 if this process still is the service that the file named.
static int is_service(pid_t pid, const char *service)
{
    char path[64], comm[32] = "", want[32];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    snprintf(want, sizeof want, "rg-%.12s", service); // the kernel keeps 15 characters
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    int known = fscanf(file, "%31s", comm) == 1 && strcmp(comm, want) == 0;
    fclose(file);
    return known;
}

static void find_services(leaving_t *leaving, const rg_config_t *config)
{
    rg_pidfile_entry_t entries[RG_SERVICES];
    int n = rg_pidfile_read_entries(config, entries, RG_SERVICES);
    for (int i = 0; i < n; i++) {
        int pidfd = entries[i].pid > 0 ? pidfd_open(entries[i].pid, 0) : -1;
        if (pidfd < 0) continue;
        if (is_service(entries[i].pid, entries[i].service))
            leaving_add(leaving, entries[i].service, entries[i].pid, pidfd);
        else
            close(pidfd);
    }
}

static int send_signal(const leaving_t *leaving, int i, int signal)
{
    const char *name = leaving->process[i].name;
    if (pidfd_send_signal(leaving->process[i].pidfd, signal, NULL, 0) == 0 || errno == ESRCH) return 0;
    if (errno == EPERM)
        return rg_fail(RG_EACCES, "the %s (pid %d) belongs to another user: run rg-ctl down as that user",
                       name, (int)leaving->process[i].pid);
    return rg_fail_errno(RG_EIO, "the %s (pid %d): cannot send a signal", name, (int)leaving->process[i].pid);
}

// The supervisor passes the signal on to its services; without one they get it from here.
static int send_signals(const leaving_t *leaving, int force)
{
    if (leaving->supervised) return send_signal(leaving, 0, force ? SIGUSR1 : SIGTERM);
    int err = 0;
    for (int i = 0; i < leaving->n && !err; i++) err = send_signal(leaving, i, force ? SIGKILL : SIGTERM);
    return err;
}

// Waits a moment. Gives the number of processes that are left.
static int count_left(leaving_t *leaving)
{
    struct pollfd ended[RG_SERVICES + 1];
    int left = 0;
    for (int i = 0; i < leaving->n; i++)
        ended[i] = (struct pollfd){.fd = leaving->process[i].pidfd, .events = POLLIN};
    poll(ended, (nfds_t)leaving->n, LOOK_MS);
    for (int i = 0; i < leaving->n; i++) {
        if (ended[i].revents) {
            close(leaving->process[i].pidfd);
            leaving->process[i].pidfd = -1;
        }
        left += leaving->process[i].pidfd >= 0;
    }
    return left;
}

static const char *text_of(const rg_pidfile_entry_t *entries, int n, const char *service)
{
    for (int i = 0; i < n; i++)
        if (strcmp(entries[i].service, service) == 0) return entries[i].text;
    return "";
}

// What is left, with what the services last said: "trainer: stopping".
static void describe_left(const leaving_t *leaving, const rg_config_t *config, char out[LEFT_SIZE])
{
    rg_pidfile_entry_t entries[RG_SERVICES];
    int n = rg_pidfile_read_entries(config, entries, RG_SERVICES);
    *out = 0;
    for (int i = leaving->supervised; i < leaving->n; i++) {
        size_t used = strlen(out);
        const char *text = text_of(entries, n, leaving->process[i].name);
        if (leaving->process[i].pidfd < 0) continue;
        snprintf(out + used, LEFT_SIZE - used, "%s%s (pid %d)%s%.100s", used ? ", " : "",
                 leaving->process[i].name, (int)leaving->process[i].pid, *text ? ": " : "", text);
    }
    if (!*out) snprintf(out, LEFT_SIZE, "the supervisor");
}

static void show_left(rg_progress_bar_t *progress, const char *left, double waited_s)
{
    char note[LEFT_SIZE + 128];
    snprintf(note, sizeof note, "%.0f s, still running: %s%s", waited_s, left,
             waited_s > HINT_S ? "; `rg-ctl down --force' kills what is left" : "");
    rg_progress_bar_show(progress, &(rg_progress_line_t){.rate = -1, .left_s = -1, .note = note});
}

static int wait_until_gone(leaving_t *leaving, const rg_options_t *options)
{
    const double since_s = rg_clock_s();
    char left[LEFT_SIZE];
    rg_progress_bar_t progress;
    int err = 0;
    rg_progress_bar_init(&progress, "down", "services", options->json);
    while (!err && count_left(leaving) > 0) {
        describe_left(leaving, &options->config, left);
        if (atomic_load(rg_interrupted()))
            err = rg_fail(RG_ESTOPPED, "interrupted; still running, and going to stop: %s", left);
        else
            show_left(&progress, left, rg_clock_s() - since_s);
    }
    rg_progress_bar_clear(&progress);
    return err;
}

static void close_leaving(leaving_t *leaving)
{
    for (int i = 0; i < leaving->n; i++)
        if (leaving->process[i].pidfd >= 0) close(leaving->process[i].pidfd);
}

static int find_leaving(leaving_t *leaving, const rg_config_t *config)
{
    leaving_t services = {0};
    pid_t pid;
    int pidfd;
    find_services(&services, config); // first: rg_pidfile_owner removes a file that is left over
    int err = rg_pidfile_owner(config, &pid, &pidfd);
    if (!err) leaving_add(leaving, "supervisor", pid, pidfd);
    leaving->supervised = !err;
    for (int i = 0; i < services.n; i++)
        leaving_add(leaving, services.process[i].name, services.process[i].pid, services.process[i].pidfd);
    return err == RG_ENOENT ? 0 : err;
}

static int down_run(const rg_options_t *options, const void *input)
{
    const down_t *own = input;
    leaving_t leaving = {0};
    rg_interrupted();
    int err = find_leaving(&leaving, &options->config), none = leaving.n == 0;
    int pid = none ? 0 : (int)leaving.process[0].pid;
    if (!err && !none) err = send_signals(&leaving, own->force);
    if (!err && !none) err = wait_until_gone(&leaving, options);
    close_leaving(&leaving);
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
