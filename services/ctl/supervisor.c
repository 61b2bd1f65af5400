// The supervisor is a process that `rg-ctl up` forks. The services are its children:
//
//     rg-ctl up ──fork──► supervisor ──fork, exec──► rg-retrieval, rg-encoder, rg-loader, ...
//         ▲                   │  ▲                          │
//         └── report pipe ◄───┘  └──── notices (state) ◄────┘
//
// Events. The supervisor blocks its signals and reads them from a signalfd; services send notices to a socket
// (notices.h). So its loop waits for two descriptors, and nothing runs in a signal handler.
//   SIGCHLD          a service ended: collect it (waitpid), report why, plan its restart
//   SIGTERM, SIGINT  stop: send SIGTERM to all services and wait for them, as long as they need
//   SIGUSR1          the same, but with SIGKILL
//   a notice         the new state of a service, which is reported
//
// Restarts. A service that ends is started again at once. If it ends again within young_s of its start, or was
// not ready twice in a row, it waits for pause_min_s, and each time for twice as long, up to pause_max_s, so a
// service that keeps failing does not use up the machine. A service that ends DEATHS_MAX times in a row
// without having been ready is given up. Failures while `up` waits are different: if a service is given up, or
// ends by itself with an error at its first start, everything is stopped.
//
// Logs. Every ROTATE_EVERY_MS logs that are too large are rotated (service_log.h).
//
// Sudden death. Each service asks the kernel for SIGTERM when its parent dies (PR_SET_PDEATHSIG), so kill -9
// of the supervisor leaves no service behind. The lock on RUN/rg.pid (pidfile.h) is taken before the fork,
// and the supervisor inherits it; the kernel drops it when the supervisor ends, however it ends.
// RUN/rg.services lists the services with their process ids and states, for `rg-ctl down`.
#include "services/ctl/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/config/services.h"
#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/log.h"
#include "services/ctl/notices.h"
#include "services/ctl/pidfile.h"
#include "services/ctl/service_log.h"

enum { DEATHS_MAX = 5, ROTATE_EVERY_MS = 2000 };
static const double pause_min_s = 1, pause_max_s = 60, young_s = 5;

typedef struct {
    const char *name;
    pid_t pid; // 0: not running
    int starts;
    int was_ready;                        // since its last start
    int deaths;                           // in a row, without having been ready
    int given_up;                         // 1: it is not started again
    double started_s, pause_s, restart_s; // restart_s: when to start it again, if it is not running
    char state[RG_NOTICE_STATE], text[RG_NOTICE_TEXT]; // as it told last; text: or why it ended
} child_t;

typedef struct {
    const rg_supervisor_spec_t *spec;
    child_t child[RG_SERVICES];
    int n;
    int signals; // signalfd
    int report;  // pipe to `up`; -1 once it is closed
    int entries; // RUN/rg.services
    int notices; // socket
    char notices_name[RG_NOTICE_NAME];
    double rotate_ms; // when to look at the logs' sizes again
    int stopping;
} supervisor_t;

// In the forked child: turns it into the service.
__attribute__((noreturn)) static void exec_service(const supervisor_t *self, const char *name,
                                                   pid_t supervisor)
{
    char path[4096];
    const rg_supervisor_spec_t *spec = self->spec;
    const rg_options_t *options = spec->options;
    const char *argv[4 + 2 * RG_SETS_MAX];
    int n = 0;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != supervisor) _exit(1); // the supervisor died before the line above
    if (rg_service_log_redirect(&options->config, name) != 0) _exit(1);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setenv("NOTIFY_SOCKET", self->notices_name, 1);
    // The services share the cores, so a compute thread that waits for another gives up its core after some
    // microseconds instead of milliseconds. That costs nothing when a service computes alone, and makes
    // encoder and trainer half again as fast when both compute.
    setenv("GOMP_SPINCOUNT", "2000", 0);
    // An approximate index reads vectors from everywhere in its memory; large pages make it a quarter faster.
    if (strcmp(name, "retrieval") == 0) setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1", 0);
    snprintf(path, sizeof path, "%s/rg-%s", spec->folder, name);
    argv[n++] = path;
    argv[n++] = "--config";
    argv[n++] = options->path;
    for (int i = 0; i < options->n_set; i++) {
        argv[n++] = "--set";
        argv[n++] = options->set[i];
    }
    argv[n] = NULL;
    execv(path, (char *const *)argv);
    fprintf(stderr, "%s: cannot run: %s\n", path, strerror(errno));
    _exit(127);
}

