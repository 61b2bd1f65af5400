#include "services/report/document/markup.h"

#include <string.h>

#include "common/core/text.h"

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
        size_t length = rg_utf8_size(text);
        if (length > 1)
            fwrite(text, 1, length, out);
        else
            put_ascii(length ? *text : '?', out);
        text += length ? length : 1;
    }
}
