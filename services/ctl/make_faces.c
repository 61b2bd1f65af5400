// rg-ctl make-faces: a data set of procedural faces.
#include <stdio.h>
#include <stdlib.h>

#include "common/core/err.h"
#include "common/data/faces.h"
#include "services/ctl/caller.h"
#include "services/ctl/commands.h"
#include "services/ctl/output.h"
#include "services/ctl/progress.h"

enum { KEY_PLAIN = 0x2000, COUNT_MAX = 999999 };

typedef struct {
    const char *folder;
    uint32_t count; // 0: not given
    uint64_t seed;
    int plain;
} make_faces_t;

static const struct argp_option own_options[] = {
    {"count", 'n', "N", 0, "How many (default 1000)"},
    {"seed", 'S', "S", 0, "Same seed, same bytes (default 1)"},
    {"plain", KEY_PLAIN, NULL, 0, "Only JPEGs, no annotation: images for add-images"},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    make_faces_t *own = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        own->count = 1000;
        own->seed = 1;
        return 0;
    case 'n':
        own->count = (uint32_t)rg_command_number(state, "--count", arg, 1, COUNT_MAX);
        return 0;
    case 'S':
        own->seed = (uint64_t)rg_command_number(state, "--seed", arg, 0, INT64_MAX);
        return 0;
    case KEY_PLAIN:
        own->plain = 1;
        return 0;
    case ARGP_KEY_ARG:
        if (own->folder) argp_error(state, "one folder only, not also %s", arg);
        own->folder = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "the folder DIR is missing");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int show(void *self, uint32_t done, uint32_t total)
{
    rg_progress_update(self, done, total, NULL);
    return atomic_load(rg_interrupted());
}

static int run(const rg_options_t *options, const void *input)
{
    const make_faces_t *own = input;
    rg_progress_t progress;
    rg_progress_init(&progress, "make-faces", "faces", options->json);
    int err = rg_faces_make(&(rg_faces_spec_t){.folder = own->folder,
                                               .count = own->count,
                                               .seed = own->seed,
                                               .plain = own->plain,
                                               .progress = show,
                                               .self = &progress});
    rg_progress_fini(&progress);
    if (err == RG_ESTOPPED) return rg_fail(err, "stopped; the same command goes on from here");
    if (err) return err;
    if (options->json)
        rg_output_json(json_pack("{s:s, s:i, s:I}", "folder", own->folder, "faces", (int)own->count, "seed",
                                 (json_int_t)own->seed));
    else
        printf("%u faces in %s\n", own->count, own->folder);
    return 0;
}

const rg_command_t rg_command_make_faces = {
    .name = "make-faces",
    .summary = "Make a data set of procedural faces",
    .args = "DIR",
    .doc = "Draws faces whose hair colour, gender and age change the picture, as JPEGs in CelebA's"
           " layout, so that everything can be tried without a download. Files already there are "
           "kept.\v"
           "Examples:\n"
           "  rg-ctl make-faces out/faces --count 2000 --seed 1\n"
           "  rg-ctl make-faces out/new --count 200 --seed 2 --plain\n",
    .options = own_options,
    .parse = parse,
    .size = sizeof(make_faces_t),
    .config = RG_COMMAND_PLAIN,
    .run = run,
};
