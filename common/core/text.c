#include "common/core/text.h"

#include <stdint.h>

// Bytes of the character and its code point; 0 for a byte sequence that is not UTF-8 (RFC 3629): a stray or
// missing continuation byte, a longer form than needed, a surrogate, a value beyond U+10FFFF.
static size_t utf8_decode(const char *text, uint32_t *point)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *c = (const unsigned char *)text;
    size_t size = *c < 0x80 ? 1 : *c >= 0xf0 ? 4 : *c >= 0xe0 ? 3 : 2;
    *point = size == 1 ? *c : *c & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((c[i] & 0xc0) != 0x80) return 0;
        *point = *point << 6 | (c[i] & 0x3f);
    }
    if (size == 1) return 1;
    int surrogate = *point >= 0xd800 && *point < 0xe000;
    return *c >= 0xc2 && *c < 0xf8 && *point >= smallest[size] && *point <= 0x10ffff && !surrogate ? size : 0;
}

size_t rg_utf8_size(const char *text)
{
    uint32_t point;
    return utf8_decode(text, &point);
}

size_t rg_utf8_printable(const char *text)
{
    uint32_t point;
    size_t size = utf8_decode(text, &point);
    int control = point < ' ' || (point >= 0x7f && point < 0xa0);
    return control || (point & 0xfffe) == 0xfffe || point == 0xfeff ? 0 : size;
}

int rg_text_is_printable(const char *text)
{
    size_t size = 1;
    for (; *text && size; text += size) size = rg_utf8_printable(text);
    return size > 0;
}
