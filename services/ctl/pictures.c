#include "services/ctl/pictures.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/hash.h"
#include "common/data/grid.h"

// ---- files

int rg_pictures_add(rg_pictures_t *pictures, char *path)
{
    if (pictures->n == RG_PICTURES_MAX)
        return rg_fail(RG_EUSAGE, "more than %d paths: give their folder", RG_PICTURES_MAX);
    pictures->path[pictures->n++] = path;
    return 0;
}

int rg_pictures_walk_all(const rg_pictures_t *pictures, rg_walk_fn *visit, void *self,
                         rg_left_out_t *left_out)
{
    int err = 0;
    if (left_out) *left_out = (rg_left_out_t){0};
    const rg_walk_spec_t spec = {.visit = visit, .self = self, .left_out = left_out};
    for (int i = 0; i < pictures->n && !err; i++) err = rg_walk(pictures->path[i], &spec);
    return err;
}

int rg_pictures_walk(const rg_pictures_t *pictures, rg_walk_fn *visit, void *self)
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

// Runs chafa on a file.
static int run_chafa(const char *path)
{
    char *const argv[] = {"chafa", "--animate=off", (char *)path, NULL};
    pid_t child;
    int status;
    fflush(stdout);
    if (posix_spawnp(&child, argv[0], NULL, NULL, argv, environ) != 0)
        return rg_fail(RG_ENOENT, "--show needs the program chafa: install the package chafa");
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return rg_fail_errno(RG_EIO, "cannot wait for chafa");
    return status == 0 ? 0 : rg_fail(RG_EIO, "chafa cannot show the picture");
}

int rg_picture_show(const rg_config_t *config, const uint8_t *cells, int rows, int cols,
                    const char *const *titles)
{
    const char *folder = getenv("TMPDIR");
    char *made = rg_format("%s/rg-ctl-XXXXXX", folder ? folder : "/tmp");
    if (!mkdtemp(made)) {
        int err = rg_fail_errno(RG_EIO, "%s: cannot make a temporary folder", made);
        free(made);
        return err;
    }
    char *path = rg_format("%s/picture.png", made);
    int err = rg_picture_grid(config, cells, rows, cols, titles, path);
    if (!err) err = run_chafa(path);
    unlink(path);
    rmdir(made);
    free(path);
    free(made);
    return err;
}
