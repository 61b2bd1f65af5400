// rg-ctl up: starts the services on this machine.
//
// up forks the supervisor (supervisor.h), which starts the services and reports on a pipe what they do: that
// they load, are ready, cannot do their work, or ended. up waits until all are ready, however long they load.
// A service that does not run at all ends the wait, and the supervisor stops everything. A service that runs
// but cannot do its work ends the wait, too, but all services keep running. What a killed supervisor left behind
// ends first.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/config/services.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/data/dataset.h"
#include "common/wire/wire.h"
#include "services/ctl/caller.h"
#include "services/ctl/command.h"
#include "services/ctl/leaving.h"
#include "services/ctl/output.h"
#include "services/ctl/service_log.h"
#include "services/ctl/supervisor.h"

enum {
    SILENT_S = 60,   // until a service listens
    STOPPING_S = 20, // until services that were just started have stopped
    STEP_MS = 100,
    PAGE_MS = 5000
};

typedef struct {
    unsigned only; // mask of services; 0: all
    int foreground;
} up_t;

static int up_read_only(void *field, const char *text)
{
    return rg_services_parse(text, field);
}

static const rg_command_option_t up_options[] = {
    {"only", 'o', "SERVICE,...", "Start only these: retrieval, encoder, loader, trainer, evaluator, gateway",
     RG_OPTION_READ(up_t, only, up_read_only)},
    {"foreground", 'f', NULL, "Stay attached; SIGINT or SIGTERM stops the services",
     RG_OPTION_FLAG(up_t, foreground)},
    {0},
};

// Finds the folder of this executable, which holds the services' executables as well.
static int find_folder(unsigned services, char folder[4096])
{
    char path[4096 + 32];
    ssize_t n = readlink("/proc/self/exe", folder, 4095);
    if (n < 0) return rg_fail_errno(RG_EIO, "/proc/self/exe: cannot read");
    folder[n] = 0;
    *strrchr(folder, '/') = 0;
    for (int i = 0; i < RG_SERVICES; i++) {
        if (!(services & 1u << i)) continue;
        snprintf(path, sizeof path, "%s/rg-%s", folder, rg_services_name(i));
        if (access(path, X_OK) != 0)
            return rg_fail_errno(RG_ENOENT, "%s: cannot run; it must lie beside rg-ctl", path);
    }
    return 0;
}

// In another directory than the configuration is meant for, its relative paths would make an empty run.
static int check_data(const rg_config_t *config, unsigned services)
{
    for (int i = 0; i < RG_SERVICES; i++)
        if (services & 1u << i && strcmp(rg_services_name(i), "loader") == 0) return rg_dataset_check(config);
    return 0;
}

// ---- waiting until each service is ready

typedef struct {
    int wanted, is_ready;
    char text[RG_NAME_SIZE]; // what the service does: "loading, 34 %"; "": it has not said anything yet
} starting_t;

typedef struct {
    const rg_options_t *options;
    int report; // pipe
    char line[RG_REPORT_TEXT + 128];
    size_t length; // of the line so far
    starting_t service[RG_SERVICES];
    int failed; // a service runs but cannot do its work
    rg_progress_bar_t progress;
} up_wait_t;

static void print_ready(const up_wait_t *wait, const char *service, int pid)
{
    if (wait->options->json) {
        rg_output_json(json_pack("{s:s, s:i}", "service", service, "pid", pid));
        return;
    }
    printf("%-10s ready (pid %d)\n", service, pid);
    fflush(stdout);
}

static int fail_not_ready(const char *service, const char *text)
{
    return rg_fail(RG_EREMOTE, "the %s %s; the services keep running: `rg-ctl status' shows when it is ready",
                   service, text);
}

// Follows one line of the report.
static int follow_line(up_wait_t *wait, char *line)
{
    char kind[16], name[RG_NAME_SIZE];
    int pid, at = 0;
    if (sscanf(line, "%15s %63s %d %n", kind, name, &pid, &at) != 3 || !at) return 0;
    int number = rg_services_find(name);
    if (number < 0) return 0;
    starting_t *service = &wait->service[number];
    rg_progress_bar_clear(&wait->progress);
    snprintf(service->text, sizeof service->text, "%s", line + at);
    if (strcmp(kind, "over") == 0) return rg_fail(RG_EREMOTE, "%s", line + at);
    if (strcmp(kind, "failed") == 0) {
        wait->failed = 1;
        return fail_not_ready(name, line + at);
    }
    if (strcmp(kind, "died") == 0) fprintf(stderr, "rg-ctl: %s\n", line + at);
    if (strcmp(kind, "ready") == 0 && !service->is_ready) print_ready(wait, name, pid);
    service->is_ready = strcmp(kind, "ready") == 0;
    return 0;
}

