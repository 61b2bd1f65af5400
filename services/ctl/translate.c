// rg-ctl translate: images with other attributes.
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
    *guidance = strcmp(text, "none") == 0 ? RG__V1__GUIDANCE__NONE : RG__V1__GUIDANCE__RETRIEVED;
    if (!*guidance && strcmp(text, "retrieved") != 0) return rg_fail(RG_EUSAGE, "expected retrieved or none");
    return 0;
}

static const rg_command_option_t translate_options[] = {
    {"image", 'i', "FILE", "The JPEG to translate; repeat it for more rows",
     RG_OPTION_READ(translate_t, images, translate_read_image), .required = 1},
    {"attr", 'a', "NAME=0|1,...", "Wanted attributes; without it one column per domain",
     RG_OPTION_TEXT(translate_t, attributes)},
    {"samples", 'n', "N", "Draws of the attribute code (default 1: the mean)",
     RG_OPTION_NUMBER(translate_t, samples, 1, SAMPLES_MAX)},
    {"seed", 0, "S", "Seed of the draws (default 1)", RG_OPTION_NUMBER(translate_t, seed, 0, INT64_MAX)},
    {"guidance", 0, "retrieved|none", "What guides a stage 3 model: its neighbours (default), or nothing",
     RG_OPTION_READ(translate_t, guidance, translate_read_guidance)},
    {"reference", 'r', "FILE", "Take the codes of the wanted attributes from this JPEG (all without --attr)",
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

// What is asked of the encoder at once: one set of wanted attributes, `samples` columns.
typedef struct {
    rg_edits_t edits;
    char title[RG_EDITS_TITLE];
} group_t;

typedef struct {
    const rg_options_t *options;
    const translate_t *own;
    group_t group[GROUPS_MAX];
    int groups, current; // current: the one being asked
    int first, cols;     // column of the first translation, columns in all
    uint8_t *sources;    // [N,S,S,3]
    uint8_t *references; // [N,S,S,3] the reference repeated, NULL: none
    uint8_t *cells;      // [N,cols,S,S,3]
    json_t *stage, *generation;
} asked_t;

static int choose_groups(asked_t *asked)
{
    const rg_config_t *config = &asked->options->config;
    group_t *only = &asked->group[0];
    asked->groups = 1;
    if (asked->own->attributes) {
        snprintf(only->title, sizeof only->title, "wanted");
        return rg_edits_parse(&only->edits, config, asked->own->attributes);
    }
    if (asked->own->reference) {
        snprintf(only->title, sizeof only->title, "translated");
        rg_edits_init(&only->edits);
        for (int i = 0; i < config->data.attributes.count; i++) only->edits.value[i] = 1;
        return 0;
    }
    asked->groups = rg_edits_domain(config, -1, NULL, NULL);
    for (int i = 0; i < asked->groups; i++)
        rg_edits_domain(config, i, &asked->group[i].edits, asked->group[i].title);
    return 0;
}

static int load_images(asked_t *asked)
{
    const rg_config_t *config = &asked->options->config;
    const translate_t *own = asked->own;
    size_t size = rg_picture_size(config), n = (size_t)own->images.n;
    int err = 0;
    asked->sources = rg_alloc(n * size);
    for (size_t i = 0; i < n && !err; i++)
        err = rg_picture_load(config, own->images.path[i], asked->sources + i * size, NULL);
    if (err || !own->reference) return err;
    asked->references = rg_alloc(n * size);
    err = rg_picture_load(config, own->reference, asked->references, NULL);
    for (size_t i = 1; i < n && !err; i++) memcpy(asked->references + i * size, asked->references, size);
    return err;
}

static void put(asked_t *asked, int row, int col, const uint8_t *pixels)
{
    size_t size = rg_picture_size(&asked->options->config);
    memcpy(asked->cells + ((size_t)row * (size_t)asked->cols + (size_t)col) * size, pixels, size);
}

static int take_translations(void *self, const rg_msg_t *reply)
{
    asked_t *asked = self;
    const rg_config_t *config = &asked->options->config;
    const Rg__V1__TranslateReply *body = rg_msg_body(reply);
    int samples = asked->own->samples, images = asked->own->images.n;
    uint32_t side = (uint32_t)config->data.img_size, shape[] = {(uint32_t)(images * samples), side, side, 3};
    rg_payload_t pixels;
    int err = rg_msg_payload(reply, "pixels", RG__V1__DTYPE__U8, 4, shape, &pixels);
    if (err) return err;
    for (int i = 0; i < images; i++)
        for (int s = 0; s < samples; s++)
            put(asked, i, asked->first + asked->current * samples + s,
                (const uint8_t *)pixels.data + (size_t)(i * samples + s) * rg_picture_size(config));
    json_decref(asked->stage);
    json_decref(asked->generation);
    asked->stage = rg_json_text(body->stage);
    asked->generation = json_integer((json_int_t)body->generation);
    return 0;
}

static int ask_group(asked_t *asked, rg_caller_t *encoder)
{
    const rg_config_t *config = &asked->options->config;
    uint32_t side = (uint32_t)config->data.img_size,
             shape[] = {(uint32_t)asked->own->images.n, side, side, 3};
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_TRANSLATE_REQUEST);
    Rg__V1__TranslateRequest *body = rg_msg_body(request);
    body->edits = rg_edits_message(&asked->group[asked->current].edits, config, request, &body->n_edits);
    body->samples = (uint32_t)asked->own->samples;
    body->seed = asked->own->seed;
    body->guidance = asked->own->guidance;
    rg_msg_copy(request, "pixels", RG__V1__DTYPE__U8, 4, shape, asked->sources);
    if (asked->references) rg_msg_copy(request, "references", RG__V1__DTYPE__U8, 4, shape, asked->references);
    return rg_caller_ask(encoder, &request, RG__V1__ENVELOPE__BODY_TRANSLATE_REPLY, take_translations, asked);
}

static int ask_all(asked_t *asked)
{
    rg_caller_t *encoder;
    rg_progress_bar_t progress;
    int err = rg_caller_open(&encoder, &asked->options->config, "encoder");
    if (err) return err;
    rg_progress_bar_init(&progress, "translate", "columns", asked->options->json);
    for (asked->current = 0; asked->current < asked->groups && !err; asked->current++) {
        rg_progress_bar_update(&progress, (uint64_t)asked->current, (uint64_t)asked->groups, NULL);
        err = ask_group(asked, encoder);
    }
    rg_progress_bar_clear(&progress);
    rg_caller_close(&encoder);
    return err;
}

static int write_grid(asked_t *asked)
{
    const rg_config_t *config = &asked->options->config;
    const translate_t *own = asked->own;
    const char *titles[2 + GROUPS_MAX * SAMPLES_MAX] = {"source"};
    size_t size = rg_picture_size(config);
    if (asked->references) titles[1] = "reference";
    for (int i = asked->first; i < asked->cols; i++)
        titles[i] = asked->group[(i - asked->first) / own->samples].title;
    for (int i = 0; i < own->images.n; i++) {
        put(asked, i, 0, asked->sources + (size_t)i * size);
        if (asked->references) put(asked, i, 1, asked->references);
    }
    return rg_picture_grid(config, asked->cells, own->images.n, asked->cols, titles, own->out);
}

static void report(const asked_t *asked)
{
    if (!asked->options->json) {
        printf("%d images translated by the weights of %s, picture: %s\n",
               asked->own->images.n * (asked->cols - asked->first), json_string_value(asked->stage),
               asked->own->out);
        return;
    }
    json_t *columns = json_array();
    for (int i = 0; i < asked->groups; i++)
        json_array_append_new(columns, json_string(asked->group[i].title));
    rg_output_json(json_pack("{s:o, s:O, s:O, s:i, s:o}", "out", rg_json_text(asked->own->out), "stage",
                             asked->stage, "generation", asked->generation, "samples", asked->own->samples,
                             "columns", columns));
}

static int translate_run(const rg_options_t *options, const void *input)
{
    asked_t *asked = rg_alloc(sizeof *asked);
    asked->options = options;
    asked->own = input;
    int err = choose_groups(asked);
    if (!err) err = load_images(asked);
    if (!err) {
        asked->first = asked->references ? 2 : 1;
        asked->cols = asked->first + asked->groups * asked->own->samples;
        asked->cells =
            rg_alloc((size_t)asked->own->images.n * (size_t)asked->cols * rg_picture_size(&options->config));
        err = ask_all(asked);
    }
    if (!err) err = write_grid(asked);
    if (!err) report(asked);
    json_decref(asked->stage);
    json_decref(asked->generation);
    free(asked->sources);
    free(asked->references);
    free(asked->cells);
    free(asked);
    return err;
}

const rg_command_t rg_command_translate = {
    .name = "translate",
    .summary = "Translate images to other attributes",
    .help = "Changes the attributes of images with the newest weights the encoder serves and writes"
            " a picture: one row per image, the source first.",
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
