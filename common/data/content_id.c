#include "common/data/content_id.h"

#include <string.h>

#include <xxhash.h>

void rg_content_id(const uint8_t *jpeg, size_t size, uint8_t id[16])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(jpeg, size));
    memcpy(id, canonical.digest, 16);
}
