// Checks of UTF-8 text from files, sockets and command lines.
#ifndef RG_CORE_TEXT_H
#define RG_CORE_TEXT_H

#include <stddef.h>

// Bytes of the UTF-8 character that NUL-terminated text begins with; 0 if it does not begin with one.
size_t rg_utf8_size(const char *text);

// The same, also 0 for the characters that YAML calls unprintable: controls (tab and line ends included),
// the byte order mark, U+FFFE and U+FFFF of each plane.
size_t rg_utf8_printable(const char *text);

// 1 if all characters of the text are printable UTF-8.
int rg_text_is_printable(const char *text);

#endif
