// How a plan is carried out, run by run:
//
//   config.yaml         keeps what training depends on; a folder that is not new must agree with it
//   STAGE.safetensors   of the earlier stages become hard links to the checkpoints of the base
//   rg-ctl              up; train and evaluate, stage by stage; down
//   finished.yaml       is written with the whole configuration; a run that has the same one is skipped
#include "services/report/experiment/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/model/stage.h"

enum { PATH = 1024, CONFIG_BYTES_MAX = 1 << 20 };

extern char **environ;

// A run in progress.
typedef struct {
    const rg_runner_options_t *options;
    const rg_plan_t *plan;
    const rg_plan_run_t *run;
    const char *root;
    char folder[PATH / 2], log[PATH];
} work_t;

// ---- commands of rg-ctl

static void add_settings(const work_t *work, const char **args, int n)
{
    const rg_runner_options_t *options = work->options;
    if (options->config_path) args[n++] = "--config", args[n++] = options->config_path;
    for (int i = 0; i < options->n_set; i++) args[n++] = "--set", args[n++] = options->set[i];
    for (int i = 0; i < work->run->n_set; i++) args[n++] = "--set", args[n++] = work->run->set[i];
    args[n] = NULL;
}

// Standard output goes to the log. Progress, on standard error, stays on the terminal.
static int command_start(const work_t *work, const char *const *args, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, work->log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    int failed =
        posix_spawn(pid, work->options->program, &actions, NULL, (char *const *)(uintptr_t)args, environ);
    posix_spawn_file_actions_destroy(&actions);
    errno = failed;
    return failed ? rg_fail_errno(RG_EIO, "rg-ctl %s: cannot run", args[1]) : 0;
}

// Passes a signal on, in case it reached only this process.
static int command_wait(const work_t *work, pid_t pid, int *status)
{
    int told = 0;
    while (waitpid(pid, status, 0) < 0) {
        if (errno != EINTR) return rg_fail_errno(RG_EIO, "waitpid");
        if (atomic_load(work->options->interrupted) && !told++) kill(pid, SIGINT);
    }
    return 0;
}

static int fail_stopped(void)
{
    return rg_fail(RG_ESTOPPED, "stopped; run the same command again to continue");
}

// Runs rg-ctl COMMAND [--stage STAGE] with the settings of the run.
static int command_run(const work_t *work, const char *name, const char *stage)
{
    const size_t most = 2 * (size_t)(work->options->n_set + work->run->n_set) + 8;
    const char **args = rg_alloc(most * sizeof *args);
    int n = 0, status;
    pid_t pid;
    args[n++] = "rg-ctl", args[n++] = name;
    if (stage) args[n++] = "--stage", args[n++] = stage;
    add_settings(work, args, n);
    int err = command_start(work, args, &pid);
    free(args);
    if (!err) err = command_wait(work, pid, &status);
    if (err) return err;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
    if (atomic_load(work->options->interrupted)) return fail_stopped();
    return rg_fail(RG_EREMOTE, "%s: rg-ctl %s%s%s failed: see %s", work->run->folder, name,
                   stage ? " --stage " : "", stage ? stage : "", work->log);
}

// ---- the folder of a run

// The configuration of this run's services.
static int work_config(const work_t *work, rg_config_t *config)
{
    const char **set = rg_alloc((size_t)(work->options->n_set + work->run->n_set) * sizeof *set);
    int n = 0;
    for (int i = 0; i < work->options->n_set; i++) set[n++] = work->options->set[i];
    for (int i = 0; i < work->run->n_set; i++) set[n++] = work->run->set[i];
    int err = rg_config_load(config, work->options->config_path, set, n);
    free(set);
    return err;
}

// Resets to the defaults what training does not depend on.
static void keep_training(rg_config_t *config)
{
    rg_config_t fresh;
    rg_config_init(&fresh);
    config->evaluation = fresh.evaluation;
    config->endpoints = fresh.endpoints;
    config->security = fresh.security;
    config->http = fresh.http;
    config->limits = fresh.limits;
}

// The first line of b that is not a's.
static void find_difference(const char *a, const char *b, char *line, size_t size)
{
    size_t begin = 0;
    for (size_t i = 0; a[i] && a[i] == b[i]; i++)
        if (a[i] == '\n') begin = i + 1;
    const char *text = b + begin + strspn(b + begin, " ");
    snprintf(line, size, "%.*s", (int)strcspn(text, "\n"), text);
}

