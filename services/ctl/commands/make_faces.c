// rg-ctl make-faces: writes a data set of procedural faces.
#include <stdio.h>
#include <stdlib.h>

#include "common/core/err.h"
#include "services/ctl/caller.h"
#include "services/ctl/command.h"
#include "services/ctl/faces/faces.h"
#include "services/ctl/output.h"

enum { COUNT_MAX = 999999 };

typedef struct {
    const char *folder;
    uint32_t count;
    uint64_t seed;
    int plain;
} make_faces_t;

static const rg_command_option_t make_faces_options[] = {
    {"count", 'n', "N", "Number of faces (default 1000)",
     RG_OPTION_NUMBER(make_faces_t, count, 1, COUNT_MAX)},
    {"seed", 'S', "S", "Seed; the same seed gives the same bytes (default 1)",
     RG_OPTION_NUMBER(make_faces_t, seed, 0, INT64_MAX)},
    {"plain", 0, NULL, "Only JPEG files, without annotation: images for add-images",
     RG_OPTION_FLAG(make_faces_t, plain)},
    {0},
};

static int make_faces_argument(void *own, char *text)
{
    make_faces_t *faces = own;
    if (faces->folder) return rg_fail(RG_EUSAGE, "%s: expected one folder only", text);
    faces->folder = text;
    return 0;
}

static int make_faces_check(const void *own)
{
    return ((const make_faces_t *)own)->folder ? 0 : rg_fail(RG_EUSAGE, "the folder DIR is missing");
}

static int show(void *self, uint32_t done, uint32_t total)
{
    rg_progress_bar_update(self, done, total, NULL);
    return atomic_load(rg_interrupted());
}

static int make_faces_run(const rg_options_t *options, const void *input)
{
    const make_faces_t *own = input;
    rg_progress_bar_t progress;
    rg_progress_bar_init(&progress, "make-faces", "faces", options->json);
    int err = rg_faces_make(&(rg_faces_spec_t){.folder = own->folder,
                                               .count = own->count,
                                               .seed = own->seed,
                                               .plain = own->plain,
                                               .progress = show,
                                               .self = &progress});
    rg_progress_bar_clear(&progress);
    if (err == RG_ESTOPPED) return rg_fail(err, "stopped; run the same command again to continue");
    if (err) return err;
    if (options->json)
        rg_output_json(json_pack("{s:s, s:i, s:I}", "folder", own->folder, "faces", (int)own->count, "seed",
                                 (json_int_t)own->seed));
    else
        rg_output_line("%u faces in %s", own->count, own->folder);
    return 0;
}

const rg_command_t rg_command_make_faces = {
    .name = "make-faces",
    .summary = "Make a data set of procedural faces",
    .args = "DIR",
    .help = "Paints faces with different hair colours, genders and ages, as JPEG files in the layout of "
            "CelebA, so that everything can be tried without a download. Files that exist are kept.",
    .examples = "  rg-ctl make-faces out/faces --count 2000 --seed 1\n"
                "  rg-ctl make-faces out/new --count 200 --seed 2 --plain\n",
    .options = make_faces_options,
    .argument = make_faces_argument,
    .check = make_faces_check,
    .size = sizeof(make_faces_t),
    .defaults = &(const make_faces_t){.count = 1000, .seed = 1},
    .config = RG_COMMAND_PLAIN,
    .run = make_faces_run,
};
