#include "services/report/document/markup.h"

#include <jansson.h>
#include <string.h>

// Length of the UTF-8 sequence that text begins with, 0 if it is none; jansson knows what is one.
static size_t sequence(const char *text)
{
    unsigned char first = (unsigned char)*text;
    size_t length = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
    if (strnlen(text, length) < length) return 0;
    json_t *string = length ? json_stringn(text, length) : NULL;
    json_decref(string);
    return string ? length : 0;
}

static void put_ascii(char c, FILE *out)
{
    switch (c) {
    case '<':
        fputs("&lt;", out);
        break;
    case '>':
        fputs("&gt;", out);
        break;
    case '&':
        fputs("&amp;", out);
        break;
    case '"':
        fputs("&quot;", out);
        break;
    case '\'':
        fputs("&#39;", out);
        break;
    default:
        fputc((unsigned char)c < 0x20 && c != '\n' && c != '\t' ? '?' : c, out);
    }
}

void rg_markup_text(const char *text, FILE *out)
{
    while (*text) {
        size_t length = sequence(text);
        if (length > 1)
            fwrite(text, 1, length, out);
        else
            put_ascii(length ? *text : '?', out);
        text += length ? length : 1;
    }
}
