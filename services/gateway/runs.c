#include "services/gateway/runs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"

static void add(rg_runs_t *runs, const char *name, int64_t modified)
{
    if (runs->n > 0 && strcmp(runs->entry[0].name, name) == 0) return; // the one that is served
    if (runs->n < RG_RUNS_MAX)
        runs->entry[runs->n++] = (rg_run_entry_t){.name = rg_strdup(name), .modified_ms = modified};
}

static int open_folder(int parent, const char *name)
{
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
}

// When this folder's metrics were written; 0: it is no run.
static int64_t find_metrics(int folder)
{
    struct stat info;
    if (fstatat(folder, "metrics.jsonl", &info, AT_SYMLINK_NOFOLLOW) != 0) return 0;
    return S_ISREG(info.st_mode) ? rg_modified_ms(&info) : 0;
}

static void look_below(rg_runs_t *runs, int folder, const char *name, int depth);

// Takes over the open folder of this name; of one that is deep enough only itself is looked at.
static void look_at(rg_runs_t *runs, int folder, const char *name, int depth)
{
    int64_t modified = find_metrics(folder);
    if (modified) add(runs, name, modified);
    if (depth > 0)
        look_below(runs, folder, name, depth - 1);
    else
        close(folder);
}

// A name is worth a look if it can be shown.
static int can_be_shown(const char *name)
{
    json_t *string = json_string(name);
    json_decref(string);
    return string && *name != '.';
}

static void look_below(rg_runs_t *runs, int folder, const char *name, int depth)
{
    DIR *dir = fdopendir(folder);
    if (!dir) {
        close(folder);
        return;
    }
    for (struct dirent *entry; runs->looks > 0 && (entry = readdir(dir)) != NULL;) {
        runs->looks--;
        if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) continue;
        int below = can_be_shown(entry->d_name) ? open_folder(folder, entry->d_name) : -1;
        if (below < 0) continue;
        char *path = *name ? rg_format("%s/%s", name, entry->d_name) : rg_strdup(entry->d_name);
        look_at(runs, below, path, depth);
        free(path);
    }
    closedir(dir);
}

static void look_at_experiment(rg_runs_t *runs, const char *name)
{
    char *path = rg_format("%s/%s/experiment", runs->base, name), *below = rg_format("%s/experiment", name);
    int folder = open_folder(AT_FDCWD, path);
    if (folder >= 0) look_below(runs, folder, below, RG_RUNS_DEPTH - 1);
    free(path);
    free(below);
}

static int by_age(const void *left, const void *right)
{
    const rg_run_entry_t *a = left, *b = right;
    if (a->modified_ms != b->modified_ms) return a->modified_ms < b->modified_ms ? 1 : -1;
    return strcmp(a->name, b->name);
}

// The served run's experiments before other runs: they are what is looked at most.
static void look(rg_runs_t *runs)
{
    runs->looks = RG_RUNS_LOOKS;
    look_at_experiment(runs, runs->entry[0].name);
    int folder = open_folder(AT_FDCWD, runs->base), own = runs->n;
    if (folder >= 0) look_below(runs, folder, "", 0);
    for (int i = own, beside = runs->n; i < beside; i++) look_at_experiment(runs, runs->entry[i].name);
    qsort(runs->entry + 1, (size_t)runs->n - 1, sizeof *runs->entry, by_age);
}

// Where the path leads, which a run's folder that is not there yet does not say.
static int resolve(const char *served, char path[PATH_MAX])
{
    if (realpath(served, path)) return 0;
    if (errno != ENOENT) return rg_fail_errno(RG_EIO, "%s: cannot find this folder", served);
    size_t size = strlen(served);
    while (size > 1 && served[size - 1] == '/') size--;
    int whole = snprintf(path, PATH_MAX, "%s%.*s", memchr(served, '/', size) ? "" : "./", (int)size, served);
    return whole < PATH_MAX ? 0 : rg_fail(RG_EIO, "%s: the path is too long", served);
}

int rg_runs_open(rg_runs_t *runs, const char *served)
{
    char path[PATH_MAX];
    *runs = (rg_runs_t){0};
    int err = resolve(served, path);
    if (err) return err;
    int folder = open_folder(AT_FDCWD, path);
    if (folder < 0 && errno != ENOENT) return rg_fail_errno(RG_EIO, "%s: cannot open this folder", served);
    char *slash = strrchr(path, '/');
    runs->entry[0] = (rg_run_entry_t){.name = rg_strdup(slash + 1), .served = 1};
    if (folder >= 0) runs->entry[0].modified_ms = find_metrics(folder);
    if (folder >= 0) close(folder);
    runs->n = 1;
    *slash = 0;
    runs->base = rg_strdup(path);
    look(runs);
    return 0;
}

void rg_runs_close(rg_runs_t *runs)
{
    for (int i = 0; i < runs->n; i++) free(runs->entry[i].name);
    free(runs->base);
    *runs = (rg_runs_t){0};
}

int rg_runs_path(const rg_runs_t *runs, const char *name, const char *file, char **path)
{
    for (int i = 0; i < runs->n; i++) {
        if (name ? strcmp(runs->entry[i].name, name) != 0 : !runs->entry[i].served) continue;
        *path = rg_format("%s/%s/%s", runs->base, runs->entry[i].name, file);
        return 0;
    }
    return rg_fail(RG_ENOENT, "run: there is no such run; /api/v1/runs lists them");
}

json_t *rg_runs_json(const rg_runs_t *runs)
{
    json_t *list = json_array();
    for (int i = 0; i < runs->n; i++) {
        const rg_run_entry_t *entry = &runs->entry[i];
        json_array_append_new(list, json_pack("{s:s, s:b, s:I}", "name", entry->name, "served", entry->served,
                                              "modified_ms", (json_int_t)entry->modified_ms));
    }
    return json_pack("{s:o}", "runs", list);
}
