// The supervisor is a process that `rg-ctl up` forks. The services are its children:
//
//     rg-ctl up ──fork──► supervisor ──fork, exec──► rg-retrieval, rg-encoder, rg-loader, ...
//         ▲                   │
//         └── report pipe ◄───┘  one sentence if a service cannot start
//
// Signals. The supervisor blocks SIGCHLD, SIGTERM and SIGINT and reads them from a signalfd, so its loop
// waits for one descriptor and nothing runs in a signal handler.
//   SIGCHLD          a service ended: collect it (waitpid) and plan its restart
//   SIGTERM, SIGINT  stop: send SIGTERM to all services, and SIGKILL after patience_s to those still alive;
//                    the supervisor ends after the last of them
//
// Restarts. A service that ends is started again after pause_min_s. If it ends within young_s of a restart,
// the pause doubles, up to pause_max_s, so a service that keeps failing does not use up the machine. Only a
// failure at the very first start is different: `up` still waits then, so the supervisor sends it the
// service's last log line and stops everything.
//
// Sudden death. Each service asks the kernel for SIGTERM when its parent dies (PR_SET_PDEATHSIG), so kill -9
// of the supervisor leaves no service behind. The lock on RUN/rg.pid (pidfile.h) is taken before the fork,
// and the supervisor inherits it; the kernel drops it when the supervisor ends, however it ends.
#include "services/ctl/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/config/services.h"
#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/log.h"
#include "services/ctl/pidfile.h"

static const double pause_min_s = 0.2, pause_max_s = 5, young_s = 10, patience_s = 20;

typedef struct {
    const char *name;
    pid_t pid; // 0: not running
    int starts;
    double started_s, pause_s, restart_s; // restart_s: when to start it again, if it is not running
} child_t;

typedef struct {
    const rg_supervisor_spec_t *spec;
    child_t child[RG_SERVICES];
    int n;
    int signals; // signalfd
    int report;  // pipe to `up`; -1 once it is closed
    int stopping;
    double kill_s; // while stopping: when to send SIGKILL; 0: sent already
} supervisor_t;

void rg_supervisor_log(const rg_config_t *config, const char *name, char out[RG_PATH_SIZE])
{
    char file[RG_NAME_SIZE];
    snprintf(file, sizeof file, "logs/%s.log", name);
    rg_config_path(config, file, out);
}

