// The learners of stage 1 and stage 3 (translation.h): what the training loop needs around
// rg_translation_step. These are the weights of the losses, the neighbours of stage 3, and grids of sample
// images.
#include <stdio.h>

#include "common/data/grid.h"
#include "common/data/target.h"
#include "services/trainer/translation.h"

enum { SAMPLE_ROWS_MAX = 8 };

typedef struct {
    rg_translation_t translation;
    rg_loss_weights_t weight;
    rg_neighbour_source_t *neighbours; // borrowed; NULL: none
} translation_learner_t;

static void translation_needs(const rg_config_t *config, int images, rg_batch_needs_t *needs)
{
    *needs = (rg_batch_needs_t){.references = config->targets == RG_TARGETS_BOTH ? images : images / 2,
                                .flipped = config->data.references == RG_REFERENCES_FLIPPED};
}

static int translation_learner_init(translation_learner_t *self, const rg_learner_spec_t *spec,
                                    const rg_train_config_t *train)
{
    self->neighbours = spec->neighbours;
    int err = rg_translation_init(&self->translation, spec->model, spec->backend, train, &self->weight,
                                  spec->neighbours ? &spec->neighbours->retriever : NULL);
    self->translation.ranks = spec->ranks;
    return err;
}

static int stage1_init(void *state, const rg_learner_spec_t *spec)
{
    translation_learner_t *self = state;
    self->weight = spec->config->stage1_loss;
    return translation_learner_init(self, spec, &spec->config->stage1);
}

static int stage3_init(void *state, const rg_learner_spec_t *spec)
{
    translation_learner_t *self = state;
    const rg_config_t *config = spec->config;
    self->weight = config->stage3_loss;
    if (!spec->model->set[RG_ATTRIBUTE]
             .frozen) { // codes that train are held to their components, as in stage 1
        self->weight.kl = config->stage1_loss.kl;
        self->weight.prior = config->stage1_loss.prior;
    }
    return translation_learner_init(self, spec, &config->stage3);
}

static void translation_learner_fini(void *state)
{
    translation_learner_t *self = state;
    rg_translation_fini(&self->translation);
}

static int translation_learner_sets(void *state, rg_params_t *sets[RG_PARTS])
{
    const translation_learner_t *self = state;
    return rg_model_sets(self->translation.model, sets);
}

static int translation_learner_tapes(void *state, rg_tape_t *tapes[RG_LEARNER_TAPES])
{
    const translation_learner_t *self = state;
    tapes[0] = self->translation.tape;
    tapes[1] = self->translation.tape_d;
    return 2;
}

static int translation_learner_step(void *state, const rg_batch_t *batch, rg_rng_t *rng, int iteration,
                                    rg_losses_t *losses)
{
    translation_learner_t *self = state;
    rg_translation_t *translation = &self->translation;
    rg_draws_t draws;
    if (self->neighbours)
        rg_neighbour_source_begin(self->neighbours, batch, rg_translation_targets(translation, batch),
                                  iteration);
    rg_translation_draw(translation, batch, rng, &draws);
    return rg_translation_step(translation, batch, &draws, iteration, losses);
}

// ---- samples

// A grid under construction. Its first rows are the first images of the batch.
typedef struct {
    rg_translation_t *translation;
    const rg_batch_t *batch;
    rg_grid_t grid;
} sample_t;

// The codes of a column (rg_labels_column): the mean of the wanted component in the dimensions of attributes
// that change, the source's own code elsewhere.
static rg_tensor_t *sample_code(const sample_t *sample, rg_tensor_t *code, int attribute)
{
    const rg_config_t *config = &sample->translation->model->config;
    rg_tape_t *tape = sample->translation->tape;
    int attributes = config->data.attributes.count, rows = sample->grid.rows;
    size_t width = (size_t)code->c;
    unsigned char *wanted = rg_tape_alloc(tape, (size_t)(rows * attributes));
    unsigned char *keep = rg_tape_alloc(tape, (size_t)rows * width);
    float *codes = rg_tape_alloc(tape, (size_t)rows * width * sizeof *codes);
    for (int i = 0; i < rows; i++)
        rg_labels_column(&config->data, sample->batch->labels + i * attributes, attribute,
                         wanted + i * attributes);
    rg_code_of_labels(config, wanted, rows, NULL, codes);
    rg_code_keep(config, sample->batch->labels, wanted, rows, keep);
    return rg_select(tape, keep, code, rg_tape_input(tape, rows, 1, 1, code->c, codes));
}

