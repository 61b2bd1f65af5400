#include "services/ctl/seen.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"

typedef struct {
    off_t size;
    struct timespec changed;
    char path[];
} file_t;

static int compare(const void *a, const void *b)
{
    return strcmp(((const file_t *)a)->path, ((const file_t *)b)->path);
}

static file_t *describe(const char *path, const struct stat *info)
{
    size_t length = strlen(path) + 1;
    file_t *file = rg_alloc(sizeof *file + length);
    file->size = info->st_size;
    file->changed = info->st_mtim;
    memcpy(file->path, path, length);
    return file;
}

static int is_same(const file_t *a, const file_t *b)
{
    return a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec;
}

int rg_seen_is_new(rg_seen_t *seen, const char *path, const struct stat *info)
{
    file_t *file = describe(path, info), **found = tsearch(file, &seen->tree, compare);
    if (!found) abort(); // out of memory
    if (*found == file) return 1;
    int changed = !is_same(*found, file);
    (*found)->size = file->size;
    (*found)->changed = file->changed;
    free(file);
    return changed;
}

void rg_seen_fini(rg_seen_t *seen)
{
    tdestroy(seen->tree, free);
    seen->tree = NULL;
}
