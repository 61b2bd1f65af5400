#include "services/ctl/pictures.h"

#include <stdlib.h>

#include "common/core/err.h"
#include "common/core/file.h"
#include "common/data/dataset.h"
#include "common/data/grid.h"

int rg_picture_load(const rg_config_t *config, const char *path, uint8_t *out, uint8_t id[16])
{
    unsigned char *jpeg;
    size_t size;
    int err = rg_file_read(path, (size_t)config->limits.image_max_mib << 20, &jpeg, &size);
    if (err) return err;
    err = rg_picture_decode(config, jpeg, size, path, out);
    if (!err && id) rg_content_id(jpeg, size, id);
    free(jpeg);
    return err;
}

int rg_picture_grid(const rg_config_t *config, const uint8_t *cells, int rows, int cols,
                    const char *const *titles, const char *path)
{
    rg_image_t grid = {0};
    rg_image_grid(cells, rows, cols, config->data.img_size, titles, &grid);
    int err = rg_image_write_png(&grid, path);
    rg_image_fini(&grid);
    return err;
}
