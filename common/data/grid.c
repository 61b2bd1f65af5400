#include "common/data/grid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "common/data/font.h"

enum { GAP = 4, CELL_MIN = 64 };

// ---- drawing

// Where everything is, in pixels.
typedef struct {
    int zoom;             // of the cells
    int cell;             // side of an enlarged cell
    int text;             // zoom of the font
    int advance, leading; // from character to character, from line to line
    int head;             // height of the titles
} layout_t;

// How much of the text goes into one line: all, or up to the last blank or sign that fits, or what fits.
static int line_length(const layout_t *layout, const char *text)
{
    int room = layout->cell / layout->advance, length = (int)strlen(text);
    if (length <= room) return length;
    for (int i = room; i > 0; i--)
        if (strchr(" _=,", text[i - 1])) return i;
    return room;
}

static void layout_init(layout_t *layout, int size, int cols, const char *const *titles)
{
    layout->zoom = (CELL_MIN + size - 1) / size;
    layout->cell = size * layout->zoom;
    layout->text = layout->cell / CELL_MIN;
    layout->advance = (RG_GLYPH_WIDTH + 1) * layout->text;
    layout->leading = (RG_GLYPH_HEIGHT + 1) * layout->text;
    int lines = 0;
    for (int c = 0; titles && c < cols; c++) {
        int needed = 0;
        for (const char *line = titles[c]; *line; needed++) line += line_length(layout, line);
        if (needed > lines) lines = needed;
    }
    layout->head = lines ? lines * layout->leading + GAP : 0;
}

static void fill(rg_image_t *grid, int x, int y, int side, const uint8_t rgb[3])
{
    for (int row = y; row < y + side; row++) {
        uint8_t *out = grid->rgb + 3 * ((size_t)row * (size_t)grid->width + (size_t)x);
        for (int i = 0; i < side; i++, out += 3) memcpy(out, rgb, 3);
    }
}

static void draw_glyph(rg_image_t *grid, int x, int y, int zoom, char character)
{
    static const uint8_t ink[3] = {0, 0, 0};
    const uint8_t *rows = rg_font_glyph(character);
    for (int r = 0; r < RG_GLYPH_HEIGHT; r++)
        for (int c = 0; c < RG_GLYPH_WIDTH; c++)
            if (rows[r] >> (RG_GLYPH_WIDTH - 1 - c) & 1) fill(grid, x + c * zoom, y + r * zoom, zoom, ink);
}

static void draw_title(rg_image_t *grid, const layout_t *layout, int x, const char *title)
{
    for (int y = GAP; *title; y += layout->leading)
        for (int i = 0, length = line_length(layout, title); i < length; i++)
            draw_glyph(grid, x + i * layout->advance, y, layout->text, *title++);
}

static void draw_cell(rg_image_t *grid, const layout_t *layout, int x, int y, const uint8_t *cell, int size)
{
    for (int row = 0; row < size; row++)
        for (int column = 0; column < size; column++, cell += 3)
            fill(grid, x + column * layout->zoom, y + row * layout->zoom, layout->zoom, cell);
}

void rg_image_grid(const uint8_t *cells, int rows, int cols, int size, const char *const *titles,
                   rg_image_t *grid)
{
    layout_t layout;
    layout_init(&layout, size, cols, titles);
    int step = layout.cell + GAP;
    rg_image_init(grid, GAP + cols * step, GAP + layout.head + rows * step);
    memset(grid->rgb, 255, (size_t)grid->width * (size_t)grid->height * 3);
    for (int c = 0; titles && c < cols; c++) draw_title(grid, &layout, GAP + c * step, titles[c]);
    for (int i = 0; i < rows * cols; i++)
        draw_cell(grid, &layout, GAP + i % cols * step, GAP + layout.head + i / cols * step,
                  cells + (size_t)i * (size_t)size * (size_t)size * 3, size);
}

// ---- filling

static size_t cell_bytes(const rg_grid_t *grid)
{
    return (size_t)grid->side * (size_t)grid->side * 3;
}

void rg_grid_init(rg_grid_t *grid, int rows, int columns, int side)
{
    *grid = (rg_grid_t){.rows = rows, .columns = columns, .side = side};
    grid->cells = rg_alloc((size_t)(rows * columns) * cell_bytes(grid));
}

void rg_grid_fini(rg_grid_t *grid)
{
    free(grid->cells);
    *grid = (rg_grid_t){0};
}

uint8_t *rg_grid_cell(const rg_grid_t *grid, int row, int column)
{
    return grid->cells + (size_t)(row * grid->columns + column) * cell_bytes(grid);
}

void rg_grid_put(rg_grid_t *grid, int row, int column, const float *pixels)
{
    rg_pixels_to_u8(pixels, cell_bytes(grid), rg_grid_cell(grid, row, column));
}

void rg_grid_put_column(rg_grid_t *grid, int column, const float *pixels)
{
    for (int row = 0; row < grid->rows; row++)
        rg_grid_put(grid, row, column, pixels + (size_t)row * cell_bytes(grid));
}

int rg_grid_write(const rg_grid_t *grid, const rg_config_t *config, const char *name,
                  const char *const *titles)
{
    char folder[RG_PATH_SIZE], file[2 * RG_NAME_SIZE], path[RG_PATH_SIZE];
    rg_config_path(config, "samples", folder);
    int err = rg_mkdirs(folder);
    if (err) return err;
    snprintf(file, sizeof file, "samples/%s.png", name);
    rg_config_path(config, file, path);
    rg_image_t image;
    rg_image_grid(grid->cells, grid->rows, grid->columns, grid->side, titles, &image);
    err = rg_image_write_png(&image, path);
    rg_image_fini(&image);
    return err;
}
