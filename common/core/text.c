#include "common/core/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/hash.h"

enum { ESCAPE_SIZE = 3 }; // "%E9"

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

// Marks, embeddings, overrides and isolates of the direction of writing; line and paragraph separators.
static int is_layout(uint32_t point)
{
    return point == 0x061c || point == 0x200e || point == 0x200f || (point >= 0x2028 && point <= 0x202e) ||
           (point >= 0x2066 && point <= 0x2069);
}

size_t rg_utf8_showable(const char *text)
{
    uint32_t point;
    size_t size = rg_utf8_printable(text);
    return size && utf8_decode(text, &point) && !is_layout(point) ? size : 0;
}

static int all_characters(const char *text, size_t (*measure)(const char *text))
{
    size_t size = 1;
    for (; *text && size; text += size) size = measure(text);
    return size > 0;
}

int rg_text_is_printable(const char *text)
{
    return all_characters(text, rg_utf8_printable);
}

int rg_text_is_utf8(const char *text)
{
    return all_characters(text, rg_utf8_size);
}

// ---- escapes

// Writes the text to out [size], with %XX for bytes of characters whose measure is 0.
static void escape_bytes(const char *text, size_t (*measure)(const char *text), char *out, size_t size)
{
    size_t used = 0;
    while (*text) {
        size_t length = measure(text), needed = length ? length : ESCAPE_SIZE;
        if (used + needed >= size) break;
        if (length)
            memcpy(out + used, text, length);
        else
            snprintf(out + used, ESCAPE_SIZE + 1, "%%%02X", (unsigned char)*text);
        used += needed;
        text += length ? length : 1;
    }
    out[used] = 0;
}

void rg_text_escape(const char *text, char *out, size_t size)
{
    escape_bytes(text, rg_utf8_showable, out, size);
}

char *rg_text_repair(const char *text)
{
    size_t size = ESCAPE_SIZE * strlen(text) + 1;
    char *out = rg_alloc(size);
    escape_bytes(text, rg_utf8_size, out, size);
    return out;
}

void rg_text_name(const char *text, char out[RG_TEXT_NAME + 1])
{
    size_t size = ESCAPE_SIZE * strlen(text) + 1;
    char *whole = rg_alloc(size), hex[17];
    rg_text_escape(text, whole, size);
    size_t length = strlen(whole), head = strlen("~~") + sizeof hex - 1;
    if (length <= RG_TEXT_NAME) {
        memcpy(out, whole, length + 1);
    } else {
        const char *tail = whole + length - (RG_TEXT_NAME - head);
        while (!rg_utf8_showable(tail)) tail++;
        rg_hash_hex(rg_hash(text, strlen(text), 0), hex);
        snprintf(out, RG_TEXT_NAME + 1, "~%s~%s", hex, tail);
    }
    free(whole);
}