// Standard input reads nothing; standard output and error are appended to the log.
static int redirect(const rg_config_t *config, const char *name)
{
    char path[RG_PATH_SIZE];
    rg_supervisor_log(config, name, path);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (nothing < 0 || log < 0) return rg_fail_errno(RG_EIO, "%s: cannot open", path);
    dup2(nothing, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    close(nothing);
    close(log);
    return 0;
}

// In the forked child: turns it into the service.
__attribute__((noreturn)) static void exec_service(const rg_supervisor_spec_t *spec, const char *name,
                                                   pid_t supervisor)
{
    char path[4096];
    const rg_options_t *options = spec->options;
    const char *argv[4 + 2 * RG_SETS_MAX];
    int n = 0;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != supervisor) _exit(1); // the supervisor died before the line above
    if (redirect(&options->config, name) != 0) _exit(1);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
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

static void start_service(supervisor_t *self, child_t *child)
{
    pid_t supervisor = getpid(), pid = fork();
    if (pid == 0) exec_service(self->spec, child->name, supervisor);
    child->started_s = rg_clock_s();
    if (pid < 0) {
        child->restart_s = child->started_s + pause_max_s;
        rg_log(RG_LOG_ERROR, "fork-failed", "service=%s reason=\"%s\"", child->name, strerror(errno));
        return;
    }
    child->pid = pid;
    child->starts++;
    rg_log(RG_LOG_INFO, "started", "service=%s pid=%d starts=%d", child->name, (int)pid, child->starts);
}

static void stop_all(supervisor_t *self)
{
    if (self->stopping) return;
    self->stopping = 1;
    self->kill_s = rg_clock_s() + patience_s;
    for (int i = 0; i < self->n; i++)
        if (self->child[i].pid) kill(self->child[i].pid, SIGTERM);
}

// Reads the end of a log, at most size - 1 bytes.
static void read_tail(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t length = fd < 0 ? 0 : lseek(fd, 0, SEEK_END), most = (off_t)size - 1;
    ssize_t n = length > 0 ? pread(fd, out, size - 1, length > most ? length - most : 0) : 0;
    if (fd >= 0) close(fd);
    out[n > 0 ? n : 0] = 0;
}

// Why a service failed: the error="..." of its last log line, or the whole line, as a sentence. free() it.
static char *describe_failure(const rg_config_t *config, const char *name)
{
    char path[RG_PATH_SIZE], tail[2048];
    rg_supervisor_log(config, name, path);
    read_tail(path, tail, sizeof tail);
    for (size_t n = strlen(tail); n > 0 && tail[n - 1] == '\n';) tail[--n] = 0;
    char *line = strrchr(tail, '\n');
    line = line ? line + 1 : tail;
    char *error = strstr(line, " error=\""), *end = error ? strrchr(error, '"') : NULL;
    if (error) {
        line = error + strlen(" error=\"");
        if (end >= line) *end = 0;
    }
    return rg_format("the %s failed: %s (log: %s)", name, line, path);
}

// If this service failed at its first start, tells the `up` that still waits. Returns 1 if `up` was told.
static int report_failure(supervisor_t *self, const child_t *child, int status)
{
    if (self->report < 0 || child->starts > 1 || !WIFEXITED(status) || WEXITSTATUS(status) == 0) return 0;
    char *sentence = describe_failure(&self->spec->options->config, child->name);
    ssize_t n = write(self->report, sentence, strlen(sentence));
    free(sentence);
    close(self->report);
    self->report = -1;
    return n > 0; // EPIPE: `up` has ended, so every service had answered
}

static void plan_restart(supervisor_t *self, child_t *child, int status)
{
    double now = rg_clock_s();
    child->pid = 0;
    rg_log(self->stopping ? RG_LOG_INFO : RG_LOG_WARN, "ended", "service=%s %s=%d", child->name,
           WIFSIGNALED(status) ? "signal" : "exit",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    if (self->stopping) return;
    if (report_failure(self, child, status)) {
        stop_all(self);
        return;
    }
    int young = child->starts > 1 && now - child->started_s < young_s;
    child->pause_s = young ? 2 * child->pause_s : pause_min_s;
    if (child->pause_s > pause_max_s) child->pause_s = pause_max_s;
    child->restart_s = now + child->pause_s;
}

static void collect_ended(supervisor_t *self)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        for (int i = 0; i < self->n; i++)
            if (self->child[i].pid == pid) plan_restart(self, &self->child[i], status);
}

static void read_signals(supervisor_t *self)
{
    struct signalfd_siginfo info;
    while (read(self->signals, &info, sizeof info) == sizeof info)
        if (info.ssi_signo != SIGCHLD) stop_all(self);
    collect_ended(self);
}

// Starts services whose pause is over, and kills those that do not end in time. Returns the milliseconds
// until this is to be called again; -1: when a signal comes.
static int do_what_is_due(supervisor_t *self)
{
    double now = rg_clock_s(), next = -1;
    for (int i = 0; i < self->n && !self->stopping; i++) {
        child_t *child = &self->child[i];
        if (!child->pid && child->restart_s <= now) start_service(self, child);
        if (!child->pid && (next < 0 || child->restart_s < next)) next = child->restart_s;
    }
    if (self->stopping && self->kill_s > 0) {
        next = self->kill_s;
        for (int i = 0; i < self->n && now >= self->kill_s; i++)
            if (self->child[i].pid) kill(self->child[i].pid, SIGKILL);
        if (now >= self->kill_s) self->kill_s = 0;
    }
    return next < 0 ? -1 : next <= now ? 0 : (int)(1000 * (next - now)) + 1;
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
        struct pollfd ready = {.fd = self->signals, .events = POLLIN};
        int wait = do_what_is_due(self);
        if (poll(&ready, 1, wait) > 0) read_signals(self);
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
    if (!spec->attached && (setsid() < 0 || redirect(config, "supervisor") != 0)) _exit(1);
    sigemptyset(&mine);
    sigaddset(&mine, SIGCHLD);
    sigaddset(&mine, SIGTERM);
    sigaddset(&mine, SIGINT);
    sigprocmask(SIG_BLOCK, &mine, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (spec->attached) prctl(PR_SET_PDEATHSIG, SIGTERM);
    self.signals = signalfd(-1, &mine, SFD_NONBLOCK | SFD_CLOEXEC);
    if (self.signals < 0 || rg_pidfile_write(pidfile) != 0) _exit(1);
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
    if ((err = rg_mkdirs(logs)) != 0) goto out;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        err = rg_fail_errno(RG_ELIMIT, "cannot make a pipe");
        goto out;
    }
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
