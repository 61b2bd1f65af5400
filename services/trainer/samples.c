#include "services/trainer/samples.h"

#include <stdio.h>

#include "common/data/grid.h"
#include "common/data/target.h"

enum { ROWS_MAX = 8 };

// A grid under construction. Its first rows are the first images of the batch.
typedef struct {
    rg_translation_t *translation;
    const rg_batch_t *batch;
    rg_grid_t grid;
} sample_t;

// The codes of a column (rg_labels_column): the mean of the wanted component in the dimensions of attributes
// that change, the source's own code elsewhere.
static rg_tensor_t *edited_code(const sample_t *sample, rg_tensor_t *code, int attribute)
{
    const rg_config_t *config = &sample->translation->model->config;
    rg_tape_t *tape = sample->translation->tape;
    int attributes = config->data.attributes.count, rows = sample->grid.rows;
    size_t width = (size_t)code->c;
    unsigned char *wanted = rg_tape_alloc(tape, (size_t)(rows * attributes));
    unsigned char *keep = rg_tape_alloc(tape, (size_t)rows * width);
    float *codes = rg_tape_alloc(tape, (size_t)rows * width * sizeof *codes);
    for (int i = 0; i < rows; i++)
        rg_labels_column(config, sample->batch->labels + i * attributes, attribute, wanted + i * attributes);
    rg_code_of_labels(config, wanted, rows, NULL, codes);
    rg_code_keep(config, sample->batch->labels, wanted, rows, keep);
    return rg_select(tape, keep, code, rg_tape_input(tape, rows, 1, 1, code->c, codes));
}

static int draw_columns(sample_t *sample)
{
    rg_translation_t *t = sample->translation;
    rg_grid_t *grid = &sample->grid;
    const rg_batch_t *batch = sample->batch;
    rg_tape_reset(t->tape);
    rg_tape_pause(t->tape);
    rg_tensor_t *x = rg_tape_input(t->tape, grid->rows, grid->side, grid->side, 3, batch->pixels);
    rg_tensor_t *content = rg_content_encode(t->tape, &t->model->content, x);
    rg_tensor_t *code = rg_attribute_encode(t->tape, &t->model->attribute, x);
    rg_grid_put_column(grid, 0, x->data);
    for (int column = 1; column < grid->columns; column++) {
        const rg_source_t source = {.content = content,
                                    .code = column == 1 ? code : edited_code(sample, code, column - 2),
                                    .own = code,
                                    .image = x};
        rg_grid_put_column(grid, column,
                           rg_translate(t->tape, t->model, source, t->retriever, batch->ids)->data);
    }
    rg_tape_resume(t->tape);
    return rg_tape_error(t->tape);
}

// Exchanges the trained weights with the averaged ones. A second call undoes the first.
static void swap_weights(rg_model_t *model)
{
    for (int part = 0; part < RG_PARTS; part++)
        if (model->set[part].ema) rg_params_swap_ema(&model->set[part]);
}

int rg_samples_write(rg_translation_t *translation, const rg_batch_t *batch, const char *stage, int iteration)
{
    const rg_config_t *config = &translation->model->config;
    const rg_names_t *attributes = &config->data.attributes;
    const char *titles[2 + RG_ATTRIBUTES_MAX] = {"source", "recon"};
    char name[RG_NAME_SIZE];
    sample_t sample = {.translation = translation, .batch = batch};
    for (int i = 0; i < attributes->count; i++) titles[2 + i] = attributes->name[i];
    snprintf(name, sizeof name, "%s-%07d", stage, iteration);
    rg_grid_init(&sample.grid, batch->n < ROWS_MAX ? batch->n : ROWS_MAX, 2 + attributes->count,
                 config->data.img_size);
    swap_weights(translation->model);
    int err = draw_columns(&sample);
    swap_weights(translation->model);
    if (!err) err = rg_grid_write(&sample.grid, config, name, titles);
    rg_grid_fini(&sample.grid);
    return err;
}
