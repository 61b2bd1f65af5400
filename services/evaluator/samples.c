#include "services/evaluator/samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "common/data/image.h"

// Cells [rows,columns,S,S,3].
typedef struct {
    const rg_evaluation_t *evaluation;
    int rows, columns;
    uint8_t *cells; // owned
} grid_t;

static void grid_init(grid_t *grid, const rg_evaluation_t *evaluation, int rows, int columns)
{
    *grid = (grid_t){.evaluation = evaluation, .rows = rows, .columns = columns};
    grid->cells = rg_alloc((size_t)(rows * columns) * rg_evaluation_pixels(evaluation));
}

static void grid_put(grid_t *grid, int row, int column, const float *image)
{
    size_t size = rg_evaluation_pixels(grid->evaluation);
    rg_pixels_to_u8(image, size, grid->cells + (size_t)(row * grid->columns + column) * size);
}

// A column of one image per row.
static void grid_put_column(grid_t *grid, int column, const float *images)
{
    for (int row = 0; row < grid->rows; row++)
        grid_put(grid, row, column, images + (size_t)row * rg_evaluation_pixels(grid->evaluation));
}

// Writes the grid and ends it.
static int grid_write(grid_t *grid, const char *const *titles)
{
    const rg_config_t *config = grid->evaluation->config;
    char folder[RG_PATH_SIZE], name[64], path[RG_PATH_SIZE];
    rg_image_t image;
    snprintf(name, sizeof name, "samples/eval-%s.png", grid->evaluation->nets.info.stage);
    rg_config_path(config, "samples", folder);
    rg_config_path(config, name, path);
    int err = rg_mkdirs(folder);
    if (!err) {
        rg_image_grid(grid->cells, grid->rows, grid->columns, config->data.img_size, titles, &image);
        err = rg_image_write_png(&image, path);
        rg_image_fini(&image);
    }
    free(grid->cells);
    return err;
}

static int rows_of(const rg_evaluation_t *evaluation)
{
    return evaluation->n_test < RG_SAMPLE_ROWS ? (int)evaluation->n_test : RG_SAMPLE_ROWS;
}

void rg_samples_target(const rg_evaluation_t *evaluation, rg_target_t *target, int row, int flip)
{
    const rg_config_t *config = evaluation->config;
    *target = (rg_target_t){.image = evaluation->test[row], .asked = flip, .reference = RG_NO_REFERENCE};
    rg_labels_read(&evaluation->data.set, evaluation->data.column, config, target->image, target->source);
    rg_labels_column(config, target->source, flip, target->wanted);
}

// Content maps and codes of the rows' sources, and room for what is made of them.
typedef struct {
    float *pixels, *content, *own, *code, *image;
} sources_t;

static int sources_init(sources_t *sources, rg_evaluation_t *evaluation, int rows)
{
    size_t width = (size_t)rg_code_width(evaluation->config), n = (size_t)rows;
    sources->pixels = rg_alloc(n * rg_evaluation_pixels(evaluation) * sizeof *sources->pixels);
    sources->image = rg_alloc(n * rg_evaluation_pixels(evaluation) * sizeof *sources->image);
    sources->content = rg_alloc(n * rg_evaluation_content(evaluation) * sizeof *sources->content);
    sources->own = rg_alloc(n * width * sizeof *sources->own);
    sources->code = rg_alloc(n * width * sizeof *sources->code);
    int err = rg_evaluation_load(evaluation, sources->pixels, evaluation->test, rows);
    return err ? err
               : rg_nets_encode(&evaluation->nets, sources->content, sources->own, sources->pixels, rows);
}

static void sources_fini(sources_t *sources)
{
    free(sources->pixels);
    free(sources->image);
    free(sources->content);
    free(sources->own);
    free(sources->code);
}

static void flip_codes(const rg_evaluation_t *evaluation, const sources_t *sources, int rows, int flip)
{
    size_t width = (size_t)rg_code_width(evaluation->config);
    for (int row = 0; row < rows; row++) {
        rg_target_t target;
        rg_samples_target(evaluation, &target, row, flip);
        rg_evaluation_code(evaluation, sources->code + (size_t)row * width,
                           sources->own + (size_t)row * width, &target, NULL);
    }
}

int rg_samples_translation(rg_evaluation_t *evaluation)
{
    const rg_names_t *attributes = &evaluation->config->data.attributes;
    const char *titles[2 + RG_ATTRIBUTES_MAX] = {"source", "rebuilt"};
    int rows = rows_of(evaluation);
    sources_t sources;
    grid_t grid;
    grid_init(&grid, evaluation, rows, 2 + attributes->count);
    int err = sources_init(&sources, evaluation, rows);
    if (!err) grid_put_column(&grid, 0, sources.pixels);
    for (int column = 1; column < grid.columns && !err; column++) {
        if (column > 1) {
            titles[column] = attributes->name[column - 2];
            flip_codes(evaluation, &sources, rows, column - 2);
        }
        rg_nets_source_t source = {.content = sources.content,
                                   .code = column == 1 ? sources.own : sources.code,
                                   .pixels = sources.pixels};
        err = rg_evaluation_translate(evaluation, sources.image, source, rows, &evaluation->nearest);
        if (!err) grid_put_column(&grid, column, sources.image);
    }
    sources_fini(&sources);
    if (!err) return grid_write(&grid, titles);
    free(grid.cells);
    return err;
}

int rg_samples_retrieval(const rg_evaluation_t *evaluation, const uint32_t *shown, int rows, int neighbours,
                         const char *edit)
{
    static const char *const ranks[RG_SAMPLE_NEIGHBOURS] = {"1", "2", "3", "4", "5", "6", "7", "8"};
    const char *titles[1 + RG_SAMPLE_NEIGHBOURS];
    int columns = 1 + neighbours, err = 0;
    float *image = rg_alloc(rg_evaluation_pixels(evaluation) * sizeof *image);
    grid_t grid;
    grid_init(&grid, evaluation, rows, columns);
    titles[0] = edit;
    for (int i = 0; i < neighbours; i++) titles[1 + i] = ranks[i];
    for (int i = 0; i < rows * columns && !err; i++) {
        err = rg_evaluation_load(evaluation, image, &shown[i], 1);
        if (!err) grid_put(&grid, i / columns, i % columns, image);
    }
    free(image);
    if (!err) return grid_write(&grid, titles);
    free(grid.cells);
    return err;
}
