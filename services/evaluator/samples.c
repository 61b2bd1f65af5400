#include "services/evaluator/samples.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/data/grid.h"
#include "common/data/image.h"

// Writes samples/eval-STAGE.png, or eval-STAGE-PART.png.
static int write_grid(const rg_evaluation_t *evaluation, const rg_grid_t *grid, const char *part,
                      const char *const *titles)
{
    char name[2 * RG_NAME_SIZE];
    snprintf(name, sizeof name, "eval-%s%s%s", evaluation->inference->info.stage, *part ? "-" : "", part);
    return rg_grid_write(grid, evaluation->config, name, titles);
}

static int count_rows(const rg_evaluation_t *evaluation)
{
    return evaluation->n_images < RG_SAMPLE_ROWS ? (int)evaluation->n_images : RG_SAMPLE_ROWS;
}

void rg_samples_target(const rg_evaluation_t *evaluation, rg_target_t *target, int row, int attribute)
{
    const rg_config_t *config = evaluation->config;
    *target =
        (rg_target_t){.image = evaluation->images[row], .asked = attribute, .reference = RG_NO_REFERENCE};
    rg_labels_read(&evaluation->data.set, evaluation->data.column, &config->data, target->image,
                   target->source);
    rg_labels_column(&config->data, target->source, attribute, target->wanted);
}

// Fills the codes of the batch's first rows for one changed attribute.
static void fill_codes(rg_evaluation_batch_t *batch, int rows, int attribute)
{
    rg_target_t target[RG_SAMPLE_ROWS];
    for (int row = 0; row < rows; row++) rg_samples_target(batch->evaluation, &target[row], row, attribute);
    rg_evaluation_batch_codes(batch, target, NULL, rows);
}

// ---- translations

static int fill_column(rg_evaluation_batch_t *batch, rg_grid_t *grid, int column, const float *code,
                       rg_neighbours_t *neighbours)
{
    int err = rg_evaluation_batch_translate(batch, batch->image, code, grid->rows, neighbours);
    if (!err) rg_grid_put_column(grid, column, batch->image);
    return err;
}

int rg_samples_translation(rg_evaluation_t *evaluation)
{
    const rg_names_t *attributes = &evaluation->config->data.attributes;
    const char *titles[2 + RG_ATTRIBUTES_MAX] = {"source", "recon"};
    int rows = count_rows(evaluation);
    rg_evaluation_batch_t batch;
    rg_grid_t grid;
    rg_evaluation_batch_init(&batch, evaluation, rows);
    rg_grid_init(&grid, rows, 2 + attributes->count, evaluation->config->data.img_size);
    int err = rg_evaluation_batch_encode(&batch, evaluation->images, rows);
    if (!err) rg_grid_put_column(&grid, 0, batch.pixels);
    if (!err) err = rg_evaluation_batch_reconstruct(&batch, rows);
    if (!err) rg_grid_put_column(&grid, 1, batch.image);
    for (int a = 0; a < attributes->count && !err; a++) {
        titles[2 + a] = attributes->name[a];
        fill_codes(&batch, rows, a);
        err = fill_column(&batch, &grid, 2 + a, batch.code, &evaluation->nearest);
    }
    if (!err) err = write_grid(evaluation, &grid, "", titles);
    rg_evaluation_batch_fini(&batch);
    rg_grid_fini(&grid);
    return err;
}

// ---- the neighbours that guide a translation

// A grid whose cells are filled while the replies with the neighbours arrive.
typedef struct {
    const rg_evaluation_t *evaluation;
    rg_grid_t grid;
    rg_failure_t failure; // of the first thumbnail that cannot be shown
} guidance_t;

static int put_thumbnail(guidance_t *guidance, int row, int column, const rg_msg_t *reply, size_t i)
{
    const rg_config_t *config = guidance->evaluation->config;
    const Rg__V1__Neighbour *neighbour = ((const Rg__V1__SearchReply *)rg_msg_body(reply))->neighbours[i];
    char name[24];
    rg_payload_t jpeg;
    if (neighbour->id.len == 0) return 0; // the set has fewer images than that: the cell stays black
    snprintf(name, sizeof name, "%zu", i);
    int err = rg_msg_payload(reply, name, RG__V1__DTYPE__U8, 1, NULL, &jpeg);
    return err ? err
               : rg_image_decode_stored(config, jpeg.data, jpeg.size, neighbour->name,
                                        rg_grid_cell(&guidance->grid, row, column));
}

