#include "services/ctl/pictures.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/hash.h"
#include "common/core/image_name.h"
#include "common/data/dataset.h"
#include "common/data/grid.h"

// ---- files

static int compare_file_names(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

typedef struct {
    rg_pictures_fn *visit;
    void *self;
    rg_left_out_t *left_out;
} walk_t;

// A file, or something in its place. What the user named may have any name.
static int visit_file(const walk_t *walk, const FTSENT *entry, const char *problem)
{
    const char *name = entry->fts_name;
    if (entry->fts_level == FTS_ROOTLEVEL || rg_image_name_known(name))
        return walk->visit(walk->self, entry, problem);
    if (walk->left_out && !rg_image_name_quiet(name)) rg_left_out_count(walk->left_out, name);
    return 0;
}

static int visit_entry(FTS *tree, FTSENT *entry, const walk_t *walk)
{
    switch (entry->fts_info) {
    case FTS_D:
        if (entry->fts_level != FTS_ROOTLEVEL && rg_image_name_quiet(entry->fts_name))
            fts_set(tree, entry, FTS_SKIP);
        return 0;
    case FTS_F:
        return visit_file(walk, entry, NULL);
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        return walk->visit(walk->self, entry, strerror(entry->fts_errno));
    case FTS_DC:
        return walk->visit(walk->self, entry, "a folder that contains itself");
    case FTS_SLNONE:
        return visit_file(walk, entry, "a link to nothing");
    case FTS_DEFAULT:
        return visit_file(walk, entry, "not a regular file");
    default:
        return 0;
    }
}

int rg_pictures_add(rg_pictures_t *pictures, char *path)
{
    if (pictures->n == RG_PICTURES_MAX)
        return rg_fail(RG_EUSAGE, "more than %d paths: give their folder", RG_PICTURES_MAX);
    pictures->path[pictures->n++] = path;
    return 0;
}

// FTS_LOGICAL follows links; fts itself notices a folder that contains itself (FTS_DC). FTS_NOCHDIR leaves
// the working directory alone, so that relative paths stay valid in the callback.
int rg_pictures_walk_all(const rg_pictures_t *pictures, rg_pictures_fn *visit, void *self,
                         rg_left_out_t *left_out)
{
    const walk_t walk = {visit, self, left_out};
    FTS *tree = fts_open(pictures->path, FTS_LOGICAL | FTS_NOCHDIR, compare_file_names);
    if (!tree) return rg_fail_errno(RG_EIO, "%s: cannot open", pictures->path[0]);
    int err = 0;
    if (left_out) *left_out = (rg_left_out_t){0};
    for (FTSENT *entry; !err && (entry = fts_read(tree)) != NULL;) err = visit_entry(tree, entry, &walk);
    fts_close(tree);
    return err;
}

int rg_pictures_walk(const rg_pictures_t *pictures, rg_pictures_fn *visit, void *self)
{
    return rg_pictures_walk_all(pictures, visit, self, NULL);
}

// ---- pixels

int rg_picture_load(const rg_config_t *config, const char *path, uint8_t *out, uint8_t id[16])
{
    unsigned char *jpeg;
    size_t size;
    int err = rg_image_read(&config->limits, path, &jpeg, &size);
    if (err) return err;
    err = rg_image_decode(config, jpeg, size, path, out);
    if (!err && id) rg_content_id(jpeg, size, id);
    free(jpeg);
    return err;
}

int rg_picture_check_out(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    int err = rg_image_check_path(path);
    if (!err && !rg_is_folder(folder))
        err = rg_fail(RG_ENOENT, "--out %s: the folder %s does not exist", path, folder);
    if (!err && rg_is_folder(path))
        err = rg_fail(RG_EINVAL, "--out %s: there is a folder of that name", path);
    free(folder);
    return err;
}

int rg_picture_grid(const rg_config_t *config, const uint8_t *cells, int rows, int cols,
                    const char *const *titles, const char *path)
{
    rg_image_t grid = {0};
    rg_image_grid(cells, rows, cols, config->data.img_size, titles, &grid);
    int err = rg_image_write(&grid, path);
    rg_image_fini(&grid);
    return err;
}