static int draw_sample_columns(sample_t *sample)
{
    rg_translation_t *t = sample->translation;
    rg_grid_t *grid = &sample->grid;
    const rg_batch_t *batch = sample->batch;
    rg_tape_reset(t->tape);
    rg_tape_pause(t->tape);
    rg_tensor_t *x = rg_tape_input(t->tape, grid->rows, grid->side, grid->side, 3, batch->pixels);
    rg_tensor_t *content = rg_content_encode(t->tape, &t->model->content, x);
    rg_tensor_t *code = rg_attribute_encode(t->tape, &t->model->attribute, x);
    rg_grid_put_column(grid, 0, batch->pixels);
    for (int column = 1; column < grid->columns && !rg_tape_interrupted(t->tape); column++) {
        const rg_translate_source_t source = {.content = content,
                                              .code =
                                                  column == 1 ? code : sample_code(sample, code, column - 2),
                                              .own = code};
        rg_tensor_t *y = rg_translate(t->tape, t->model, source, x, t->retriever, batch->ids);
        rg_grid_put_column(grid, column, rg_tape_read(t->tape, y));
    }
    rg_tape_resume(t->tape);
    return rg_tape_error(t->tape);
}

// Exchanges the trained weights with the averaged ones. A second call undoes the first.
static int swap_weights(rg_model_t *model)
{
    int err = 0;
    for (int part = 0; part < RG_PARTS; part++) {
        int failed = model->set[part].ema ? rg_params_swap_ema(&model->set[part]) : 0;
        if (!err) err = failed;
    }
    return err;
}

// Writes RUN/samples/STAGE-ITERATION.png: the first images of the batch as rows; source, reconstruction and
// every attribute changed (rg_labels_column) as columns, with the averaged weights.
static int translation_learner_sample(void *state, const rg_batch_t *batch, const char *stage, int iteration)
{
    translation_learner_t *self = state;
    rg_model_t *model = self->translation.model;
    const rg_config_t *config = &model->config;
    const rg_names_t *attributes = &config->data.attributes;
    const char *titles[2 + RG_ATTRIBUTES_MAX] = {"source", "recon"};
    char name[RG_NAME_SIZE];
    sample_t sample = {.translation = &self->translation, .batch = batch};
    for (int i = 0; i < attributes->count; i++) titles[2 + i] = attributes->name[i];
    snprintf(name, sizeof name, "%s-%07d", stage, iteration);
    rg_grid_init(&sample.grid, batch->n < SAMPLE_ROWS_MAX ? batch->n : SAMPLE_ROWS_MAX, 2 + attributes->count,
                 config->data.img_size);
    int err = swap_weights(model);
    if (!err) err = draw_sample_columns(&sample);
    swap_weights(model);
    if (!err) err = rg_grid_write(&sample.grid, config, name, titles);
    rg_grid_fini(&sample.grid);
    return err;
}

// ---- the tables

const rg_learner_t rg_stage1_learner = {
    .size = sizeof(translation_learner_t),
    .needs = translation_needs,
    .init = stage1_init,
    .fini = translation_learner_fini,
    .sets = translation_learner_sets,
    .tapes = translation_learner_tapes,
    .step = translation_learner_step,
    .sample = translation_learner_sample,
};

const rg_learner_t rg_stage3_learner = {
    .size = sizeof(translation_learner_t),
    .needs = translation_needs,
    .init = stage3_init,
    .fini = translation_learner_fini,
    .sets = translation_learner_sets,
    .tapes = translation_learner_tapes,
    .step = translation_learner_step,
    .sample = translation_learner_sample,
};