// Shows the neighbours of the rows from `first` on, in columns 1 to k. Those of the reconstructions, which follow
// with model.detail, have no cells.
static void put_thumbnails(void *self, int first, const rg_msg_t *reply)
{
    guidance_t *guidance = self;
    const Rg__V1__SearchReply *body = rg_msg_body(reply);
    int k = guidance->evaluation->config->model.k;
    for (size_t i = 0; i < body->n_neighbours && !guidance->failure.err; i++) {
        int row = first + (int)i / k;
        if (row >= guidance->grid.rows) return;
        rg_failure_keep(&guidance->failure, put_thumbnail(guidance, row, 1 + (int)i % k, reply, i));
    }
}

// Translates the batch and shows the neighbours that the decoder was given.
static int translate_and_show(guidance_t *guidance, rg_evaluation_batch_t *batch, int column)
{
    rg_neighbours_t *nearest = &batch->evaluation->nearest;
    nearest->thumbnails = 1;
    nearest->on_reply = put_thumbnails;
    nearest->on_reply_self = guidance;
    int err = fill_column(batch, &guidance->grid, column, batch->code, nearest);
    nearest->thumbnails = 0;
    nearest->on_reply = NULL;
    return err ? err : rg_failure_raise(&guidance->failure);
}

static int draw_guidance(rg_evaluation_batch_t *batch, int rows, int attribute)
{
    rg_evaluation_t *evaluation = batch->evaluation;
    const char *name = evaluation->config->data.attributes.name[attribute];
    int k = evaluation->config->model.k;
    const char **titles = rg_alloc((size_t)(k + 3) * sizeof *titles);
    guidance_t guidance = {.evaluation = evaluation};
    rg_grid_init(&guidance.grid, rows, k + 3, evaluation->config->data.img_size);
    rg_grid_put_column(&guidance.grid, 0, batch->pixels);
    fill_codes(batch, rows, attribute);
    for (int i = 2; i <= k; i++) titles[i] = "";
    titles[0] = "source", titles[1] = "retrieved", titles[k + 1] = name, titles[k + 2] = "random";
    int err = translate_and_show(&guidance, batch, k + 1);
    if (!err) err = fill_column(batch, &guidance.grid, k + 2, batch->code, &evaluation->random);
    if (!err) err = write_grid(evaluation, &guidance.grid, name, titles);
    rg_grid_fini(&guidance.grid);
    free(titles);
    return err;
}

int rg_samples_guidance(rg_evaluation_t *evaluation)
{
    int rows = count_rows(evaluation);
    rg_evaluation_batch_t batch;
    rg_evaluation_batch_init(&batch, evaluation, rows);
    int err = rg_evaluation_batch_encode(&batch, evaluation->images, rows);
    for (int a = 0; a < evaluation->config->data.attributes.count && !err; a++)
        err = draw_guidance(&batch, rows, a);
    rg_evaluation_batch_fini(&batch);
    return err;
}

// ---- what was retrieved

int rg_samples_retrieval(const rg_evaluation_t *evaluation, const uint32_t *shown, int rows, int neighbours,
                         const char *edit)
{
    static const char *const ranks[RG_SAMPLE_NEIGHBOURS] = {"1", "2", "3", "4", "5", "6", "7", "8"};
    const char *titles[1 + RG_SAMPLE_NEIGHBOURS] = {edit};
    int columns = 1 + neighbours, err = 0;
    float *image = rg_alloc(rg_evaluation_image_size(evaluation) * sizeof *image);
    rg_grid_t grid;
    rg_grid_init(&grid, rows, columns, evaluation->config->data.img_size);
    for (int i = 0; i < neighbours; i++) titles[1 + i] = ranks[i];
    for (int i = 0; i < rows * columns && !err; i++) {
        err = rg_evaluation_load(evaluation, image, &shown[i], 1);
        if (!err) rg_grid_put(&grid, i / columns, i % columns, image);
    }
    free(image);
    if (!err) err = write_grid(evaluation, &grid, "", titles);
    rg_grid_fini(&grid);
    return err;
}
