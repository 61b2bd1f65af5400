// Images given on the command line, and the grids written as answers.
#ifndef RG_CTL_PICTURES_H
#define RG_CTL_PICTURES_H

#include <stdint.h>

#include "common/config/config.h"
#include "common/data/picture.h"

// Reads a JPEG as the networks see it (data.crop, data.img_size): out [S,S,3] u8, the caller's. id (NULL:
// none) gets its content hash. RG_ENOENT, RG_EFORMAT, RG_ELIMIT with the path.
int rg_picture_load(const rg_config_t *config, const char *path, uint8_t *out, uint8_t id[16]);

// Writes cells [rows*cols,S,S,3] as a PNG; titles of the columns, or NULL.
int rg_picture_grid(const rg_config_t *config, const uint8_t *cells, int rows, int cols,
                    const char *const *titles, const char *path);

#endif