static int fail_supervisor(const rg_config_t *config)
{
    char log[RG_PATH_SIZE];
    rg_service_log_path(config, "supervisor", log);
    return rg_fail(RG_EREMOTE, "the supervisor ended: see %s", log);
}

// Reads what the report has now and follows its whole lines.
static int follow_report(up_wait_t *wait)
{
    size_t capacity = sizeof wait->line - 1 - wait->length;
    ssize_t n = read(wait->report, wait->line + wait->length, capacity);
    if (n <= 0) return n < 0 && errno == EINTR ? 0 : fail_supervisor(&wait->options->config);
    wait->line[wait->length += (size_t)n] = 0;
    int err = 0;
    for (char *end; !err && (end = strchr(wait->line, '\n')) != NULL;) {
        *end = 0;
        err = follow_line(wait, wait->line);
        wait->length -= (size_t)(end + 1 - wait->line);
        memmove(wait->line, end + 1, wait->length + 1);
    }
    if (wait->length == sizeof wait->line - 1) wait->length = 0; // longer than any line of a supervisor
    return err;
}

// Shows what the services do that are not ready yet.
static void show_starting(up_wait_t *wait, int n_ready, int n_wanted)
{
    char note[RG_PROGRESS_SIZE] = "";
    for (int i = 0; i < RG_SERVICES; i++) {
        const starting_t *service = &wait->service[i];
        size_t n = strlen(note);
        if (!service->wanted || service->is_ready) continue;
        snprintf(note + n, sizeof note - n, "%s%s: %s", n ? "; " : "", rg_services_name(i),
                 *service->text ? service->text : "starting");
    }
    rg_progress_bar_show(
        &wait->progress,
        &(rg_progress_line_t){
            .done = (uint64_t)n_ready, .total = (uint64_t)n_wanted, .rate = -1, .left_s = -1, .note = note});
}

// A service speaks as soon as it listens, which takes a moment.
static int check_silent(const up_wait_t *wait, double since_s)
{
    if (rg_clock_s() - since_s < SILENT_S) return 0;
    for (int i = 0; i < RG_SERVICES; i++)
        if (wait->service[i].wanted && !*wait->service[i].text)
            return rg_fail(RG_ETIMEOUT, "the %s has not begun to listen after %d s: see its log in %s/logs",
                           rg_services_name(i), SILENT_S, wait->options->config.run);
    return 0;
}

static int wait_until_ready(up_wait_t *wait)
{
    const double since_s = rg_clock_s();
    for (;;) {
        int n_ready = 0, n_wanted = 0;
        for (int i = 0; i < RG_SERVICES; i++) {
            n_wanted += wait->service[i].wanted;
            n_ready += wait->service[i].is_ready;
        }
        if (n_ready == n_wanted) return 0;
        show_starting(wait, n_ready, n_wanted);
        struct pollfd readable = {.fd = wait->report, .events = POLLIN};
        int events = poll(&readable, 1, STEP_MS), err = 0;
        if (atomic_load(rg_interrupted())) return rg_fail(RG_ESTOPPED, "interrupted");
        if (events > 0) err = follow_report(wait);
        if (!err) err = check_silent(wait, since_s);
        if (err) return err;
    }
}

// Where the page is, as the gateway says.
static void print_page(const rg_options_t *options)
{
    const rg_wire_options_t wire = rg_wire_options(&options->config);
    rg_link_t *link;
    rg_msg_t *request, *reply = NULL;
    if (options->json ||
        rg_link_new(&link, &wire, "gateway", options->config.endpoints.gateway, rg_interrupted()) != 0)
        return;
    request = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REQUEST);
    int err = rg_link_ask(link, &request, &reply, PAGE_MS);
    if (!err && rg_msg_kind(reply) == RG__V1__ENVELOPE__BODY_STATUS_REPLY) {
        const char *page = rg_status_text(rg_msg_body(reply), "page"),
                   *token = rg_status_text(rg_msg_body(reply), "token");
        if (*page) rg_output_line("%-10s %s", "", page);
        if (*token) rg_output_line("%-10s it asks for the token in %s", "", token);
    }
    rg_msg_destroy(&reply);
    rg_link_destroy(&link);
}

