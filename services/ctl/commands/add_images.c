// rg-ctl add-images: adds images to the retrieval set.
//
// The paths are walked twice: first to count the files, for the progress display and --dry-run, then to add
// them. With --watch they are walked again and again, and only files that are new or changed are added.
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/wire/json.h"
#include "services/ctl/caller.h"
#include "services/ctl/command.h"
#include "services/ctl/ingest.h"
#include "services/ctl/output.h"
#include "services/ctl/pictures.h"

static const double watch_every_s = 1;

typedef struct {
    rg_pictures_t pictures;
    int dry_run, training, watch;
    double share;
} add_images_t;

enum { NO_SHARE = -1 };

static int add_images_read_share(void *field, const char *text)
{
    char *end;
    double share = strtod(text, &end);
    if (end == text || *end || !(share >= 0 && share <= 1)) return rg_fail(RG_EUSAGE, "expected 0 to 1");
    *(double *)field = share;
    return 0;
}

static const rg_command_option_t add_images_options[] = {
    {"dry-run", 'n', NULL, "Only list what would be sent", RG_OPTION_FLAG(add_images_t, dry_run)},
    {"watch", 'w', NULL, "Go on: look every second for new and changed files, until interrupted",
     RG_OPTION_FLAG(add_images_t, watch)},
    {"training", 0, NULL, "The training images of the configured data set instead of PATHs",
     RG_OPTION_FLAG(add_images_t, training)},
    {"share", 0, "SHARE", "With --training: of those without annotation only this share, 0 to 1",
     RG_OPTION_READ(add_images_t, share, add_images_read_share)},
    {0},
};

static int add_images_argument(void *own, char *text)
{
    return rg_pictures_add(&((add_images_t *)own)->pictures, text);
}

static int add_images_check(const void *own)
{
    const add_images_t *add = own;
    if (add->training && (add->pictures.n || add->dry_run || add->watch))
        return rg_fail(RG_EUSAGE, "--training takes no PATH, no --dry-run and no --watch");
    if (!add->training && add->share != NO_SHARE) return rg_fail(RG_EUSAGE, "--share needs --training");
    if (!add->training && !add->pictures.n) return rg_fail(RG_EUSAGE, "a PATH is missing");
    if (add->dry_run && add->watch) return rg_fail(RG_EUSAGE, "--dry-run and --watch exclude each other");
    return 0;
}

// ---- counting what will be sent

typedef struct {
    int list, json; // list: print each file
    uint64_t files, bytes, problems;
    rg_left_out_t left_out;
} count_t;

static int count_file(void *self, const FTSENT *file, const char *problem)
{
    count_t *count = self;
    count->files += !problem;
    count->problems += problem != NULL;
    count->bytes += problem ? 0 : (uint64_t)file->fts_statp->st_size;
    if (!count->list) return 0;
    if (count->json) {
        json_t *line = json_pack("{s:o}", "name", rg_json_text(file->fts_path));
        if (problem) json_object_set_new(line, "reason", json_string(problem));
        rg_output_json(line);
    } else if (problem) {
        rg_output_line("refused %s: %s", file->fts_path, problem);
    } else {
        rg_output_line("%s", file->fts_path);
    }
    return atomic_load(rg_interrupted()) ? rg_fail(RG_ESTOPPED, "stopped") : 0;
}

static int print_count(const count_t *count)
{
    char others[RG_LEFT_OUT_TEXT];
    rg_left_out_format(&count->left_out, others);
    if (count->json) {
        rg_output_json(json_pack("{s:o}", "left_out", rg_left_out_json(&count->left_out)));
    } else {
        printf("%llu files, %.1f MiB\n", (unsigned long long)count->files, (double)count->bytes / (1 << 20));
        if (*others) rg_output_line("%s", others);
    }
    return count->problems
               ? rg_fail(RG_EINVAL, "%llu paths cannot be read", (unsigned long long)count->problems)
               : 0;
}

static int fail_empty(const add_images_t *own, const count_t *count)
{
    char others[RG_LEFT_OUT_TEXT];
    rg_left_out_format(&count->left_out, others);
    return rg_fail(RG_ENOENT, "no images (.jpg, .png, .webp) in %s%s%s%s", own->pictures.path[0],
                   own->pictures.n > 1 ? " and the other paths" : "", *others ? "; " : "", others);
}

static int add_file(void *self, const FTSENT *file, const char *problem)
{
    rg_ingest_t *ingest = self;
    if (!problem) return rg_ingest_file(ingest, file->fts_path, file->fts_path, 0);
    rg_ingest_refuse(ingest, file->fts_path, problem);
    return 0;
}

// ---- watching

// The files that were given already, with their size and time of change. A changed file is new again.
typedef struct {
    void *tree; // of tsearch
} seen_t;

typedef struct {
    off_t size;
    struct timespec changed;
    char path[];
} seen_file_t;

static int seen_compare(const void *a, const void *b)
{
    return strcmp(((const seen_file_t *)a)->path, ((const seen_file_t *)b)->path);
}