// ---- reports

// Writes the processes of the services and what they do into RUN/rg.services.
static void note_states(const supervisor_t *self)
{
    rg_pidfile_entry_t entries[RG_SERVICES];
    for (int i = 0; i < self->n; i++) {
        const child_t *child = &self->child[i];
        entries[i] = (rg_pidfile_entry_t){.pid = child->pid};
        snprintf(entries[i].service, sizeof entries[i].service, "%s", child->name);
        snprintf(entries[i].text, sizeof entries[i].text, "%s", child->text);
    }
    rg_pidfile_write_entries(self->entries, entries, self->n);
}

// Sends a line to the `up` that waits. Returns 1 if there is one.
static int report(supervisor_t *self, const char *kind, const child_t *child, const char *text)
{
    if (self->report < 0) return 0;
    char *line = rg_format("%s %s %d %.*s\n", kind, child->name, (int)child->pid, RG_REPORT_TEXT, text);
    ssize_t n = write(self->report, line, strlen(line));
    int gone = n < 0 && errno == EPIPE;
    free(line);
    if (gone) close(self->report);
    if (gone) self->report = -1;
    return !gone;
}

static void set_state(supervisor_t *self, child_t *child, const char *state, const char *text)
{
    snprintf(child->state, sizeof child->state, "%s", state);
    snprintf(child->text, sizeof child->text, "%s", text);
    note_states(self);
}

// ---- starting and stopping

static void start_service(supervisor_t *self, child_t *child)
{
    pid_t supervisor = getpid(), pid = fork();
    if (pid == 0) exec_service(self, child->name, supervisor);
    child->started_s = rg_clock_s();
    child->was_ready = 0;
    if (pid < 0) {
        child->restart_s = child->started_s + pause_max_s;
        rg_log(RG_LOG_ERROR, "fork-failed", "service=%s reason=\"%s\"", child->name, strerror(errno));
        return;
    }
    child->pid = pid;
    child->starts++;
    set_state(self, child, "starting", "starting");
    rg_log(RG_LOG_INFO, "started", "service=%s pid=%d starts=%d", child->name, (int)pid, child->starts);
}

static void signal_all(const supervisor_t *self, int signal)
{
    for (int i = 0; i < self->n; i++)
        if (self->child[i].pid) kill(self->child[i].pid, signal);
}

static void stop_all(supervisor_t *self)
{
    if (!self->stopping) signal_all(self, SIGTERM);
    self->stopping = 1;
}

// ---- the end of a service

// Why a service ended, as a sentence. free() it.
static char *describe_end(const supervisor_t *self, const child_t *child, int status)
{
    char path[RG_PATH_SIZE], *sentence;
    rg_service_log_path(&self->spec->options->config, child->name, path);
    char *words = rg_service_log_last_words(path);
    if (WIFSIGNALED(status))
        sentence =
            rg_format("the %s was killed by SIG%s%s; the last line of its log is: %s (log: %s)", child->name,
                      sigabbrev_np(WTERMSIG(status)),
                      WTERMSIG(status) == SIGKILL ? " (is there too little memory?)" : "", words, path);
    else if (WEXITSTATUS(status) == 0)
        sentence = rg_format("the %s ended: %s (log: %s)", child->name, words, path);
    else
        sentence = rg_format("the %s failed: %s (log: %s)", child->name, words, path);
    free(words);
    for (char *c = sentence; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) *c = ' ';
    return sentence;
}

