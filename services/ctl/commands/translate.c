// rg-ctl translate: changes attributes of images and writes a picture of the results.
//
// The picture has one row per image. Its columns are the source, the reference if there is one, and then for
// each group (one set of wanted attributes) `samples` translations. The encoder is asked once per group, for
// all images together.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/wire/edits.h"
#include "common/wire/json.h"
#include "services/ctl/caller.h"
#include "services/ctl/command.h"
#include "services/ctl/output.h"
#include "services/ctl/pictures.h"

enum { IMAGES_MAX = 32, SAMPLES_MAX = 64, GROUPS_MAX = 2 * RG_ATTRIBUTES_MAX };

typedef struct {
    const char *path[IMAGES_MAX];
    int n;
} images_t;

typedef struct {
    images_t images;
    int samples;
    uint64_t seed;
    Rg__V1__Guidance guidance;
    const char *attributes, *reference, *out;
} translate_t;

static int translate_read_image(void *field, const char *text)
{
    images_t *images = field;
    if (images->n == IMAGES_MAX) return rg_fail(RG_EUSAGE, "at most %d images", IMAGES_MAX);
    images->path[images->n++] = text;
    return 0;
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
    {"image", 'i', "FILE", "The JPEG to translate; repeat it for more rows",
     RG_OPTION_READ(translate_t, images, translate_read_image), .required = 1},
    {"attr", 'a', "NAME=0|1,...", "Wanted attributes; without it one column for each attribute value",
     RG_OPTION_TEXT(translate_t, attributes)},
    {"samples", 'n', "N", "Draws of the attribute code (default 1: the mean)",
     RG_OPTION_NUMBER(translate_t, samples, 1, SAMPLES_MAX)},
    {"seed", 0, "S", "Seed of the draws (default 1)", RG_OPTION_NUMBER(translate_t, seed, 0, INT64_MAX)},
    {"guidance", 0, "WHAT", "Neighbours that guide a stage 3 model: retrieved (default) or none",
     RG_OPTION_READ(translate_t, guidance, translate_read_guidance)},
    {"reference", 'r', "FILE",
     "Take the codes of the wanted attributes (without --attr: of all) from this JPEG",
     RG_OPTION_TEXT(translate_t, reference)},
    {"out", 'o', "PNG", "The picture to write: sources, then translations", RG_OPTION_TEXT(translate_t, out),
     .required = 1},
    {0},
};

static int translate_check(const void *own)
{
    const translate_t *translate = own;
    if (translate->reference && translate->samples > 1)
        return rg_fail(RG_EUSAGE, "--samples draws codes, --reference gives them: use one of the two");
    return 0;
}

// The content of one request to the encoder: one set of wanted attributes. It fills `samples` columns.
typedef struct {
    rg_edits_t edits;
    char title[RG_EDITS_TITLE];
} group_t;

typedef struct {
    const rg_options_t *options;
    const translate_t *own;
    group_t group[GROUPS_MAX];
    int groups, current; // current: the group that the encoder is asked for
    int first, cols;     // column of the first translation, columns in all
    uint8_t *sources;    // [N,S,S,3]
    uint8_t *references; // [N,S,S,3] the reference, repeated; NULL: none
    uint8_t *cells;      // [N,cols,S,S,3]
    char *stage;         // the stage whose weights translated
    uint64_t generation; // of the index that guided
} translation_t;

// With --attr there is one group; with --reference alone there is one, of all attributes; otherwise one per
// domain.
static int translate_choose_groups(translation_t *task)
{
    const rg_config_t *config = &task->options->config;
    group_t *only = &task->group[0];
    task->groups = 1;
    if (task->own->attributes) {
        snprintf(only->title, sizeof only->title, "wanted");
        return rg_edits_parse(&only->edits, config, task->own->attributes);
    }
    if (task->own->reference) {
        snprintf(only->title, sizeof only->title, "translated");
        rg_edits_init(&only->edits);
        for (int i = 0; i < config->data.attributes.count; i++) only->edits.value[i] = 1;
        return 0;
    }
    task->groups = rg_edits_domain(config, -1, NULL, NULL);
    for (int i = 0; i < task->groups; i++)
        rg_edits_domain(config, i, &task->group[i].edits, task->group[i].title);
    return 0;
}

// Reads the images, and the reference once per image, because each image is sent with its reference.
static int translate_load(translation_t *task)
{
    const rg_config_t *config = &task->options->config;
    const translate_t *own = task->own;
    size_t size = rg_image_bytes(config), n = (size_t)own->images.n;
    int err = 0;
    task->sources = rg_alloc(n * size);
    for (size_t i = 0; i < n && !err; i++)
        err = rg_picture_load(config, own->images.path[i], task->sources + i * size, NULL);
    if (err || !own->reference) return err;
    task->references = rg_alloc(n * size);
    err = rg_picture_load(config, own->reference, task->references, NULL);
    for (size_t i = 1; i < n && !err; i++) memcpy(task->references + i * size, task->references, size);
    return err;
}

static void translate_put(translation_t *task, int row, int col, const uint8_t *pixels)
{
    size_t size = rg_image_bytes(&task->options->config);
    memcpy(task->cells + ((size_t)row * (size_t)task->cols + (size_t)col) * size, pixels, size);
}