// Returns 1 if the file holds this text; else names the first line that differs, if the file exists.
static int file_says(const char *path, const char *text, char *difference, size_t size)
{
    unsigned char *there;
    size_t bytes;
    if (!rg_exists(path) || rg_file_read(path, CONFIG_BYTES_MAX, &there, &bytes) != 0) return 0;
    int same = strcmp((const char *)there, text) == 0;
    if (!same) find_difference((const char *)there, text, difference, size);
    free(there);
    return same;
}

// Stores the configuration in a new folder; an older folder must have been begun with the same one.
static int remember_config(const work_t *work, rg_config_t config)
{
    char path[PATH], line[128] = "";
    snprintf(path, sizeof path, "%s/config.yaml", work->folder);
    keep_training(&config);
    char *yaml = rg_config_dump(&config);
    int err = 0;
    if (!rg_exists(path))
        err = rg_file_write(path, yaml, strlen(yaml));
    else if (!file_says(path, yaml, line, sizeof line))
        err = rg_fail(RG_ECONFIG,
                      "%s was begun with another configuration (now `%s'): remove it, or use another run",
                      work->folder, line);
    free(yaml);
    return err;
}

static int is_same_file(const char *a, const char *b)
{
    struct stat of_a, of_b;
    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

// Links a checkpoint of the base into this folder: checkpoints are replaced and never overwritten, so a
// link is as good as a copy. An existing one must be the same file: pairs of rows need the same initial
// weights.
static int take_checkpoint(const work_t *work, const char *from, const char *stage)
{
    char source[PATH], target[PATH];
    snprintf(source, sizeof source, "%s/%s/%s.safetensors", work->root, from, stage);
    snprintf(target, sizeof target, "%s/%s.safetensors", work->folder, stage);
    if (link(source, target) == 0) return 0;
    if (errno != EEXIST) return rg_fail_errno(RG_EIO, "%s: cannot take it from %s", target, source);
    if (is_same_file(source, target)) return 0;
    return rg_fail(RG_EMODEL, "%s is no longer %s: remove %s", target, source, work->folder);
}

// Takes the earlier stages from the run that this one begins with.
static int take_stages(const work_t *work)
{
    int err = 0;
    if (work->run->from < 0) return 0;
    const char *from = work->plan->run[work->run->from].folder;
    for (int stage = RG_STAGE_CLASSIFIER; stage < work->run->first && !err; stage++)
        err = take_checkpoint(work, from, rg_stage_name(stage));
    return err;
}

// ---- a run

static int train_and_evaluate(const work_t *work)
{
    int err = 0;
    for (int stage = work->run->first; stage <= work->run->last && !err; stage++) {
        const char *name = rg_stage_name(stage);
        err = command_run(work, "train", name);
        if (!err) err = command_run(work, "evaluate", name);
    }
    return err;
}

// Stops the services also after an error, which is the one that is reported.
static int serve_run(const work_t *work)
{
    rg_failure_t failure = {0};
    int err = command_run(work, "up", NULL);
    if (err) return err;
    rg_failure_keep(&failure, train_and_evaluate(work));
    rg_failure_keep(&failure, command_run(work, "down", NULL));
    return rg_failure_raise(&failure);
}

// Does nothing if the run is finished with this configuration.
static int finish_run(const work_t *work, const char *yaml, int position)
{
    char path[PATH], line[128];
    snprintf(path, sizeof path, "%s/finished.yaml", work->folder);
    if (file_says(path, yaml, line, sizeof line)) return 0;
    if (!work->options->quiet)
        fprintf(stderr, "[%d/%d] %s\n", position + 1, work->plan->n, work->run->folder);
    int err = take_stages(work);
    if (!err) err = serve_run(work);
    return err ? err : rg_file_write(path, yaml, strlen(yaml));
}

static int carry_out_run(const work_t *work, int position)
{
    rg_config_t config;
    int err = work_config(work, &config);
    if (!err) err = rg_mkdirs(work->folder);
    if (!err) err = remember_config(work, config);
    if (err) return err;
    char *yaml = rg_config_dump(&config);
    err = finish_run(work, yaml, position);
    free(yaml);
    return err;
}

int rg_runner_run(const rg_runner_options_t *options, const rg_plan_t *plan, const char *root)
{
    int err = 0;
    for (int i = 0; i < plan->n && !err; i++) {
        work_t work = {.options = options, .plan = plan, .run = &plan->run[i], .root = root};
        snprintf(work.folder, sizeof work.folder, "%s/%s", root, work.run->folder);
        snprintf(work.log, sizeof work.log, "%s/log", work.folder);
        err = carry_out_run(&work, i);
        if (!err && atomic_load(options->interrupted)) err = fail_stopped();
    }
    return err;
}
