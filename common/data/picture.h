// JPEGs as the networks see them: with the limits, the crop and the size of the configuration.
#ifndef RG_DATA_PICTURE_H
#define RG_DATA_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#include "common/config/config.h"

// Bytes of one [S,S,3] image.
size_t rg_picture_size(const rg_config_t *config);

// out [S,S,3] u8, the caller's. origin names the source in errors, which are those of rg_image_load.
int rg_picture_decode(const rg_config_t *config, const uint8_t *jpeg, size_t size, const char *origin,
                      uint8_t *out);

// The same for a stored thumbnail, which is cropped already.
int rg_picture_decode_stored(const rg_config_t *config, const uint8_t *jpeg, size_t size, const char *origin,
                             uint8_t *out);

#endif
