// The walk descends by recursion. Each level holds its folder open, and one piece of its names:
//
//     walk_path ──► a file: visit        ──► a folder: walk_folder ──► piece of names, sorted ──► walk_path ...
#include "services/ctl/walk.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/image_name.h"
#include "services/ctl/caller.h"
#include "services/ctl/shard.h"

typedef struct {
    rg_walk_spec_t spec;
    size_t given; // length of the path that the user gave
} walk_t;

// A folder on the way down, to notice one that contains itself.
typedef struct level {
    const struct level *above; // NULL: the user gave this folder
    dev_t device;
    ino_t inode;
    int depth;
} level_t;

static const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static int visit_path(const walk_t *walk, const level_t *above, const char *path, const struct stat *info,
                      const char *problem)
{
    rg_walk_file_t file = {.path = path,
                           .name = path_base(path),
                           .problem = problem,
                           .given = walk->given,
                           .depth = above ? above->depth + 1 : 0};
    if (info) file.info = *info;
    return walk->spec.visit(walk->spec.self, &file);
}

static int is_wanted(const walk_t *walk, const char *name)
{
    return rg_image_name_known(name) || (walk->spec.archives && rg_shard_name_known(name));
}

// A file, or something in its place. What the user named may have any name.
static int visit_file(const walk_t *walk, const level_t *above, const char *path, const struct stat *info,
                      const char *problem)
{
    const char *name = path_base(path);
    if (!above || is_wanted(walk, name)) return visit_path(walk, above, path, info, problem);
    if (walk->spec.left_out) rg_left_out_count(walk->spec.left_out, name);
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Reads the next names of a folder. An error of the folder ends its names, as the end of the folder does.
static size_t read_piece(DIR *folder, char *names[RG_WALK_PIECE])
{
    const struct dirent *entry;
    size_t n = 0;
    while (n < RG_WALK_PIECE && (entry = readdir(folder)) != NULL)
        if (!rg_image_name_quiet(entry->d_name)) names[n++] = rg_strdup(entry->d_name);
    qsort(names, n, sizeof *names, compare_names);
    return n;
}

static int walk_path(const walk_t *walk, const level_t *above, const char *path);

static int walk_entry(const walk_t *walk, const level_t *folder, const char *path, const char *name)
{
    size_t n = strlen(path);
    char *below = rg_format("%s%s%s", path, n && path[n - 1] == '/' ? "" : "/", name);
    int err = walk_path(walk, folder, below);
    free(below);
    return err;
}

static int walk_entries(const walk_t *walk, const level_t *level, const char *path, DIR *folder)
{
    char **names = rg_alloc(RG_WALK_PIECE * sizeof *names);
    int err = 0;
    for (size_t n; !err && (n = read_piece(folder, names)) > 0;)
        for (size_t i = 0; i < n; i++) {
            if (!err) err = walk_entry(walk, level, path, names[i]);
            free(names[i]);
        }
    free(names);
    return err;
}

static const char *find_problem(const level_t *level)
{
    if (level->depth == RG_WALK_DEPTH) return "more than 100 folders in each other";
    for (const level_t *above = level->above; above; above = above->above)
        if (above->device == level->device && above->inode == level->inode)
            return "a folder that contains itself";
    return NULL;
}

static int walk_folder(const walk_t *walk, const level_t *above, const char *path, const struct stat *info)
{
    const level_t level = {above, info->st_dev, info->st_ino, above ? above->depth + 1 : 0};
    const char *problem = find_problem(&level);
    DIR *folder = problem ? NULL : opendir(path);
    if (!folder) return visit_path(walk, above, path, NULL, problem ? problem : strerror(errno));
    int err = walk_entries(walk, &level, path, folder);
    closedir(folder);
    return err;
}

static int walk_path(const walk_t *walk, const level_t *above, const char *path)
{
    struct stat info;
    if (atomic_load(rg_interrupted())) return rg_fail(RG_ESTOPPED, "stopped");
    if (stat(path, &info) != 0) {
        int code = errno;
        if (code == ENOENT && lstat(path, &info) == 0)
            return visit_file(walk, above, path, NULL, "a link to nothing");
        return visit_path(walk, above, path, NULL, strerror(code));
    }
    if (S_ISDIR(info.st_mode)) return walk_folder(walk, above, path, &info);
    return visit_file(walk, above, path, &info, S_ISREG(info.st_mode) ? NULL : "not a regular file");
}

int rg_walk(const char *path, const rg_walk_spec_t *spec)
{
    const walk_t walk = {*spec, strlen(path)};
    return walk_path(&walk, NULL, path);
}
