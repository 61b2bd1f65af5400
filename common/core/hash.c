#include "common/core/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/core/alloc.h"

uint64_t rg_hash(const void *data, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, size, seed);
}

void rg_hash_hex(uint64_t hash, char hex[17])
{
    snprintf(hex, 17, "%016" PRIx64, hash);
}

struct rg_hasher {
    XXH3_state_t *state;
};

rg_hasher_t *rg_hasher_new(void)
{
    rg_hasher_t *hasher = rg_alloc(sizeof *hasher);
    hasher->state = XXH3_createState();
    if (!hasher->state) abort();
    XXH3_64bits_reset(hasher->state);
    return hasher;
}

void rg_hasher_add(rg_hasher_t *hasher, const void *data, size_t size)
{
    XXH3_64bits_update(hasher->state, data, size);
}

uint64_t rg_hasher_finish(rg_hasher_t **hasher)
{
    uint64_t hash = XXH3_64bits_digest((*hasher)->state);
    XXH3_freeState((*hasher)->state);
    free(*hasher);
    *hasher = NULL;
    return hash;
}

void rg_content_id(const uint8_t *jpeg, size_t size, uint8_t id[16])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(jpeg, size));
    memcpy(id, canonical.digest, 16);
}

void rg_id_hex(const uint8_t id[16], char hex[33])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        hex[2 * i] = digits[id[i] >> 4];
        hex[2 * i + 1] = digits[id[i] & 15];
    }
    hex[32] = 0;
}

int rg_id_parse(const char *hex, uint8_t id[16])
{
    if (strlen(hex) != 32 || strspn(hex, "0123456789abcdefABCDEF") != 32) return 0;
    for (int i = 0; i < 16; i++) {
        const char digits[] = {hex[2 * i], hex[2 * i + 1], 0};
        id[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return 1;
}
