#include "common/data/exif.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/err.h"

// ---- the block: "II" or "MM" (the byte order), 42, the offset of a directory; a directory has its number of
// entries, then 12 bytes each: tag, type, count, value

enum { TAG_ORIENTATION = 0x112, TYPE_SHORT = 3, HEAD = 8, ENTRY = 12 };

typedef struct {
    const uint8_t *bytes;
    size_t size;
    int big; // the highest byte comes first
} block_t;

static uint32_t block_read(const block_t *block, size_t at, int n)
{
    uint32_t value = 0;
    for (int i = 0; i < n; i++) value = value << 8 | block->bytes[at + (size_t)(block->big ? i : n - 1 - i)];
    return value;
}

static int block_open(block_t *block, const uint8_t *exif, size_t size)
{
    if (size >= 6 && memcmp(exif, "Exif\0\0", 6) == 0) exif += 6, size -= 6;
    if (size < HEAD + 2) return 0;
    *block = (block_t){.bytes = exif, .size = size, .big = exif[0] == 'M'};
    return (memcmp(exif, "II", 2) == 0 || memcmp(exif, "MM", 2) == 0) && block_read(block, 2, 2) == 42;
}

int rg__exif_orientation(const uint8_t *exif, size_t size)
{
    block_t block;
    if (!block_open(&block, exif, size)) return 1;
    size_t directory = block_read(&block, 4, 4);
    if (directory > block.size - 2) return 1;
    size_t entries = block_read(&block, directory, 2), most = (block.size - directory - 2) / ENTRY;
    for (size_t i = 0; i < entries && i < most; i++) {
        size_t at = directory + 2 + i * ENTRY;
        if (block_read(&block, at, 2) != TAG_ORIENTATION) continue;
        uint32_t value = block_read(&block, at + 8, 2);
        return block_read(&block, at + 2, 2) == TYPE_SHORT && value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

// ---- turning

int rg__exif_transposes(int orientation)
{
    return orientation >= 5;
}

int rg__exif_reverses_x(int orientation)
{
    return orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
}

int rg__exif_reverses_y(int orientation)
{
    return orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
}

int rg__exif_turn(rg_image_t *image, int orientation)
{
    if (orientation <= 1) return 0;
    int transpose = rg__exif_transposes(orientation), w = image->width, h = image->height;
    rg_image_t turned = {transpose ? h : w, transpose ? w : h, malloc((size_t)w * (size_t)h * 3)};
    if (!turned.rgb) return rg_fail(RG_ELIMIT, "no memory to turn %dx%d pixels", w, h);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            int u = rg__exif_reverses_x(orientation) ? w - 1 - x : x;
            int v = rg__exif_reverses_y(orientation) ? h - 1 - y : y;
            size_t at = transpose ? (size_t)u * (size_t)h + (size_t)v : (size_t)v * (size_t)w + (size_t)u;
            memcpy(turned.rgb + 3 * at, image->rgb + 3 * ((size_t)y * (size_t)w + (size_t)x), 3);
        }
    rg_image_fini(image);
    *image = turned;
    return 0;
}
