// rg-ctl translate: changes attributes of images, and writes one picture of the results or one file per
// translation.
//
// The picture has one row per image. Its columns are the source, the reference if there is one, and then for
// each set of wanted attributes `samples` translations. Files are written by translation_files.c.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/wire/edits.h"
#include "common/wire/json.h"
#include "services/ctl/caller.h"
#include "services/ctl/command.h"
#include "services/ctl/output.h"
#include "services/ctl/pictures.h"
#include "services/ctl/translation_files.h"

enum { SAMPLES_MAX = 64, WANTED_MAX = 2 * RG_ATTRIBUTES_MAX };
static const size_t grid_bytes_max = 1 << 30;

typedef struct {
    rg_pictures_t images;
    int samples, force;
    uint64_t seed;
    Rg__V1__Guidance guidance;
    const char *attributes, *reference, *out;
} translate_t;

static int translate_read_image(void *field, const char *text)
{
    return *text ? rg_pictures_add(field, (char *)text) : rg_fail(RG_EUSAGE, "expected a file or a folder");
}

static int translate_read_guidance(void *field, const char *text)
{
    Rg__V1__Guidance *guidance = field;
    int none = strcmp(text, "none") == 0;
    if (!none && strcmp(text, "retrieved") != 0) return rg_fail(RG_EUSAGE, "expected retrieved or none");
    *guidance = none ? RG__V1__GUIDANCE__NONE : RG__V1__GUIDANCE__RETRIEVED;
    return 0;
}

static const rg_command_option_t translate_options[] = {
    {"image", 'i', "PATH", "The image to translate, or a folder of images; may be repeated",
     RG_OPTION_READ(translate_t, images, translate_read_image), .required = 1},
    {"attr", 'a', "NAME=0|1,...", "Wanted attributes; without it one translation for each attribute value",
     RG_OPTION_TEXT(translate_t, attributes)},
    {"samples", 'n', "N", "Draws of the attribute code (default 1: the mean)",
     RG_OPTION_NUMBER(translate_t, samples, 1, SAMPLES_MAX)},
    {"seed", 0, "S", "Seed of the draws (default 1)", RG_OPTION_NUMBER(translate_t, seed, 0, INT64_MAX)},
    {"guidance", 0, "WHAT", "Neighbours that guide a stage 3 model: retrieved (default) or none",
     RG_OPTION_READ(translate_t, guidance, translate_read_guidance)},
    {"reference", 'r', "FILE",
     "Take the codes of the wanted attributes (without --attr: of all) from this image",
     RG_OPTION_TEXT(translate_t, reference)},
    {"out", 'o', "FILE|DIR",
     "The picture to write (.png, .jpg or .webp), or the folder for one file per translation",
     RG_OPTION_TEXT(translate_t, out), .required = 1},
    {"force", 'f', NULL, "With a folder: also write the files that exist",
     RG_OPTION_FLAG(translate_t, force)},
    {0},
};

static int translate_check(const void *own)
{
    const translate_t *translate = own;
    if (translate->reference && translate->samples > 1)
        return rg_fail(RG_EUSAGE, "--samples draws codes, --reference gives them: use one of the two");
    return 0;
}

typedef struct {
    const rg_options_t *options;
    const translate_t *own;
    rg_wanted_t wanted[WANTED_MAX];
    int n_wanted;
    uint8_t *reference; // [S,S,3]; NULL: none
    rg_translator_t translator;
    // the picture
    int first, cols;     // column of the first translation, columns in all
    uint8_t *sources;    // [N,S,S,3]
    uint8_t *translated; // [N,samples,S,S,3] of one set of wanted attributes
    uint8_t *cells;      // [N,cols,S,S,3]
} translation_t;

// ---- what is wanted

// "b" of "faces/b.jpg".
static void reference_title(const char *path, char out[RG_WANTED_TITLE])
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    int length = dot && dot > name ? (int)(dot - name) : (int)strlen(name);
    snprintf(out, RG_WANTED_TITLE, "like-%.*s", length, name);
}

// With --attr there is one set; with --reference alone there is one, of all attributes; otherwise one per
// domain.
static int translate_choose_wanted(translation_t *task)
{
    const rg_config_t *config = &task->options->config;
    rg_wanted_t *only = &task->wanted[0];
    task->n_wanted = 1;
    if (task->own->attributes) {
        int err = rg_edits_parse(&only->edits, config, task->own->attributes);
        if (!err) rg_edits_title(&only->edits, config, only->title, sizeof only->title);
        return err;
    }
    if (task->own->reference) {
        reference_title(task->own->reference, only->title);
        rg_edits_init(&only->edits);
        for (int i = 0; i < config->data.attributes.count; i++) only->edits.value[i] = 1;
        return 0;
    }
    task->n_wanted = rg_edits_domain(config, -1, NULL, NULL);
    for (int i = 0; i < task->n_wanted; i++)
        rg_edits_domain(config, i, &task->wanted[i].edits, task->wanted[i].title);
    return 0;
}

