// Sample grids: images in equal square cells with titles above the columns, written as PNG. The trainer and
// the evaluator use a row per source image and a column per output of the model.
#ifndef RG_DATA_GRID_H
#define RG_DATA_GRID_H

#include "common/config/config.h"
#include "common/data/image.h"

typedef struct {
    int rows, columns, side; // side of a cell in pixels
    uint8_t *cells;          // [rows,columns,side,side,3] u8, owned
} rg_grid_t;

void rg_grid_init(rg_grid_t *grid, int rows, int columns, int side); // all cells are black
void rg_grid_fini(rg_grid_t *grid);                                  // accepts a zeroed struct

// The pixels [side,side,3] u8 of a cell, for the caller to fill. They live as long as the grid.
uint8_t *rg_grid_cell(const rg_grid_t *grid, int row, int column);

// Fills one cell from pixels [side,side,3] f32 in -1..1, or a column from [rows,side,side,3].
void rg_grid_put(rg_grid_t *grid, int row, int column, const float *pixels);
void rg_grid_put_column(rg_grid_t *grid, int column, const float *pixels);

// Writes RUN/samples/NAME.png and makes the folder if it is missing. titles [columns]. RG_EIO, RG_EFULL.
int rg_grid_write(const rg_grid_t *grid, const rg_config_t *config, const char *name,
                  const char *const *titles);

// Draws cells [rows*cols,size,size,3] u8, row by row, on white with a small gap. Small cells are enlarged by
// a whole factor to at least 64 pixels. Column titles (NULL: no titles) are drawn above in a built-in bitmap
// font. The caller ends the image with rg_image_fini.
void rg_image_grid(const uint8_t *cells, int rows, int cols, int size, const char *const *titles,
                   rg_image_t *image);

#endif
