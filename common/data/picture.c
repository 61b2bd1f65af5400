#include "common/data/picture.h"

#include "common/data/image.h"

enum { CROP_WHOLE = 0 };

size_t rg_picture_size(const rg_config_t *config)
{
    return (size_t)config->data.img_size * (size_t)config->data.img_size * 3;
}

static int decode(const rg_config_t *config, const uint8_t *jpeg, size_t size, int crop, const char *origin,
                  uint8_t *out)
{
    const rg_jpeg_limits_t limits = {.max_bytes = (size_t)config->limits.image_max_mib << 20,
                                     .max_side = config->limits.image_max_side};
    return rg_image_load(jpeg, size, &limits, crop, config->data.img_size, origin, out);
}

int rg_picture_decode(const rg_config_t *config, const uint8_t *jpeg, size_t size, const char *origin,
                      uint8_t *out)
{
    return decode(config, jpeg, size, config->data.crop, origin, out);
}

int rg_picture_decode_stored(const rg_config_t *config, const uint8_t *jpeg, size_t size, const char *origin,
                             uint8_t *out)
{
    return decode(config, jpeg, size, CROP_WHOLE, origin, out);
}