static int translate_take_reply(void *self, const rg_msg_t *reply)
{
    translation_t *task = self;
    const rg_config_t *config = &task->options->config;
    const Rg__V1__TranslateReply *body = rg_msg_body(reply);
    int samples = task->own->samples, images = task->own->images.n;
    uint32_t side = (uint32_t)config->data.img_size, shape[] = {(uint32_t)(images * samples), side, side, 3};
    rg_payload_t pixels;
    int err = rg_msg_payload(reply, "pixels", RG__V1__DTYPE__U8, 4, shape, &pixels);
    if (err) return err;
    for (int i = 0; i < images; i++)
        for (int s = 0; s < samples; s++)
            translate_put(task, i, task->first + task->current * samples + s,
                          (const uint8_t *)pixels.data + (size_t)(i * samples + s) * rg_image_bytes(config));
    free(task->stage);
    task->stage = rg_strdup(body->stage);
    task->generation = body->generation;
    return 0;
}

static int translate_ask(translation_t *task, rg_caller_t *encoder)
{
    const rg_config_t *config = &task->options->config;
    uint32_t side = (uint32_t)config->data.img_size, shape[] = {(uint32_t)task->own->images.n, side, side, 3};
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_TRANSLATE_REQUEST);
    Rg__V1__TranslateRequest *body = rg_msg_body(request);
    body->edits = rg_edits_message(&task->group[task->current].edits, config, request, &body->n_edits);
    body->samples = (uint32_t)task->own->samples;
    body->seed = task->own->seed;
    body->guidance = task->own->guidance;
    rg_msg_copy(request, "pixels", RG__V1__DTYPE__U8, 4, shape, task->sources);
    if (task->references) rg_msg_copy(request, "references", RG__V1__DTYPE__U8, 4, shape, task->references);
    return rg_caller_ask(encoder, &request, RG__V1__ENVELOPE__BODY_TRANSLATE_REPLY, translate_take_reply,
                         task);
}

static int translate_ask_all(translation_t *task)
{
    rg_caller_t *encoder;
    int err = rg_caller_open(&encoder, &task->options->config, "encoder");
    if (err) return err;
    rg_progress_bar_t *progress =
        rg_caller_show(encoder, "translate", "columns", task->options->json, NULL, NULL);
    for (task->current = 0; task->current < task->groups && !err; task->current++) {
        rg_progress_bar_update(progress, (uint64_t)task->current, (uint64_t)task->groups, NULL);
        err = translate_ask(task, encoder);
    }
    rg_caller_close(&encoder);
    return err;
}

static int translate_write(translation_t *task)
{
    const rg_config_t *config = &task->options->config;
    const translate_t *own = task->own;
    const char *titles[2 + GROUPS_MAX * SAMPLES_MAX] = {"source"};
    size_t size = rg_image_bytes(config);
    if (task->references) titles[1] = "reference";
    for (int i = task->first; i < task->cols; i++)
        titles[i] = task->group[(i - task->first) / own->samples].title;
    for (int i = 0; i < own->images.n; i++) {
        translate_put(task, i, 0, task->sources + (size_t)i * size);
        if (task->references) translate_put(task, i, 1, task->references);
    }
    return rg_picture_grid(config, task->cells, own->images.n, task->cols, titles, own->out);
}

static void translate_print(const translation_t *task)
{
    if (!task->options->json) {
        printf("%d images translated by the weights of %s, picture: %s\n",
               task->own->images.n * (task->cols - task->first), task->stage, task->own->out);
        return;
    }
    json_t *columns = json_array();
    for (int i = 0; i < task->groups; i++) json_array_append_new(columns, json_string(task->group[i].title));
    rg_output_json(json_pack("{s:o, s:o, s:I, s:i, s:o}", "out", rg_json_text(task->own->out), "stage",
                             rg_json_text(task->stage), "generation", (json_int_t)task->generation, "samples",
                             task->own->samples, "columns", columns));
}

static int translate_run(const rg_options_t *options, const void *input)
{
    translation_t *task = rg_alloc(sizeof *task);
    task->options = options;
    task->own = input;
    int err = translate_choose_groups(task);
    if (!err) err = translate_load(task);
    if (!err) {
        task->first = task->references ? 2 : 1;
        task->cols = task->first + task->groups * task->own->samples;
        task->cells =
            rg_alloc((size_t)task->own->images.n * (size_t)task->cols * rg_image_bytes(&options->config));
        err = translate_ask_all(task);
    }
    if (!err) err = translate_write(task);
    if (!err) translate_print(task);
    free(task->stage);
    free(task->sources);
    free(task->references);
    free(task->cells);
    free(task);
    return err;
}

const rg_command_t rg_command_translate = {
    .name = "translate",
    .summary = "Translate images to other attributes",
    .help =
        "Changes attributes of images with the newest weights that the encoder serves, and writes a picture: "
        "one row per image, the source first.",
    .examples = "  rg-ctl translate --config configs/smoke.yaml --image face.jpg --out grid.png\n"
                "  rg-ctl translate --config configs/smoke.yaml --image face.jpg \\\n"
                "      --attr Male=1,Young=0 --samples 5 --out grid.png\n"
                "  rg-ctl translate --config configs/smoke.yaml --image a.jpg \\\n"
                "      --reference b.jpg --out grid.png\n"
                "  rg-ctl translate --config configs/smoke.yaml --image a.jpg --guidance none \\\n"
                "      --out unguided.png\n",
    .options = translate_options,
    .check = translate_check,
    .size = sizeof(translate_t),
    .defaults = &(const translate_t){.samples = 1, .seed = 1},
    .config = RG_COMMAND_CONFIGURED,
    .run = translate_run,
};
