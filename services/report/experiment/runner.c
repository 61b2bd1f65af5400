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
#include "services/ctl/caller.h"
#include "common/model/stage.h"

enum { PATH = 1024, CONFIG_BYTES_MAX = 1 << 20, ARGS = 2 * (RG_SETS_MAX + RG_RUN_SETS) + 8 };

extern char **environ;

// One run at work.
typedef struct {
    const rg_options_t *options;
    const rg_plan_t *plan;
    const rg_run_t *run;
    const char *root;
    char folder[PATH / 2], log[PATH];
} work_t;

// ---- rg-ctl's own commands

static void add_settings(const work_t *work, const char **args, int n)
{
    const rg_options_t *options = work->options;
    if (options->path) args[n++] = "--config", args[n++] = options->path;
    for (int i = 0; i < options->n_set; i++) args[n++] = "--set", args[n++] = options->set[i];
    for (int i = 0; i < work->run->n_set; i++) args[n++] = "--set", args[n++] = work->run->set[i];
    args[n] = NULL;
}

// Standard output goes to the log; progress stays on the terminal.
static int start(const char *log, const char *const *args, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    int failed = posix_spawn(pid, "/proc/self/exe", &actions, NULL, (char *const *)(uintptr_t)args, environ);
    posix_spawn_file_actions_destroy(&actions);
    errno = failed;
    return failed ? rg_fail_errno(RG_EIO, "rg-ctl %s: cannot run", args[1]) : 0;
}

// A signal that reaches this process only is passed on.
static int wait_for(pid_t pid, int *status)
{
    int told = 0;
    while (waitpid(pid, status, 0) < 0) {
        if (errno != EINTR) return rg_fail_errno(RG_EIO, "waitpid");
        if (atomic_load(rg_interrupted()) && !told++) kill(pid, SIGINT);
    }
    return 0;
}

// rg-ctl COMMAND [--stage STAGE] with the run's settings.
static int command(const work_t *work, const char *name, const char *stage)
{
    const char *args[ARGS] = {"rg-ctl", name};
    int n = 2, status;
    pid_t pid;
    if (stage) args[n++] = "--stage", args[n++] = stage;
    add_settings(work, args, n);
    int err = start(work->log, args, &pid);
    if (!err) err = wait_for(pid, &status);
    if (err) return err;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
    if (atomic_load(rg_interrupted()))
        return rg_fail(RG_ESTOPPED, "stopped; the same command goes on from here");
    return rg_fail(RG_EREMOTE, "%s: rg-ctl %s%s%s failed: see %s", work->run->folder, name,
                   stage ? " --stage " : "", stage ? stage : "", work->log);
}

// ---- a folder

// The configuration that this run's services will have.
static int resolve(const work_t *work, rg_config_t *config)
{
    const char *set[RG_SETS_MAX + RG_RUN_SETS];
    int n = 0;
    for (int i = 0; i < work->options->n_set; i++) set[n++] = work->options->set[i];
    for (int i = 0; i < work->run->n_set; i++) set[n++] = work->run->set[i];
    return rg_config_load(config, work->options->path, set, n);
}

// What training does not depend on becomes the default.
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

// 1 if the file says this.
static int says(const char *path, const char *text, char *difference, size_t size)
{
    unsigned char *there;
    size_t bytes;
    if (!rg_exists(path) || rg_file_read(path, CONFIG_BYTES_MAX, &there, &bytes) != 0) return 0;
    int same = strcmp((const char *)there, text) == 0;
    if (!same) find_difference((const char *)there, text, difference, size);
    free(there);
    return same;
}

// A folder keeps to the configuration it was begun with, as far as training depends on it.
static int remember_config(const work_t *work, rg_config_t config)
{
    char path[PATH], line[128] = "";
    snprintf(path, sizeof path, "%s/config.yaml", work->folder);
    keep_training(&config);
    char *yaml = rg_config_dump(&config);
    int err = 0;
    if (!rg_exists(path))
        err = rg_file_write(path, yaml, strlen(yaml));
    else if (!says(path, yaml, line, sizeof line))
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

// Checkpoints are replaced and never written to, so another name for one is as good as a copy. One that is
// there already must be that one: a row that began with other weights would not be compared in pairs.
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

// The earlier stages, from the run that this one begins with.
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
        err = command(work, "train", name);
        if (!err) err = command(work, "evaluate", name);
    }
    return err;
}

// The services go down whatever happened; the first error counts.
static int serve(const work_t *work)
{
    char sentence[512];
    int err = command(work, "up", NULL);
    if (err) return err;
    err = train_and_evaluate(work);
    if (err) snprintf(sentence, sizeof sentence, "%s", rg_error());
    int down = command(work, "down", NULL);
    return err ? rg_fail(err, "%s", sentence) : down;
}

// Trains and evaluates what is not finished with this configuration.
static int finish(const work_t *work, const char *yaml, int position)
{
    char path[PATH], line[128];
    snprintf(path, sizeof path, "%s/finished.yaml", work->folder);
    if (says(path, yaml, line, sizeof line)) return 0;
    if (!work->options->json) fprintf(stderr, "[%d/%d] %s\n", position + 1, work->plan->n, work->run->folder);
    int err = take_stages(work);
    if (!err) err = serve(work);
    return err ? err : rg_file_write(path, yaml, strlen(yaml));
}

static int carry_out(const work_t *work, int position)
{
    rg_config_t config;
    int err = resolve(work, &config);
    if (!err) err = rg_mkdirs(work->folder);
    if (!err) err = remember_config(work, config);
    if (err) return err;
    char *yaml = rg_config_dump(&config);
    err = finish(work, yaml, position);
    free(yaml);
    return err;
}

int rg_runner_run(const rg_options_t *options, const rg_plan_t *plan, const char *root)
{
    int err = 0;
    rg_interrupted(); // from here on
    for (int i = 0; i < plan->n && !err; i++) {
        work_t work = {.options = options, .plan = plan, .run = &plan->run[i], .root = root};
        snprintf(work.folder, sizeof work.folder, "%s/%s", root, work.run->folder);
        snprintf(work.log, sizeof work.log, "%s/log", work.folder);
        err = carry_out(&work, i);
        if (!err && atomic_load(rg_interrupted()))
            err = rg_fail(RG_ESTOPPED, "stopped; the same command goes on from here");
    }
    return err;
}
