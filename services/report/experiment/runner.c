// How a plan is carried out, run by run:
//
//   config.yaml         keeps what training depends on; a folder that is not new must agree with it
//   STAGE.safetensors   of the earlier stages become hard links to the checkpoints of the base
//   rg-ctl              up; fill the retrieval set, if it is the run's own; train and evaluate, stage by
//                       stage; down
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
#include <time.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/model/stage.h"
#include "services/report/record.h"

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

enum { WORDS_MAX = 6 };

// Begins with the words of the command.
static const char **command_args(const work_t *work, const char *const *words)
{
    const rg_runner_options_t *options = work->options;
    const size_t most = 2 * (size_t)(options->n_set + work->run->n_set) + WORDS_MAX + 4;
    const char **args = rg_alloc(most * sizeof *args);
    int n = 0;
    args[n++] = "rg-ctl";
    for (; *words; words++) args[n++] = *words;
    if (options->config_path) args[n++] = "--config", args[n++] = options->config_path;
    for (int i = 0; i < options->n_set; i++) args[n++] = "--set", args[n++] = options->set[i];
    for (int i = 0; i < work->run->n_set; i++) args[n++] = "--set", args[n++] = work->run->set[i];
    args[n] = NULL;
    return args;
}

// Standard output goes to the log. Progress, on standard error, stays on the terminal.
static int command_start(const work_t *work, const char *const *words, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    const char **args = command_args(work, words);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, work->log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    int failed =
        posix_spawn(pid, work->options->program, &actions, NULL, (char *const *)(uintptr_t)args, environ);
    posix_spawn_file_actions_destroy(&actions);
    free(args);
    errno = failed;
    return failed ? rg_fail_errno(RG_EIO, "rg-ctl %s: cannot run", words[0]) : 0;
}

static int fail_stopped(void)
{
    return rg_fail(RG_ESTOPPED, "stopped; run the same command again to continue");
}

static int fail_command(const work_t *work, const char *const *words)
{
    char command[128] = "";
    if (atomic_load(work->options->interrupted)) return fail_stopped();
    for (size_t n = 0; *words && n < sizeof command; words++)
        n += (size_t)snprintf(command + n, sizeof command - n, " %s", *words);
    return rg_fail(RG_EREMOTE, "%s: rg-ctl%s failed: see %s", work->run->folder, command, work->log);
}

// Waits for the end of a command. Passes a signal on, in case it reached only this process.
static int command_wait(const work_t *work, const char *const *words, pid_t pid)
{
    int status, told = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) return rg_fail_errno(RG_EIO, "waitpid");
        if (atomic_load(work->options->interrupted) && !told++) kill(pid, SIGINT);
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : fail_command(work, words);
}

// Runs rg-ctl WORDS with the settings of the run.
static int command_run(const work_t *work, const char *const *words)
{
    pid_t pid;
    int err = command_start(work, words, &pid);
    return err ? err : command_wait(work, words, pid);
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

// ---- a set that grows while stage 3 trains

// The iteration of stage 3 that the run's metrics have reached; 0: none.
static json_int_t iteration_reached(const work_t *work)
{
    json_t *stages;
    if (rg_run_read_training(&stages, work->folder) != 0) return 0;
    const json_t *line = rg_run_last_line(json_object_get(stages, rg_stage_name(RG_STAGE_3)));
    json_int_t iteration = json_integer_value(json_object_get(line, "iteration"));
    json_decref(stages);
    return iteration;
}

// 1 if the command has ended; it can still be waited for.
static int command_ended(pid_t pid)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

// An interrupted run has noted it the first time.
static int note_growth(const work_t *work)
{
    char path[PATH], text[64];
    snprintf(path, sizeof path, "%s/%s", work->folder, RG_RUNNER_GROWTH);
    if (rg_exists(path)) return 0;
    snprintf(text, sizeof text, "{\"set_complete_at\": %lld.0}\n", (long long)iteration_reached(work));
    return rg_file_write(path, text, strlen(text));
}

// Adds the images once the stage iterates, or if its command has ended.
static int add_meanwhile(const work_t *work, pid_t trainer)
{
    static const char *const add[] = {"add-images", "--training", NULL};
    const struct timespec pause = {.tv_nsec = 100 * 1000 * 1000};
    while (!command_ended(trainer) && iteration_reached(work) == 0) {
        if (atomic_load(work->options->interrupted)) return fail_stopped();
        nanosleep(&pause, NULL);
    }
    int err = command_run(work, add);
    return err ? err : note_growth(work);
}

static int train_growing(const work_t *work, const char *const *train)
{
    rg_failure_t failure = {0};
    pid_t trainer;
    int err = command_start(work, train, &trainer);
    if (err) return err;
    rg_failure_keep(&failure, add_meanwhile(work, trainer));
    if (atomic_load(work->options->interrupted)) kill(trainer, SIGINT); // the signal may not have reached it
    rg_failure_keep(&failure, command_wait(work, train, trainer));
    return rg_failure_raise(&failure);
}

// ---- a run

static const rg_plan_row_t *row_of(const work_t *work)
{
    return work->run->row >= 0 ? &work->plan->row[work->run->row] : NULL;
}

// Fills a retrieval set of the row's own.
static int fill_set(const work_t *work)
{
    char share[32];
    const char *const words[] = {"add-images", "--training", "--share", share, NULL};
    if (!row_of(work) || !row_of(work)->own_set) return 0;
    snprintf(share, sizeof share, "%g", row_of(work)->share);
    return command_run(work, words);
}

static int train_and_evaluate(const work_t *work)
{
    const int grows = row_of(work) && row_of(work)->grows;
    int err = fill_set(work);
    for (int stage = work->run->first; stage <= work->run->last && !err; stage++) {
        const char *const train[] = {"train", "--stage", rg_stage_name(stage), NULL},
                          *const evaluate[] = {"evaluate", "--stage", rg_stage_name(stage), NULL};
        err = grows ? train_growing(work, train) : command_run(work, train);
        if (!err) err = command_run(work, evaluate);
    }
    return err;
}

// Stops the services also after an error, which is the one that is reported.
static int serve_run(const work_t *work)
{
    static const char *const up[] = {"up", NULL}, *const down[] = {"down", NULL};
    rg_failure_t failure = {0};
    int err = command_run(work, up);
    if (err) return err;
    rg_failure_keep(&failure, train_and_evaluate(work));
    rg_failure_keep(&failure, command_run(work, down));
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
