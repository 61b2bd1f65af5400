// The id of an image as text: 32 hexadecimal digits. What it is made of: common/data/content_id.h.
#ifndef RG_CORE_ID_H
#define RG_CORE_ID_H

#include <stdint.h>

void rg_id_hex(const uint8_t id[16], char hex[33]); // lower case
int rg_id_parse(const char *hex, uint8_t id[16]);   // 1, or 0 if it is not 32 digits: id is as before

#endif
