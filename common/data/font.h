// A small bitmap font for titles: glyphs of 5x8 pixels, printable ASCII. Other characters show as a box.
#ifndef RG_DATA_FONT_H
#define RG_DATA_FONT_H

#include <stdint.h>

enum { RG_GLYPH_WIDTH = 5, RG_GLYPH_HEIGHT = 8 };

// 8 rows from the top, bit 4 is the leftmost pixel; the baseline is below row 6.
const uint8_t *rg_font_glyph(char character);

#endif