// Reports that a service will not run. If `up` still waits, it fails, and everything is stopped.
static void give_up(supervisor_t *self, child_t *child, const char *sentence)
{
    child->given_up = 1;
    rg_log(RG_LOG_ERROR, "given-up", "service=%s error=\"%s\"", child->name, sentence);
    if (report(self, "over", child, sentence)) stop_all(self);
}

static void plan_restart(supervisor_t *self, child_t *child, const char *sentence)
{
    double now = rg_clock_s();
    int young = child->deaths > 1 || (child->starts > 1 && now - child->started_s < young_s);
    child->pause_s = young ? fmin(fmax(2 * child->pause_s, pause_min_s), pause_max_s) : 0;
    child->restart_s = now + child->pause_s;
    char *note = child->pause_s > 0 ? rg_format("%s; it is started again in %.0f s", sentence, child->pause_s)
                                    : rg_format("%s; it is started again at once", sentence);
    report(self, "died", child, note);
    set_state(self, child, "dead", note);
    free(note);
}

static void follow_end(supervisor_t *self, child_t *child, int status)
{
    int first_failure = child->starts == 1 && !child->was_ready && WIFEXITED(status) && WEXITSTATUS(status);
    rg_log(self->stopping ? RG_LOG_INFO : RG_LOG_WARN, "ended", "service=%s %s=%d", child->name,
           WIFSIGNALED(status) ? "signal" : "exit",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    child->deaths = child->was_ready ? 0 : child->deaths + 1;
    child->pid = 0;
    if (self->stopping) {
        set_state(self, child, "stopped", "stopped");
        return;
    }
    char *sentence = describe_end(self, child, status);
    set_state(self, child, "dead", sentence);
    if ((first_failure && self->report >= 0) || child->deaths >= DEATHS_MAX) {
        char *whole =
            child->deaths < DEATHS_MAX
                ? rg_strdup(sentence)
                : rg_format("%s; it ended %d times in a row before it was ready, and is not started "
                            "again",
                            sentence, DEATHS_MAX);
        give_up(self, child, whole);
        free(whole);
    } else {
        plan_restart(self, child, sentence);
    }
    free(sentence);
}

static void collect_ended(supervisor_t *self)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        for (int i = 0; i < self->n; i++)
            if (self->child[i].pid == pid) follow_end(self, &self->child[i], status);
}

static void read_signals(supervisor_t *self)
{
    struct signalfd_siginfo info;
    while (read(self->signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo != SIGCHLD) stop_all(self);
        if (info.ssi_signo == SIGUSR1) signal_all(self, SIGKILL);
    }
    collect_ended(self);
}

static void take_notice(supervisor_t *self, const rg_notice_t *notice)
{
    for (int i = 0; i < self->n; i++) {
        child_t *child = &self->child[i];
        if (child->pid != notice->pid || !*notice->state) continue;
        set_state(self, child, notice->state, notice->text);
        if (strcmp(notice->state, "ready") == 0) child->was_ready = 1;
        if (child->was_ready) child->deaths = 0;
        report(self, notice->state, child, notice->text);
    }
}

static void read_notices(supervisor_t *self)
{
    rg_notice_t notice;
    while (rg_notices_read(self->notices, &notice)) take_notice(self, &notice);
}

// Starts services whose pause is over. Returns the milliseconds until this is to be called again; -1: when
// there is an event.
static int start_due(supervisor_t *self)
{
    double now = rg_clock_s(), next = -1;
    for (int i = 0; i < self->n && !self->stopping; i++) {
        child_t *child = &self->child[i];
        if (child->pid || child->given_up) continue;
        if (child->restart_s <= now) start_service(self, child);
        if (!child->pid && (next < 0 || child->restart_s < next)) next = child->restart_s;
    }
    return next < 0 ? -1 : next <= now ? 0 : (int)(1000 * (next - now)) + 1;
}

