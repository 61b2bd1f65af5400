// The identity of an image everywhere in the system: xxh3-128 of its JPEG bytes.
#ifndef RG_DATA_CONTENT_ID_H
#define RG_DATA_CONTENT_ID_H

#include <stddef.h>
#include <stdint.h>

void rg_content_id(const uint8_t *jpeg, size_t size, uint8_t id[16]); // big-endian
void rg_id_hex(const uint8_t id[16], char hex[33]);                   // lower case
int rg_id_parse(const char *hex, uint8_t id[16]);                     // 1, or 0 if it is not 32 digits

#endif
