#include "services/trainer/samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/data/image.h"
#include "common/data/target.h"

enum { ROWS_MAX = 8 };

// One column of the grid under construction.
typedef struct {
    rg_translation_t *translation;
    const rg_batch_t *batch;
    int rows, columns;
    unsigned char *cells; // [rows,columns,S,S,3]
} grid_t;

static void put_column(grid_t *grid, int column, const rg_tensor_t *image)
{
    size_t cell = rg_tensor_size(image) / (size_t)image->n;
    for (int row = 0; row < grid->rows; row++)
        rg_pixels_to_u8(image->data + (size_t)row * cell, cell,
                        grid->cells + (size_t)(row * grid->columns + column) * cell);
}

// Codes of a column (rg_labels_column): the mean of the wanted component where it changed, the source's own
// elsewhere.
static rg_tensor_t *edited(grid_t *grid, rg_tensor_t *code, int attribute)
{
    const rg_config_t *config = &grid->translation->model->config;
    rg_tape_t *tape = grid->translation->tape;
    int attributes = config->data.attributes.count;
    size_t width = (size_t)code->c;
    unsigned char *wanted = rg_tape_alloc(tape, (size_t)(grid->rows * attributes));
    unsigned char *keep = rg_tape_alloc(tape, (size_t)grid->rows * width);
    float *codes = rg_tape_alloc(tape, (size_t)grid->rows * width * sizeof *codes);
    for (int i = 0; i < grid->rows; i++)
        rg_labels_column(config, grid->batch->labels + i * attributes, attribute, wanted + i * attributes);
    rg_code_of_labels(config, wanted, grid->rows, NULL, codes);
    rg_code_keep(config, grid->batch->labels, wanted, grid->rows, keep);
    return rg_select(tape, keep, code, rg_tape_input(tape, grid->rows, 1, 1, code->c, codes));
}

static int draw(grid_t *grid)
{
    rg_translation_t *t = grid->translation;
    const rg_model_t *model = t->model;
    int side = model->config.data.img_size;
    rg_tape_reset(t->tape);
    rg_tape_pause(t->tape);
    rg_tensor_t *x = rg_tape_input(t->tape, grid->rows, side, side, 3, grid->batch->pixels);
    rg_tensor_t *content = rg_content_encode(t->tape, &model->content, x);
    rg_tensor_t *code = rg_attribute_encode(t->tape, &model->attribute, x);
    put_column(grid, 0, x);
    for (int column = 1; column < grid->columns; column++) {
        const rg_source_t source = {.content = content,
                                    .code = column == 1 ? code : edited(grid, code, column - 2),
                                    .own = code,
                                    .image = x};
        put_column(grid, column, rg_translate(t->tape, model, source, t->retriever, grid->batch->ids));
    }
    rg_tape_resume(t->tape);
    return rg_tape_error(t->tape);
}

// The averaged weights take the place of the trained ones, or give it back.
static void swap_weights(rg_model_t *model)
{
    for (int part = 0; part < RG_PARTS; part++)
        if (model->set[part].ema) rg_params_swap_ema(&model->set[part]);
}

static int write_png(const grid_t *grid, const char *stage, int iteration)
{
    const rg_config_t *config = &grid->translation->model->config;
    const char *titles[2 + RG_ATTRIBUTES_MAX] = {"source", "recon"};
    for (int i = 0; i < config->data.attributes.count; i++) titles[2 + i] = config->data.attributes.name[i];
    char path[RG_PATH_SIZE], name[RG_NAME_SIZE];
    rg_config_path(config, "samples", path);
    int err = rg_mkdirs(path);
    if (err) return err;
    snprintf(name, sizeof name, "samples/%s-%07d.png", stage, iteration);
    rg_config_path(config, name, path);
    rg_image_t image;
    rg_image_grid(grid->cells, grid->rows, grid->columns, config->data.img_size, titles, &image);
    err = rg_image_write_png(&image, path);
    rg_image_fini(&image);
    return err;
}

int rg_samples_write(rg_translation_t *translation, const rg_batch_t *batch, const char *stage, int iteration)
{
    const rg_config_t *config = &translation->model->config;
    size_t cell = (size_t)config->data.img_size * (size_t)config->data.img_size * 3;
    grid_t grid = {.translation = translation,
                   .batch = batch,
                   .rows = batch->n < ROWS_MAX ? batch->n : ROWS_MAX,
                   .columns = 2 + config->data.attributes.count};
    grid.cells = rg_alloc((size_t)(grid.rows * grid.columns) * cell);
    swap_weights(translation->model);
    int err = draw(&grid);
    swap_weights(translation->model);
    if (!err) err = write_png(&grid, stage, iteration);
    free(grid.cells);
    return err;
}
