#include "common/core/id.h"

#include <stdlib.h>
#include <string.h>

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
