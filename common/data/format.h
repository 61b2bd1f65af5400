// The format of an image file, decided by its first bytes.
#ifndef RG_DATA_FORMAT_H
#define RG_DATA_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "common/core/image_name.h"

// The format of the bytes of a file. RG_IMAGE_UNKNOWN: none that can be read here.
enum rg_image_format rg_image_format(const uint8_t *bytes, size_t size);

// Says what bytes of RG_IMAGE_UNKNOWN are, with the remedy: "a GIF image: convert it to JPEG, PNG or WebP".
// Never NULL, lives for ever.
const char *rg_image_foreign(const uint8_t *bytes, size_t size);

// For HTTP: "image/jpeg", ..., "application/octet-stream".
const char *rg_image_format_mime(enum rg_image_format format);

#endif
