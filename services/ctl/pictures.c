#include "services/ctl/pictures.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/hash.h"
#include "common/data/dataset.h"
#include "common/data/grid.h"

// ---- files

static int is_jpeg(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0);
}

static int compare_file_names(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int visit_entry(const FTSENT *entry, rg_jpegs_fn *visit, void *self)
{
    int named = entry->fts_level == FTS_ROOTLEVEL; // by the user: then it may have any name
    switch (entry->fts_info) {
    case FTS_F:
        return named || is_jpeg(entry->fts_name) ? visit(self, entry, NULL) : 0;
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        return visit(self, entry, strerror(entry->fts_errno));
    case FTS_DC:
        return visit(self, entry, "a folder that contains itself");
    case FTS_SLNONE:
        return named || is_jpeg(entry->fts_name) ? visit(self, entry, "a link to nothing") : 0;
    case FTS_DEFAULT:
        return named || is_jpeg(entry->fts_name) ? visit(self, entry, "not a regular file") : 0;
    default:
        return 0;
    }
}

int rg_jpegs_add(rg_jpegs_t *jpegs, char *path)
{
    if (jpegs->n == RG_JPEGS_MAX)
        return rg_fail(RG_EUSAGE, "more than %d paths: give their folder", RG_JPEGS_MAX);
    jpegs->path[jpegs->n++] = path;
    return 0;
}

// FTS_LOGICAL follows links; fts itself notices a folder that contains itself (FTS_DC). FTS_NOCHDIR leaves
// the working directory alone, so that relative paths stay valid in the callback.
int rg_jpegs_walk(const rg_jpegs_t *jpegs, rg_jpegs_fn *visit, void *self)
{
    FTS *tree = fts_open(jpegs->path, FTS_LOGICAL | FTS_NOCHDIR, compare_file_names);
    if (!tree) return rg_fail_errno(RG_EIO, "%s: cannot open", jpegs->path[0]);
    int err = 0;
    for (FTSENT *entry; !err && (entry = fts_read(tree)) != NULL;) err = visit_entry(entry, visit, self);
    fts_close(tree);
    return err;
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

int rg_picture_grid(const rg_config_t *config, const uint8_t *cells, int rows, int cols,
                    const char *const *titles, const char *path)
{
    rg_image_t grid = {0};
    rg_image_grid(cells, rows, cols, config->data.img_size, titles, &grid);
    int err = rg_image_write(&grid, path);
    rg_image_fini(&grid);
    return err;
}