static int translate_load_reference(translation_t *task)
{
    const rg_config_t *config = &task->options->config;
    if (!task->own->reference) return 0;
    task->reference = rg_alloc(rg_image_bytes(config));
    return rg_picture_load(config, task->own->reference, task->reference, NULL);
}

// ---- one picture

static int load_sources(translation_t *task)
{
    const rg_config_t *config = &task->options->config;
    const rg_pictures_t *images = &task->own->images;
    size_t size = rg_image_bytes(config);
    int err = 0;
    task->sources = rg_alloc((size_t)images->n * size);
    for (int i = 0; i < images->n && !err; i++)
        err = rg_picture_load(config, images->path[i], task->sources + (size_t)i * size, NULL);
    return err;
}

static void put_cell(translation_t *task, int row, int col, const uint8_t *pixels)
{
    size_t size = rg_image_bytes(&task->options->config);
    memcpy(task->cells + ((size_t)row * (size_t)task->cols + (size_t)col) * size, pixels, size);
}

static int check_grid_size(const translation_t *task)
{
    size_t rows = (size_t)task->own->images.n, cols = (size_t)task->cols;
    if (rows * cols <= grid_bytes_max / rg_image_bytes(&task->options->config)) return 0;
    return rg_fail(
        RG_ELIMIT,
        "%zu rows of %zu images are too many for one picture: give a folder, --out %s/, for one file "
        "per translation",
        rows, cols, task->own->out);
}

// Fills the columns of one set of wanted attributes.
static int translate_columns(translation_t *task, int wanted)
{
    int samples = task->own->samples, images = task->own->images.n;
    size_t size = rg_image_bytes(&task->options->config);
    int err = rg_translator_run(&task->translator, &task->wanted[wanted].edits, task->sources, images,
                                task->translated);
    for (int i = 0; i < images * samples && !err; i++)
        put_cell(task, i / samples, task->first + wanted * samples + i % samples,
                 task->translated + (size_t)i * size);
    return err;
}

static int translate_all_columns(translation_t *task)
{
    rg_caller_t *encoder;
    int err = rg_caller_open(&encoder, &task->options->config, "encoder");
    if (err) return err;
    task->translator.encoder = encoder;
    rg_progress_bar_t *progress =
        rg_caller_show(encoder, "translate", "columns", task->options->json, NULL, NULL);
    for (int i = 0; i < task->n_wanted && !err; i++) {
        rg_progress_bar_update(progress, (uint64_t)i, (uint64_t)task->n_wanted, NULL);
        err = translate_columns(task, i);
    }
    rg_caller_close(&encoder);
    return err;
}

static int write_grid(translation_t *task)
{
    const rg_config_t *config = &task->options->config;
    const translate_t *own = task->own;
    const char *titles[2 + WANTED_MAX * SAMPLES_MAX] = {"source"};
    size_t size = rg_image_bytes(config);
    if (task->reference) titles[1] = "reference";
    for (int i = task->first; i < task->cols; i++)
        titles[i] = task->wanted[(i - task->first) / own->samples].title;
    for (int i = 0; i < own->images.n; i++) {
        put_cell(task, i, 0, task->sources + (size_t)i * size);
        if (task->reference) put_cell(task, i, 1, task->reference);
    }
    return rg_picture_grid(config, task->cells, own->images.n, task->cols, titles, own->out);
}

static void print_grid(const translation_t *task)
{
    const rg_translator_t *by = &task->translator;
    if (!task->options->json) {
        const int n = task->own->images.n * (task->cols - task->first);
        rg_output_line("%d translation%s by the weights of %s, picture: %s", n, n == 1 ? "" : "s", by->stage,
                       task->own->out);
        return;
    }
    json_t *columns = json_array();
    for (int i = 0; i < task->n_wanted; i++)
        json_array_append_new(columns, rg_json_text(task->wanted[i].title));
    rg_output_json(json_pack("{s:o, s:o, s:I, s:i, s:o}", "out", rg_json_text(task->own->out), "stage",
                             rg_json_text(by->stage), "generation", (json_int_t)by->generation, "samples",
                             task->own->samples, "columns", columns));
}

