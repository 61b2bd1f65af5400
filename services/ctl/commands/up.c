// rg-ctl up and rg-ctl down: start and stop the services on this machine.
//
// up forks the supervisor (supervisor.h), which starts the services. Then it asks each service for its status
// until the service answers and its parent is that supervisor. At the first failure it sends SIGTERM to the
// supervisor, which stops everything.
//
// down finds the supervisor by the file RUN/rg.pid (pidfile.h), sends it SIGTERM and waits for its end. It
// does both through a pidfd, which never means another process that got the same id.
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/config/services.h"
#include "common/core/err.h"
#include "common/data/dataset.h"
#include "common/wire/wire.h"
#include "services/ctl/caller.h"
#include "services/ctl/command.h"
#include "services/ctl/output.h"
#include "services/ctl/pidfile.h"
#include "services/ctl/supervisor.h"

enum {
    READY_S = 120, // for the first answer of a service
    STEP_MS = 50,
    DOWN_MS = 30000 // longer than the supervisor waits for its services
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

// ---- waiting until each service answers

// A service that was started, until its first answer. A service of another run directory may answer at the
// same endpoint. Ours then fails, because the endpoint is in use, and its sentence comes over the report
// pipe; until then the question is repeated.
typedef struct {
    rg_link_t *link;
    const rg_config_t *config;
    const char *name;
    pid_t supervisor;
    int json, ready, foreign; // foreign: another process answered
    rg_failure_t failure;     // no answer in time
} starting_t;

static pid_t parent_of(uint32_t pid)
{
    char path[32], text[512];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = 0;
    const char *name_end = strrchr(text, ')'); // pid (name) state parent ...
    return name_end && sscanf(name_end + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

static void print_ready(const starting_t *starting, const Rg__V1__StatusReply *status)
{
    if (starting->json) {
        rg_output_json(json_pack("{s:s, s:i}", "service", starting->name, "pid", (int)status->pid));
        return;
    }
    printf("%-10s ready (pid %u)\n", starting->name, status->pid);
    const char *page = rg_status_text(status, "page"), *token = rg_status_text(status, "token");
    if (*page) printf("%-10s %s\n", "", page); // the gateway's
    if (*token) printf("%-10s it asks for the token in %s\n", "", token);
    fflush(stdout);
}

static void up_take_status(void *self, int err, const rg_msg_t *reply)
{
    starting_t *starting = self;
    if (err == RG_ETIMEOUT) {
        err = rg_fail(err, "the %s does not answer after %d s: see its log in %s/logs", starting->name,
                      READY_S, starting->config->run);
        rg_failure_keep(&starting->failure, err);
        return;
    }
    const Rg__V1__StatusReply *status = err ? NULL : rg_msg_body(reply);
    starting->foreign = !status || rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_STATUS_REPLY ||
                        parent_of(status->pid) != starting->supervisor;
    if (starting->foreign) return;
    starting->ready = 1;
    print_ready(starting, status);
}

static void ask_whether_ready(starting_t *starting)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REQUEST);
    starting->foreign = 0;
    rg_link_send(starting->link, &request, READY_S * 1000, up_take_status, starting);
}

// Waits for the supervisor's report. A sentence is an error, and so is the end of the supervisor.
static int check_report(int report, int timeout_ms, const rg_config_t *config)
{
    char sentence[2048], log[RG_PATH_SIZE];
    struct pollfd readable = {.fd = report, .events = POLLIN};
    if (poll(&readable, 1, timeout_ms) <= 0) return 0;
    ssize_t n = read(report, sentence, sizeof sentence - 1);
    if (n > 0) {
        sentence[n] = 0;
        return rg_fail(RG_EREMOTE, "%s", sentence);
    }
    rg_supervisor_log(config, "supervisor", log);
    return rg_fail(RG_EREMOTE, "the supervisor ended: see %s", log);
}

static int wait_a_moment(starting_t *starting, int report)
{
    int err = rg_link_poll(starting->link, STEP_MS);
    if (!err) err = check_report(report, starting->foreign ? STEP_MS : 0, starting->config);
    if (!err) err = rg_failure_raise(&starting->failure);
    if (!err && starting->foreign) ask_whether_ready(starting);
    return err;
}

static int ask_services(const rg_supervisor_spec_t *spec, pid_t supervisor, starting_t starting[RG_SERVICES])
{
    const rg_config_t *config = &spec->options->config;
    const rg_wire_options_t wire = rg_wire_options(config);
    for (int i = 0; i < RG_SERVICES; i++) {
        if (!(spec->services & 1u << i)) continue;
        starting[i] = (starting_t){.config = config,
                                   .name = rg_services_name(i),
                                   .supervisor = supervisor,
                                   .json = spec->options->json};
        int err = rg_link_new(&starting[i].link, &wire, starting[i].name, rg_services_endpoint(config, i),
                              rg_interrupted());
        if (err) return err;
        ask_whether_ready(&starting[i]);
    }
    return 0;
}

static int wait_until_ready(const rg_supervisor_spec_t *spec, pid_t supervisor, int report)
{
    starting_t starting[RG_SERVICES] = {0};
    int err = ask_services(spec, supervisor, starting), left = 1;
    while (!err && left) {
        left = 0;
        for (int i = 0; i < RG_SERVICES && !err; i++) {
            if (!starting[i].link || starting[i].ready) continue;
            err = wait_a_moment(&starting[i], report);
            left += !starting[i].ready;
        }
    }
    for (int i = 0; i < RG_SERVICES; i++) rg_link_destroy(&starting[i].link);
    return err;
}

// ---- up

// Waits for the end of the supervisor and passes SIGINT and SIGTERM on to it.
static int stay_attached(pid_t supervisor)
{
    int status, told = 0;
    while (waitpid(supervisor, &status, 0) < 0) // a signal ends waitpid: SA_RESTART is not set
        if (atomic_load(rg_interrupted()) && !told++) kill(supervisor, SIGTERM);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0
               ? 0
               : rg_fail(RG_EREMOTE, "the supervisor was killed, and the services with it");
}

static int up_run(const rg_options_t *options, const void *input)
{
    const up_t *own = input;
    char folder[4096];
    unsigned services = own->only ? own->only : rg_services_all(&options->config);
    pid_t supervisor;
    int report;
    int err = rg_services_check(&options->config, services);
    if (!err) err = check_data(&options->config, services);
    if (!err) err = find_folder(services, folder);
    if (err) return err;
    rg_supervisor_spec_t spec = {
        .options = options, .folder = folder, .services = services, .attached = own->foreground};
    if ((err = rg_supervisor_start(&spec, &supervisor, &report)) != 0) return err;
    rg_failure_t failure = {0};
    rg_failure_keep(&failure, wait_until_ready(&spec, supervisor, report));
    close(report);
    if (!failure.err) return own->foreground ? stay_attached(supervisor) : 0;
    kill(supervisor, SIGTERM);
    waitpid(supervisor, NULL, 0);
    return rg_failure_raise(&failure);
}

const rg_command_t rg_command_up = {
    .name = "up",
    .summary = "Start the services on this machine and keep them running",
    .help =
        "Starts all services, or those of --only, and returns when each of them answers. A supervisor "
        "process "
        "keeps running; it restarts a service that ends. If a service cannot start, its own error is printed "
        "and nothing is left running.\n\n"
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

// ---- down

static int down_stop(const rg_config_t *config, pid_t pid, int pidfd)
{
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    if (pidfd_send_signal(pidfd, SIGTERM, NULL, 0) != 0) return 0; // it has ended by itself
    if (poll(&ended, 1, DOWN_MS) == 1) return 0;
    return rg_fail(RG_ETIMEOUT, "the supervisor (pid %d) did not end within %d s: see %s/logs", (int)pid,
                   DOWN_MS / 1000, config->run);
}

static int down_run(const rg_options_t *options, const void *own)
{
    pid_t pid = 0;
    int pidfd = -1, err = rg_pidfile_owner(&options->config, &pid, &pidfd), none = err == RG_ENOENT;
    (void)own;
    if (err && !none) return err;
    if (!none) {
        err = down_stop(&options->config, pid, pidfd);
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
    .help = "Stops the services of the run directory and waits until they have ended. Nothing that was "
            "acknowledged is lost. An interrupted training goes on where it was with the next `up' and "
            "`train'.",
    .examples = "  rg-ctl down --config configs/smoke.yaml\n",
    .config = RG_COMMAND_CONFIGURED,
    .run = down_run,
};
