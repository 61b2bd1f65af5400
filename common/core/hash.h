// Hashes: xxh3-64 for checksums and fingerprints, xxh3-128 for the ids of images.
#ifndef RG_CORE_HASH_H
#define RG_CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

// xxh3-64. seed: 0, or the hash of the data before this, to hash several pieces as a sequence.
uint64_t rg_hash(const void *data, size_t size, uint64_t seed);

// 16 lower-case hexadecimal digits.
void rg_hash_hex(uint64_t hash, char hex[17]);

// xxh3-64 of data that arrives in pieces: equal to rg_hash(all of it, 0).
typedef struct rg_hasher rg_hasher_t;
rg_hasher_t *rg_hasher_new(void);
void rg_hasher_add(rg_hasher_t *hasher, const void *data, size_t size);
uint64_t rg_hasher_finish(rg_hasher_t **hasher); // the hash; destroys the hasher

// The id of an image in the whole system: xxh3-128 of the bytes of its JPEG file, big-endian.
void rg_content_id(const uint8_t *jpeg, size_t size, uint8_t id[16]);

void rg_id_hex(const uint8_t id[16], char hex[33]); // 32 lower-case hexadecimal digits
int rg_id_parse(const char *hex, uint8_t id[16]);   // 1; 0 if the text is not 32 digits, id is unchanged then

#endif
