// The identity of an image everywhere in the system: xxh3-128 of its JPEG bytes.
#ifndef RG_DATA_CONTENT_ID_H
#define RG_DATA_CONTENT_ID_H

#include <stddef.h>
#include <stdint.h>

#include "common/core/id.h"

void rg_content_id(const uint8_t *jpeg, size_t size, uint8_t id[16]); // big-endian

#endif
