#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/data/grid.h"
#include "tests/support/test.h"

static const uint8_t *pixel(const rg_image_t *image, int x, int y)
{
    return image->rgb + 3 * (y * image->width + x);
}

static int count_black(const rg_image_t *image, int y0, int y1)
{
    int n = 0;
    for (int y = y0; y < y1; y++)
        for (int x = 0; x < image->width; x++) n += pixel(image, x, y)[0] == 0;
    return n;
}

// 2x3 cells of 32 pixels, each of one value, enlarged twice.
static void make_grid(const char *const *titles, rg_image_t *grid)
{
    static uint8_t cells[6 * 32 * 32 * 3];
    for (int i = 0; i < 6; i++) memset(cells + i * 32 * 32 * 3, 20 + 10 * i, 32 * 32 * 3);
    rg_image_grid(cells, 2, 3, 32, titles, grid);
}

static void test_cells(void **state)
{
    (void)state;
    rg_image_t grid;
    make_grid(NULL, &grid);
    assert_int_equal(grid.width, 4 + 3 * 68);
    assert_int_equal(grid.height, 4 + 2 * 68);
    for (int i = 0; i < 6; i++) {
        int x = 4 + i % 3 * 68, y = 4 + i / 3 * 68;
        assert_int_equal(pixel(&grid, x, y)[0], 20 + 10 * i);
        assert_int_equal(pixel(&grid, x + 63, y + 63)[2], 20 + 10 * i);
        assert_int_equal(pixel(&grid, x - 1, y)[0], 255);
    }
    rg_image_fini(&grid);
}

static void test_titles(void **state)
{
    (void)state;
    const char *const titles[] = {"Black_Hair", "Blond_Hair=1",
                                  ""}; // ten letters a line: the second needs two
    rg_image_t grid;
    make_grid(titles, &grid);
    int head = grid.height - (4 + 2 * 68);
    assert_int_equal(head, 2 * 9 + 4);
    assert_true(count_black(&grid, 0, 4 + 9) > 100);
    assert_true(count_black(&grid, 4 + 9, 4 + 18) > 20);
    for (int y = 0; y < 4 + head; y++) // none over the third column
        for (int x = 4 + 2 * 68; x < grid.width; x++) assert_int_equal(pixel(&grid, x, y)[0], 255);
    rg_image_fini(&grid);
}

// The 7x9 pixels of the title that is this character.
static void draw_character(char character, uint8_t out[7 * 9])
{
    static const uint8_t cell[64 * 64 * 3];
    const char title[] = {character, 0};
    rg_image_t grid;
    rg_image_grid(cell, 1, 1, 64, (const char *const[]){title}, &grid);
    for (int y = 0; y < 9; y++)
        for (int x = 0; x < 7; x++) out[7 * y + x] = pixel(&grid, 4 + x, 4 + y)[0];
    rg_image_fini(&grid);
}

static void test_characters_look_different(void **state)
{
    (void)state;
    uint8_t drawn[128][7 * 9], box[7 * 9], other[7 * 9];
    for (int c = ' '; c <= '~'; c++) {
        draw_character((char)c, drawn[c]);
        for (int before = ' '; before < c; before++)
            assert_memory_not_equal(drawn[c], drawn[before], sizeof box);
    }
    draw_character('\n', box);
    draw_character((char)200, other);
    assert_memory_equal(box, other, sizeof box);
    assert_memory_not_equal(box, drawn[' '], sizeof box);
}

static void test_png(void **state)
{
    rg_image_t grid;
    uint8_t *bytes;
    size_t size;
    char *path = rg_format("%s/grid.png", (const char *)*state);
    make_grid(NULL, &grid);
    assert_int_equal(rg_image_write(&grid, path), 0);
    assert_int_equal(rg_file_read(path, 1 << 20, &bytes, &size), 0);
    const uint8_t start[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0,
                             0,    13,  'I', 'H', 'D',  'R',  0,    0,    0, 208};
    assert_memory_equal(bytes, start, sizeof start);
    free(bytes);
    free(path);
    path = rg_format("%s/nowhere/grid.png", (const char *)*state);
    assert_int_equal(rg_image_write(&grid, path), RG_EIO);
    assert_non_null(strstr(rg_error(), path));
    free(path);
    rg_image_fini(&grid);
}

// A grid of floats is written into the samples folder of the run, which is created.
static void test_sample_grid(void **state)
{
    enum { SIDE = 32, PIXELS = SIDE * SIDE * 3 };
    static float column[2 * PIXELS];
    const char *const titles[] = {"source", "recon"};
    rg_config_t config;
    rg_grid_t grid;
    rg_config_init(&config);
    snprintf(config.run, sizeof config.run, "%s/run", (const char *)*state);
    for (int i = 0; i < PIXELS; i++) column[i] = 1, column[PIXELS + i] = -1;
    rg_grid_init(&grid, 2, 2, SIDE);
    rg_grid_put_column(&grid, 1, column);
    assert_int_equal(rg_grid_cell(&grid, 0, 0)[0], 0);
    assert_int_equal(rg_grid_cell(&grid, 0, 1)[PIXELS - 1], 255);
    assert_int_equal(rg_grid_cell(&grid, 1, 1)[PIXELS - 1], 0);
    assert_int_equal(rg_grid_write(&grid, &config, "stage1-0000010", titles), 0);
    char *path = rg_format("%s/samples/stage1-0000010.png", config.run);
    assert_true(rg_exists(path));
    free(path);
    rg_grid_fini(&grid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells),
        cmocka_unit_test(test_titles),
        cmocka_unit_test(test_characters_look_different),
        IN_FOLDER(test_png),
        IN_FOLDER(test_sample_grid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