// Bounds the logs. Returns when to call it again, in milliseconds.
static int rotate_logs(supervisor_t *self)
{
    const rg_config_t *config = &self->spec->options->config;
    char path[RG_PATH_SIZE];
    double now = rg_clock_ms();
    if (now < self->rotate_ms) return (int)(self->rotate_ms - now) + 1;
    self->rotate_ms = now + ROTATE_EVERY_MS;
    for (int i = 0; i <= self->n; i++) {
        rg_service_log_path(config, i < self->n ? self->child[i].name : "supervisor", path);
        if (rg_service_log_rotate(path, RG_SERVICE_LOG_MAX) != 0)
            rg_log(RG_LOG_ERROR, "log-not-rotated", "error=\"%s\"", rg_error());
    }
    rg_log_settle(rg_clock_s());
    return ROTATE_EVERY_MS;
}

static int count_alive(const supervisor_t *self)
{
    int n = 0;
    for (int i = 0; i < self->n; i++) n += self->child[i].pid != 0;
    return n;
}

static void supervise(supervisor_t *self)
{
    for (int i = 0; i < RG_SERVICES; i++)
        if (self->spec->services & 1u << i) self->child[self->n++].name = rg_services_name(i);
    do {
        struct pollfd events[] = {{.fd = self->signals, .events = POLLIN},
                                  {.fd = self->notices, .events = POLLIN}};
        int start = start_due(self), rotate = rotate_logs(self);
        poll(events, 2, start >= 0 && start < rotate ? start : rotate);
        read_notices(self); // first: what a service told before it ended
        read_signals(self);
    } while (!self->stopping || count_alive(self));
}

// The supervisor process from fork to exit.
__attribute__((noreturn)) static void supervisor_main(const rg_supervisor_spec_t *spec, int pidfile,
                                                      int report)
{
    supervisor_t self = {.spec = spec, .report = report};
    const rg_config_t *config = &spec->options->config;
    sigset_t mine;
    rg_log_init("supervisor", RG_LOG_INFO);
    umask(077); // what it and the services write is its user's alone
    if (!spec->attached && (setsid() < 0 || rg_service_log_redirect(config, "supervisor") != 0)) _exit(1);
    sigemptyset(&mine);
    sigaddset(&mine, SIGCHLD);
    sigaddset(&mine, SIGTERM);
    sigaddset(&mine, SIGINT);
    sigaddset(&mine, SIGUSR1);
    sigprocmask(SIG_BLOCK, &mine, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (spec->attached) prctl(PR_SET_PDEATHSIG, SIGTERM);
    self.signals = signalfd(-1, &mine, SFD_NONBLOCK | SFD_CLOEXEC);
    if (self.signals < 0 || rg_pidfile_write(pidfile) != 0) _exit(1);
    if (rg_pidfile_open_entries(config, &self.entries) != 0) _exit(1);
    if (rg_notices_open(&self.notices, self.notices_name) != 0) _exit(1);
    supervise(&self);
    rg_pidfile_remove(config);
    rg_log(RG_LOG_INFO, "done", "run=%s", config->run);
    _exit(0);
}

int rg_supervisor_start(const rg_supervisor_spec_t *spec, pid_t *out_pid, int *out_report)
{
    char logs[RG_PATH_SIZE];
    int pidfile = -1, ends[2];
    int err = rg_pidfile_take(&spec->options->config, &pidfile);
    if (err) return err;
    rg_config_path(&spec->options->config, "logs", logs);
    if ((err = rg_mkdirs_private(logs)) != 0) goto out;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        err = rg_fail_errno(RG_ELIMIT, "cannot make a pipe");
        goto out;
    }
    // A supervisor never waits for an `up` that does not read.
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        supervisor_main(spec, pidfile, ends[1]);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        err = rg_fail_errno(RG_ELIMIT, "cannot fork");
    } else {
        *out_pid = pid;
        *out_report = ends[0];
    }
out:
    close(pidfile); // the supervisor's copy of the descriptor keeps the lock
    return err;
}
