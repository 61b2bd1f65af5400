// Images that a user names on the command line, and the grids of pictures that answer.
#ifndef RG_CTL_PICTURES_H
#define RG_CTL_PICTURES_H

#include <stdint.h>

#include "common/config/config.h"
#include "common/data/image.h"
#include "services/ctl/walk.h"

// ---- files

enum { RG_PICTURES_MAX = 4096 };

// The paths of files and folders that the user gave. Begins zeroed.
typedef struct {
    char *path[RG_PICTURES_MAX]; // borrowed
    int n;
} rg_pictures_t;

// RG_EUSAGE if there are too many.
int rg_pictures_add(rg_pictures_t *pictures, char *path);

// Walks through all the paths, one after the other (walk.h). left_out (NULL: not wanted) is what else the
// folders hold. Returns what visit returned, or RG_ESTOPPED.
int rg_pictures_walk(const rg_pictures_t *pictures, rg_walk_fn *visit, void *self);
int rg_pictures_walk_all(const rg_pictures_t *pictures, rg_walk_fn *visit, void *self,
                         rg_left_out_t *left_out);

// ---- pixels

// Reads an image as the networks see it (data.crop, data.img_size) into out [S,S,3] u8, the caller's. id
// (NULL: none) gets its content hash. RG_ENOENT, RG_EFORMAT, RG_ELIMIT with the path.
int rg_picture_load(const rg_config_t *config, const char *path, uint8_t *out, uint8_t id[16]);

// Checks a path before the work for its picture is done: RG_EUSAGE if the name is not that of a picture,
// RG_ENOENT if its folder does not exist, RG_EINVAL if it is a folder itself.
int rg_picture_check_out(const char *path);

// Writes cells [rows*cols,S,S,3] u8 as a grid, in the format that the name ends with. titles: one per column,
// or NULL.
int rg_picture_grid(const rg_config_t *config, const uint8_t *cells, int rows, int cols,
                    const char *const *titles, const char *path);

// Shows such a grid on the terminal, by the program chafa, which knows what each terminal can draw. RG_ENOENT if
// it is not installed, RG_EIO if it fails.
int rg_picture_show(const rg_config_t *config, const uint8_t *cells, int rows, int cols,
                    const char *const *titles);

#endif
