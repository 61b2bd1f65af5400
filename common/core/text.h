// Text from files, sockets and command lines: checks of UTF-8, and what is shown of text that is not clean.
//
// One rule holds for all text from outside: a byte that may not be shown is written as % and two hexadecimal
// digits. The name of an image follows the rule as soon as it enters the system, so that every client can
// read every name and no terminal obeys one.
#ifndef RG_CORE_TEXT_H
#define RG_CORE_TEXT_H

#include <stddef.h>

// Bytes of the UTF-8 character that NUL-terminated text begins with; 0 if it does not begin with one.
size_t rg_utf8_size(const char *text);

// The same, also 0 for the characters that YAML calls unprintable: controls (tab and line ends included),
// the byte order mark, U+FFFE and U+FFFF of each plane.
size_t rg_utf8_printable(const char *text);

// The same, also 0 for the characters that change how a terminal shows the text around them: the line and
// paragraph separators, and those that turn the direction of writing (UAX #9).
size_t rg_utf8_showable(const char *text);

// 1 if all characters of the text are printable UTF-8; 1 if all are UTF-8.
int rg_text_is_printable(const char *text);
int rg_text_is_utf8(const char *text);

// Writes the text to out [size]. Each byte of a character that is not showable becomes %XX. Text that does
// not fit is cut before a character.
void rg_text_escape(const char *text, char *out, size_t size);

// A copy of the text, free() it: only bytes that are not UTF-8 become %XX, so lines and tabs stay.
char *rg_text_repair(const char *text);

// Makes the name of an image of a path or any other text: escaped as above, at most RG_TEXT_NAME bytes. A
// longer text becomes "~" HASH "~" and its end, where HASH is 16 digits made of the whole text. A name stays
// as it is.
enum { RG_TEXT_NAME = 255 };
void rg_text_name(const char *text, char out[RG_TEXT_NAME + 1]);

#endif