static seen_file_t *seen_describe(const char *path, const struct stat *info)
{
    size_t length = strlen(path) + 1;
    seen_file_t *file = rg_alloc(sizeof *file + length);
    file->size = info->st_size;
    file->changed = info->st_mtim;
    memcpy(file->path, path, length);
    return file;
}

static int seen_is_same(const seen_file_t *a, const seen_file_t *b)
{
    return a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec;
}

// Returns 1 if the file was not seen with this size and time of change; it is seen now.
static int seen_is_new(seen_t *seen, const char *path, const struct stat *info)
{
    seen_file_t *file = seen_describe(path, info), **found = tsearch(file, &seen->tree, seen_compare);
    if (!found) abort(); // out of memory
    if (*found == file) return 1;
    int changed = !seen_is_same(*found, file);
    (*found)->size = file->size;
    (*found)->changed = file->changed;
    free(file);
    return changed;
}

static void seen_fini(seen_t *seen)
{
    tdestroy(seen->tree, free);
    seen->tree = NULL;
}

typedef struct {
    rg_ingest_t *ingest;
    seen_t seen;
    rg_left_out_t left_out; // of the last walk
} watch_t;

static int add_new_file(void *self, const FTSENT *file, const char *problem)
{
    static const struct stat no_file; // so that a problem is reported once
    watch_t *watch = self;
    if (!seen_is_new(&watch->seen, file->fts_path, problem ? &no_file : file->fts_statp)) return 0;
    return add_file(watch->ingest, file, problem);
}

// An interrupt while everything is acknowledged is the regular end.
static int watch_paths(watch_t *watch, const add_images_t *own)
{
    for (;;) {
        int err = rg_pictures_walk_all(&own->pictures, add_new_file, watch, &watch->left_out);
        if (!err) err = rg_ingest_settle(watch->ingest);
        if (err) return err;
        err = rg_ingest_pause(watch->ingest, watch_every_s);
        if (err) return err == RG_ESTOPPED ? 0 : err;
    }
}

static int add_and_watch(const rg_options_t *options, const add_images_t *own)
{
    watch_t watch = {0};
    uint64_t refused = 0;
    int err = rg_ingest_open(&watch.ingest, options, "add-images --watch", 0);
    if (!err) {
        rg_ingest_left_out(watch.ingest, &watch.left_out);
        err = rg_ingest_close(&watch.ingest, watch_paths(&watch, own), &refused);
    }
    seen_fini(&watch.seen);
    return err ? err : rg_ingest_check_refused(refused);
}

// ---- the command

static int add_training(const rg_options_t *options, double share)
{
    uint64_t refused;
    int err = rg_ingest_training(options, share == NO_SHARE ? 1 : share, &refused);
    return err ? err : rg_ingest_check_refused(refused);
}

static int add_counted(const rg_options_t *options, const add_images_t *own, const count_t *count)
{
    rg_ingest_t *ingest;
    uint64_t refused;
    int err = rg_ingest_open(&ingest, options, "add-images", count->files + count->problems);
    if (err) return err;
    rg_ingest_left_out(ingest, &count->left_out);
    err = rg_ingest_close(&ingest, rg_pictures_walk(&own->pictures, add_file, ingest), &refused);
    return err ? err : rg_ingest_check_refused(refused);
}

static int add_images_run(const rg_options_t *options, const void *input)
{
    const add_images_t *own = input;
    if (own->training) return add_training(options, own->share);
    if (own->watch) return add_and_watch(options, own);
    count_t count = {.list = own->dry_run, .json = options->json};
    int err = rg_pictures_walk_all(&own->pictures, count_file, &count, &count.left_out);
    if (err) return err;
    if (count.files + count.problems == 0) return fail_empty(own, &count);
    return own->dry_run ? print_count(&count) : add_counted(options, own, &count);
}

const rg_command_t rg_command_add_images = {
    .name = "add-images",
    .summary = "Add image files or folders of them to the retrieval set",
    .args = "PATH...",
    .help =
        "Adds images to the retrieval set. They need no annotation, and training may run meanwhile. "
        "JPEG, PNG and WebP files are read; folders are searched for files with such names, and what else "
        "they hold is counted by kind at the end.\n\n"
        "An image that the set has already (by content) is skipped, so the same command resumes an "
        "interrupted run. A file that is refused is named with the reason, and the exit code is 1. The name "
        "of an image is its path as given here; bytes that may not be shown become %XX, and of a path of "
        "more than 255 bytes the end is kept, behind a hash.\n\n"
        "With --watch the command goes on with folders that keep growing. A file that was refused while "
        "another program was still writing it is added once it has changed.",
    .examples = "  rg-ctl add-images --config configs/smoke.yaml out/new\n"
                "  rg-ctl add-images --config configs/smoke.yaml --dry-run ~/photos a.jpg\n"
                "  rg-ctl add-images --config configs/smoke.yaml --watch camera/ --json\n"
                "  rg-ctl add-images --config configs/faces32.yaml --training --share 0.5\n",
    .options = add_images_options,
    .argument = add_images_argument,
    .check = add_images_check,
    .size = sizeof(add_images_t),
    .defaults = &(const add_images_t){.share = NO_SHARE},
    .config = RG_COMMAND_CONFIGURED,
    .run = add_images_run,
};
