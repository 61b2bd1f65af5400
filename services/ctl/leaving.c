#include "services/ctl/leaving.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "common/core/clock.h"
#include "common/core/err.h"
#include "services/ctl/caller.h"
#include "services/ctl/output.h"
#include "services/ctl/pidfile.h"

enum { LOOK_MS = 250, HINT_S = 20, LEFT_SIZE = 2048 };

static void leaving_add(rg_leaving_t *leaving, const char *name, pid_t pid, int pidfd)
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

static void find_services(rg_leaving_t *leaving, const rg_config_t *config)
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

int rg_leaving_find(rg_leaving_t *leaving, const rg_config_t *config)
{
    rg_leaving_t services = {0};
    *leaving = services;
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

// ---- waiting

// Waits a moment. Gives the number of processes that are left.
static int count_left(rg_leaving_t *leaving)
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
static void describe_left(const rg_leaving_t *leaving, const rg_config_t *config, char out[LEFT_SIZE])
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

int rg_leaving_wait(rg_leaving_t *leaving, const char *command, const rg_options_t *options)
{
    const double since_s = rg_clock_s();
    char left[LEFT_SIZE];
    rg_progress_bar_t progress;
    int err = 0;
    rg_progress_bar_init(&progress, command, "services", options->json);
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

void rg_leaving_close(rg_leaving_t *leaving)
{
    for (int i = 0; i < leaving->n; i++)
        if (leaving->process[i].pidfd >= 0) close(leaving->process[i].pidfd);
}