static int translate_to_grid(translation_t *task)
{
    size_t size = rg_image_bytes(&task->options->config), images = (size_t)task->own->images.n;
    task->first = task->reference ? 2 : 1;
    task->cols = task->first + task->n_wanted * task->own->samples;
    int err = check_grid_size(task);
    if (!err) err = load_sources(task);
    if (err) return err;
    task->cells = rg_alloc(images * (size_t)task->cols * size);
    task->translated = rg_alloc(images * (size_t)task->own->samples * size);
    err = translate_all_columns(task);
    if (!err) err = write_grid(task);
    if (!err) print_grid(task);
    return err;
}

// ---- the command

// A folder ends in a slash, exists, or has a name without an ending.
static int names_a_folder(const char *out)
{
    const char *slash = strrchr(out, '/'), *name = slash ? slash + 1 : out;
    return !*name || rg_is_folder(out) || !strchr(name, '.');
}

static int check_grid_images(const translate_t *own)
{
    for (int i = 0; i < own->images.n; i++)
        if (rg_is_folder(own->images.path[i]))
            return rg_fail(RG_EUSAGE, "--image %s is a folder, so --out must name one, too: --out %s/",
                           own->images.path[i], own->out);
    if (rg_image_check_path(own->out))
        return rg_fail(RG_EUSAGE, "--out %s; a folder with a slash", rg_error());
    return own->force ? rg_fail(RG_EUSAGE, "--force is for files in a folder; a picture is always written")
                      : 0;
}

static int translate_to_files(const translation_t *task)
{
    return rg_translation_files_write(&(rg_translation_files_t){.options = task->options,
                                                                .images = &task->own->images,
                                                                .folder = task->own->out,
                                                                .wanted = task->wanted,
                                                                .n_wanted = task->n_wanted,
                                                                .force = task->own->force,
                                                                .settings = task->translator});
}

static int translate_run(const rg_options_t *options, const void *input)
{
    translation_t *task = rg_alloc(sizeof *task);
    task->options = options;
    task->own = input;
    int folder = names_a_folder(task->own->out), err = folder ? 0 : check_grid_images(task->own);
    if (!err && !folder) err = rg_picture_check_out(task->own->out);
    if (!err) err = translate_choose_wanted(task);
    if (!err) err = translate_load_reference(task);
    task->translator = (rg_translator_t){.config = &options->config,
                                         .samples = task->own->samples,
                                         .seed = task->own->seed,
                                         .guidance = task->own->guidance,
                                         .reference = task->reference};
    if (!err) err = folder ? translate_to_files(task) : translate_to_grid(task);
    free(task->reference);
    free(task->sources);
    free(task->translated);
    free(task->cells);
    free(task);
    return err;
}

const rg_command_t rg_command_translate = {
    .name = "translate",
    .summary = "Translate images to other attributes",
    .help =
        "Changes attributes of images with the newest weights that the encoder serves.\n\n"
        "--out face.png writes one picture: a row per image, the source first. --out DIR writes one file per "
        "translation, of any number of images, named SOURCE-WANTED.png (with --samples "
        "SOURCE-WANTED-DRAW.png): 000001-Blond_Hair.png, 000001-Male+.png, 000001-Male+,Young--2.png; + is "
        "1, "
        "- is 0. Images found below a folder keep their subfolders. A file that exists is kept, so the same "
        "command resumes an interrupted one. An image that cannot be read is named with the reason, and the "
        "exit code is 1.",
    .examples = "  rg-ctl translate --config configs/smoke.yaml --image face.jpg --out grid.png\n"
                "  rg-ctl translate --config configs/smoke.yaml --image face.jpg \\\n"
                "      --attr Male=1,Young=0 --samples 5 --out grid.png\n"
                "  rg-ctl translate --config configs/smoke.yaml --image a.jpg \\\n"
                "      --reference b.jpg --out grid.png\n"
                "  rg-ctl translate --config configs/smoke.yaml --image a.jpg --guidance none \\\n"
                "      --out unguided.png\n"
                "  rg-ctl translate --config configs/smoke.yaml --image faces/ \\\n"
                "      --attr Blond_Hair=1 --out blond/\n",
    .options = translate_options,
    .check = translate_check,
    .size = sizeof(translate_t),
    .defaults = &(const translate_t){.samples = 1, .seed = 1},
    .config = RG_COMMAND_CONFIGURED,
    .run = translate_run,
};
