// rg-ctl translate: images with other attributes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/wire/edits.h"
#include "common/wire/json.h"
#include "services/ctl/caller.h"
#include "services/ctl/commands.h"
#include "services/ctl/output.h"
#include "services/ctl/pictures.h"
#include "services/ctl/progress.h"

enum {
    IMAGES_MAX = 32,
    SAMPLES_MAX = 64,
    GROUPS_MAX = 2 * RG_ATTRIBUTES_MAX,
    KEY_SEED = 0x2000,
    KEY_GUIDANCE
};

typedef struct {
    const char *image[IMAGES_MAX];
    int n_images, samples;
    uint64_t seed;
    Rg__V1__Guidance guidance;
    const char *attributes, *reference, *out;
} translate_t;

static const struct argp_option own_options[] = {
    {"image", 'i', "FILE", 0, "The JPEG to translate; repeatable, one row each"},
    {"attr", 'a', "NAME=0|1,...", 0, "Wanted attributes; without it one column per domain"},
    {"samples", 'n', "N", 0, "Draws of the attribute code (default 1: the mean)"},
    {"seed", KEY_SEED, "S", 0, "Of the draws (default 1)"},
    {"guidance", KEY_GUIDANCE, "retrieved|none", 0,
     "What guides a stage 3 model: the neighbours (default), or nothing"},
    {"reference", 'r', "FILE", 0,
     "Take the codes of the wanted attributes from this JPEG (all without --attr)"},
    {"out", 'o', "PNG", 0, "Where to write the picture: sources, then translations"},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    translate_t *own = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        own->samples = 1;
        own->seed = 1;
        return 0;
    case 'i':
        if (own->n_images == IMAGES_MAX) argp_error(state, "more than %d images", IMAGES_MAX);
        own->image[own->n_images++] = arg;
        return 0;
    case 'a':
        own->attributes = arg;
        return 0;
    case 'r':
        own->reference = arg;
        return 0;
    case 'o':
        own->out = arg;
        return 0;
    case 'n':
        own->samples = (int)rg_command_number(state, "--samples", arg, 1, SAMPLES_MAX);
        return 0;
    case KEY_SEED:
        own->seed = (uint64_t)rg_command_number(state, "--seed", arg, 0, INT64_MAX);
        return 0;
    case KEY_GUIDANCE:
        own->guidance = strcmp(arg, "none") == 0 ? RG__V1__GUIDANCE__NONE : RG__V1__GUIDANCE__RETRIEVED;
        if (!own->guidance && strcmp(arg, "retrieved") != 0)
            argp_error(state, "--guidance %s: expected retrieved or none", arg);
        return 0;
    case ARGP_KEY_END:
        if (!own->n_images) argp_error(state, "--image FILE is missing");
        if (!own->out) argp_error(state, "--out PNG is missing");
        if (own->reference && own->samples > 1)
            argp_error(state, "--samples draws codes, --reference gives them");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
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
    size_t size = rg_picture_size(config), n = (size_t)own->n_images;
    int err = 0;
    asked->sources = rg_alloc(n * size);
    for (size_t i = 0; i < n && !err; i++)
        err = rg_picture_load(config, own->image[i], asked->sources + i * size, NULL);
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
    int samples = asked->own->samples, images = asked->own->n_images;
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
             shape[] = {(uint32_t)asked->own->n_images, side, side, 3};
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
    rg_progress_t progress;
    int err = rg_caller_open(&encoder, &asked->options->config, "encoder");
    if (err) return err;
    rg_progress_init(&progress, "translate", "columns", asked->options->json);
    for (asked->current = 0; asked->current < asked->groups && !err; asked->current++) {
        rg_progress_update(&progress, (uint64_t)asked->current, (uint64_t)asked->groups, NULL);
        err = ask_group(asked, encoder);
    }
    rg_progress_fini(&progress);
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
    for (int i = 0; i < own->n_images; i++) {
        put(asked, i, 0, asked->sources + (size_t)i * size);
        if (asked->references) put(asked, i, 1, asked->references);
    }
    return rg_picture_grid(config, asked->cells, own->n_images, asked->cols, titles, own->out);
}

static void report(const asked_t *asked)
{
    if (!asked->options->json) {
        printf("%d images translated by the weights of %s, picture: %s\n",
               asked->own->n_images * (asked->cols - asked->first), json_string_value(asked->stage),
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

static int run(const rg_options_t *options, const void *input)
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
            rg_alloc((size_t)asked->own->n_images * (size_t)asked->cols * rg_picture_size(&options->config));
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
    .doc = "Changes the attributes of images with the newest weights the encoder serves and writes"
           " a picture: one row per image, the source first.\v"
           "Examples:\n"
           "  rg-ctl translate --config configs/smoke.yaml --image face.jpg --out grid.png\n"
           "  rg-ctl translate --config configs/smoke.yaml --image face.jpg \\\n"
           "      --attr Male=1,Young=0 --samples 5 --out grid.png\n"
           "  rg-ctl translate --config configs/smoke.yaml --image a.jpg \\\n"
           "      --reference b.jpg --out grid.png\n"
           "  rg-ctl translate --config configs/smoke.yaml --image a.jpg --guidance none \\\n"
           "      --out unguided.png\n",
    .options = own_options,
    .parse = parse,
    .size = sizeof(translate_t),
    .config = RG_COMMAND_CONFIGURED,
    .run = run,
};
