#include "services/evaluator/samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/data/grid.h"

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

// Writes samples/eval-STAGE.png, or eval-STAGE-PART.png, and ends the grid.
static int grid_write(grid_t *grid, const char *part, const char *const *titles)
{
    const rg_config_t *config = grid->evaluation->config;
    char folder[RG_PATH_SIZE], name[2 * RG_NAME_SIZE], path[RG_PATH_SIZE];
    rg_image_t image;
    snprintf(name, sizeof name, "samples/eval-%s%s%s.png", grid->evaluation->nets.info.stage,
             *part ? "-" : "", part);
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
    return evaluation->n_images < RG_SAMPLE_ROWS ? (int)evaluation->n_images : RG_SAMPLE_ROWS;
}

void rg_samples_target(const rg_evaluation_t *evaluation, rg_target_t *target, int row, int flip)
{
    const rg_config_t *config = evaluation->config;
    *target = (rg_target_t){.image = evaluation->images[row], .asked = flip, .reference = RG_NO_REFERENCE};
    rg_labels_read(&evaluation->data.set, evaluation->data.column, &config->data, target->image,
                   target->source);
    rg_labels_column(&config->data, target->source, flip, target->wanted);
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
    int err = rg_evaluation_load(evaluation, sources->pixels, evaluation->images, rows);
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
                                   .own = sources.own,
                                   .code = column == 1 ? sources.own : sources.code,
                                   .pixels = sources.pixels};
        err = rg_evaluation_translate(evaluation, sources.image, source, rows, &evaluation->nearest);
        if (!err) grid_put_column(&grid, column, sources.image);
    }
    sources_fini(&sources);
    if (!err) return grid_write(&grid, "", titles);
    free(grid.cells);
    return err;
}

// ---- what guides a translation

// A grid whose cells are filled as the neighbours come.
typedef struct {
    grid_t grid;
    int err;
    char sentence[256]; // of the first error
} guidance_t;

static int put_thumbnail(grid_t *grid, int row, int column, const rg_msg_t *reply, size_t i)
{
    const rg_config_t *config = grid->evaluation->config;
    const int side = config->data.img_size;
    const rg_jpeg_limits_t limits = {.max_bytes = (size_t)config->limits.image_max_mib << 20,
                                     .max_side = config->limits.image_max_side};
    const Rg__V1__Neighbour *neighbour = ((const Rg__V1__SearchReply *)rg_msg_body(reply))->neighbours[i];
    char name[24];
    rg_payload_t jpeg;
    if (neighbour->id.len == 0) return 0; // there are fewer: the cell stays black
    snprintf(name, sizeof name, "%zu", i);
    int err = rg_msg_payload(reply, name, RG__V1__DTYPE__U8, 1, NULL, &jpeg);
    uint8_t *cell =
        grid->cells + (size_t)(row * grid->columns + column) * rg_evaluation_pixels(grid->evaluation);
    return err ? err : rg_image_load(jpeg.data, jpeg.size, &limits, side, side, neighbour->name, cell);
}

// The neighbours of the rows from `first` on, in columns 1 to k.
static void put_thumbnails(void *self, int first, const rg_msg_t *reply)
{
    guidance_t *guidance = self;
    const Rg__V1__SearchReply *body = rg_msg_body(reply);
    int k = guidance->grid.evaluation->config->model.k;
    for (size_t i = 0; i < body->n_neighbours && !guidance->err; i++)
        guidance->err = put_thumbnail(&guidance->grid, first + (int)i / k, 1 + (int)i % k, reply, i);
    if (guidance->err) snprintf(guidance->sentence, sizeof guidance->sentence, "%s", rg_error());
}

// Translates the sources, and shows which neighbours the decoder was given.
static int translate_and_show(guidance_t *guidance, rg_evaluation_t *evaluation, const sources_t *sources,
                              rg_nets_source_t source)
{
    rg_neighbours_t *nearest = &evaluation->nearest;
    nearest->thumbnails = 1;
    nearest->see = put_thumbnails;
    nearest->see_self = guidance;
    int err = rg_evaluation_translate(evaluation, sources->image, source, guidance->grid.rows, nearest);
    nearest->thumbnails = 0;
    nearest->see = NULL;
    if (!err && guidance->err) err = rg_fail(guidance->err, "%s", guidance->sentence);
    return err;
}

static int draw_guidance(rg_evaluation_t *evaluation, const sources_t *sources, int rows, int flip)
{
    const char *attribute = evaluation->config->data.attributes.name[flip];
    int k = evaluation->config->model.k;
    const char **titles = rg_alloc((size_t)(k + 3) * sizeof *titles);
    const rg_nets_source_t source = {
        .content = sources->content, .own = sources->own, .code = sources->code, .pixels = sources->pixels};
    guidance_t guidance = {0};
    grid_t *grid = &guidance.grid;
    grid_init(grid, evaluation, rows, k + 3);
    grid_put_column(grid, 0, sources->pixels);
    flip_codes(evaluation, sources, rows, flip);
    for (int i = 2; i <= k; i++) titles[i] = "";
    titles[0] = "source", titles[1] = "retrieved", titles[k + 1] = attribute, titles[k + 2] = "random";
    int err = translate_and_show(&guidance, evaluation, sources, source);
    if (!err) grid_put_column(grid, k + 1, sources->image);
    if (!err) err = rg_evaluation_translate(evaluation, sources->image, source, rows, &evaluation->random);
    if (!err) grid_put_column(grid, k + 2, sources->image);
    if (!err)
        err = grid_write(grid, attribute, titles);
    else
        free(grid->cells);
    free(titles);
    return err;
}

int rg_samples_guidance(rg_evaluation_t *evaluation)
{
    int rows = rows_of(evaluation);
    sources_t sources;
    int err = sources_init(&sources, evaluation, rows);
    for (int flip = 0; flip < evaluation->config->data.attributes.count && !err; flip++)
        err = draw_guidance(evaluation, &sources, rows, flip);
    sources_fini(&sources);
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
    if (!err) return grid_write(&grid, "", titles);
    free(grid.cells);
    return err;
}