// ---- up

// Services of a supervisor that was killed may still be stopping. Until they have ended, the store and the sockets
// are theirs.
static int wait_for_orphans(const rg_options_t *options)
{
    rg_leaving_t leaving;
    int err = 0;
    if (rg_leaving_find(&leaving, &options->config) == 0 && !leaving.supervised)
        err = rg_leaving_wait(&leaving, "up", options);
    rg_leaving_close(&leaving);
    return err;
}

// Waits for the end of the supervisor and passes SIGINT and SIGTERM on to it. The second one kills.
static int stay_attached(pid_t supervisor)
{
    int status, told = 0;
    while (waitpid(supervisor, &status, 0) < 0) { // a signal ends waitpid: SA_RESTART is not set
        if (atomic_exchange(rg_interrupted_flag(), 0)) kill(supervisor, told++ ? SIGUSR1 : SIGTERM);
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0
               ? 0
               : rg_fail(RG_EREMOTE, "the supervisor was killed, and the services with it");
}

// Stops all services. They were just started, so none has much to save: after a while they are killed.
static void stop_started(pid_t supervisor)
{
    int pidfd = pidfd_open(supervisor, 0);
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    kill(supervisor, SIGTERM);
    if (pidfd >= 0 && poll(&ended, 1, STOPPING_S * 1000) == 0) kill(supervisor, SIGUSR1);
    while (waitpid(supervisor, NULL, 0) < 0 && errno == EINTR) continue;
    if (pidfd >= 0) close(pidfd);
}

static int wait_for_services(const rg_options_t *options, unsigned services, int report, int *failed)
{
    up_wait_t wait = {.options = options, .report = report};
    for (int i = 0; i < RG_SERVICES; i++) wait.service[i].wanted = services >> i & 1;
    rg_progress_bar_init(&wait.progress, "up", "services", options->json);
    int err = wait_until_ready(&wait);
    rg_progress_bar_clear(&wait.progress);
    *failed = wait.failed;
    return err;
}

static int up_run(const rg_options_t *options, const void *input)
{
    const up_t *own = input;
    char folder[4096];
    unsigned services = own->only ? own->only : rg_services_all(&options->config);
    pid_t supervisor;
    int report, failed = 0;
    int err = rg_services_check(&options->config, services);
    if (!err) err = check_data(&options->config, services);
    if (!err) err = find_folder(services, folder);
    if (err) return err;
    rg_supervisor_spec_t spec = {
        .options = options, .folder = folder, .services = services, .attached = own->foreground};
    rg_interrupted();
    if ((err = wait_for_orphans(options)) != 0) return err;
    if ((err = rg_supervisor_start(&spec, &supervisor, &report)) != 0) return err;
    rg_failure_t failure = {0};
    rg_failure_keep(&failure, wait_for_services(options, services, report, &failed));
    close(report);
    if (!failure.err && services & 1u << RG_GATEWAY) print_page(options);
    if (failure.err && !failed) stop_started(supervisor);
    if (own->foreground && failed) fprintf(stderr, "rg-ctl: %s\n", failure.sentence);
    if (own->foreground && (failed || !failure.err)) return stay_attached(supervisor);
    return rg_failure_raise(&failure);
}

const rg_command_t rg_command_up = {
    .name = "up",
    .summary = "Start the services on this machine and keep them running",
    .help =
        "Starts all services, or those of --only, and returns when each of them is ready, however long they "
        "load. A supervisor process keeps running; it restarts a service that ends. If a service cannot "
        "start, or ends five times in a row before it is ready, its own error is printed, the exit code is "
        "1, "
        "and nothing is left running. If a service starts but cannot do its work, for example because "
        "the data set cannot be read, its error is printed and the exit code is 1; all services keep "
        "running. Loader and retrieval service try again by themselves; an encoder waits for a "
        "checkpoint.\n\n"
        "The logs are RUN/logs/SERVICE.log, where RUN is the key `run' of the configuration. `rg-ctl "
        "down' stops everything. Relative paths of the configuration begin in the current directory.",
    .examples = "  rg-ctl up --config configs/smoke.yaml\n"
                "  rg-ctl up --config configs/faces32.yaml --set threads=4\n"
                "  rg-ctl up --config configs/smoke.yaml --only retrieval,encoder\n",
    .options = up_options,
    .size = sizeof(up_t),
    .config = RG_COMMAND_CONFIGURED,
    .run = up_run,
};
