// rg-ctl add-images: adds images to the retrieval set.
//
// A source (source.h) visits what the user named, as a stream, and each image goes to the ingest at once. With
// --watch, files and folders are walked again and again, and only files that are new or changed are added.
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
    const char *from;
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
    {"from", 'f', "FILE",
     "Also the paths that FILE lists, -: standard input; one a line, or with zero bytes between",
     RG_OPTION_TEXT(add_images_t, from)},
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

// "-" among the paths is an archive on standard input.
static int count_standard_input(const add_images_t *add)
{
    int count = add->from && strcmp(add->from, "-") == 0;
    for (int i = 0; i < add->pictures.n; i++) count += strcmp(add->pictures.path[i], "-") == 0;
    return count;
}

static int add_images_check(const void *own)
{
    const add_images_t *add = own;
    const int paths = add->pictures.n || add->from, standard = count_standard_input(add);
    if (add->training && (paths || add->dry_run || add->watch))
        return rg_fail(RG_EUSAGE, "--training takes no PATH, no --from, no --dry-run and no --watch");
    if (!add->training && add->share != NO_SHARE) return rg_fail(RG_EUSAGE, "--share needs --training");
    if (!add->training && !paths) return rg_fail(RG_EUSAGE, "a PATH is missing");
    if (add->dry_run && add->watch) return rg_fail(RG_EUSAGE, "--dry-run and --watch exclude each other");
    if (standard > 1) return rg_fail(RG_EUSAGE, "standard input (-) can be read only once");
    if (add->watch && (standard || add->from))
        return rg_fail(RG_EUSAGE, "--watch takes files and folders, no --from and no -");
    return 0;
}

// ---- counting what will be sent

typedef struct {
    int json;
    uint64_t files, bytes, problems;
} count_t;

static int count_image(void *self, const rg_source_image_t *image)
{
    count_t *count = self;
    count->files += !image->problem;
    count->problems += image->problem != NULL;
    count->bytes += image->problem ? 0 : image->size;
    if (count->json) {
        json_t *line = json_pack("{s:o}", "name", rg_json_text(image->name));
        if (image->problem) json_object_set_new(line, "reason", rg_json_text(image->problem));
        rg_output_json(line);
    } else if (image->problem) {
        rg_output_line("refused %s: %s", image->name, image->problem);
    } else {
        rg_output_line("%s", image->name);
    }
    return atomic_load(rg_interrupted()) ? rg_fail(RG_ESTOPPED, "stopped") : 0;
}

static int print_count(const count_t *count, const rg_left_out_t *left_out)
{
    char others[RG_LEFT_OUT_TEXT];
    rg_left_out_format(left_out, others);
    if (count->json) {
        rg_output_json(json_pack("{s:o}", "left_out", rg_left_out_json(left_out)));
    } else {
        printf("%llu files, %.1f MiB\n", (unsigned long long)count->files, (double)count->bytes / (1 << 20));
        if (*others) rg_output_line("%s", others);
    }
    return count->problems
               ? rg_fail(RG_EINVAL, "%llu paths cannot be read", (unsigned long long)count->problems)
               : 0;
}

static int check_empty(const add_images_t *own, const rg_source_counts_t *counts)
{
    char others[RG_LEFT_OUT_TEXT];
    if (counts->images || counts->known) return 0;
    rg_left_out_format(&counts->left_out, others);
    return rg_fail(RG_ENOENT, "no images (.jpg, .png, .webp) in %s%s%s%s",
                   own->pictures.n ? own->pictures.path[0] : own->from,
                   own->pictures.n + (own->from != NULL) > 1 ? " and the other paths" : "",
                   *others ? "; " : "", others);
}

static int list_images(const rg_options_t *options, const add_images_t *own)
{
    count_t count = {.json = options->json};
    rg_source_t *source;
    rg_source_new(&source, &(rg_source_spec_t){.config = &options->config,
                                               .paths = &own->pictures,
                                               .from = own->from,
                                               .visit = count_image,
                                               .self = &count});
    int err = rg_source_run(source);
    if (!err) err = check_empty(own, rg_source_counts(source));
    if (!err) err = print_count(&count, &rg_source_counts(source)->left_out);
    rg_source_destroy(&source);
    return err;
}

// ---- adding

static int add_image(void *self, const rg_source_image_t *image)
{
    rg_ingest_t *ingest = self;
    if (!image->problem && !image->path) return rg_ingest_member(ingest, image);
    if (!image->problem) return rg_ingest_file(ingest, image->path, image->name, 0);
    rg_ingest_refuse(ingest, image->name, image->problem);
    return 0;
}

static int add_images(const rg_options_t *options, const add_images_t *own)
{
    rg_source_t *source;
    rg_ingest_t *ingest;
    uint64_t refused;
    int err = rg_ingest_open(&ingest, options, "add-images", 0);
    if (err) return err;
    rg_source_new(&source, &(rg_source_spec_t){.config = &options->config,
                                               .paths = &own->pictures,
                                               .from = own->from,
                                               .remember = 1,
                                               .visit = add_image,
                                               .idle = rg_ingest_idle,
                                               .self = ingest});
    rg_ingest_follow(ingest, source);
    err = rg_source_run(source);
    if (!err) err = check_empty(own, rg_source_counts(source));
    err = rg_ingest_close(&ingest, err, &refused);
    rg_source_destroy(&source);
    return err ? err : rg_ingest_check_refused(refused);
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

// A problem is reported once, because its info is zeroed.
static int add_new_file(void *self, const rg_walk_file_t *file)
{
    watch_t *watch = self;
    if (!seen_is_new(&watch->seen, file->path, &file->info)) return 0;
    return add_image(watch->ingest,
                     &(rg_source_image_t){.name = file->path, .problem = file->problem, .path = file->path});
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

static int add_images_run(const rg_options_t *options, const void *input)
{
    const add_images_t *own = input;
    if (own->training) return add_training(options, own->share);
    if (own->watch) return add_and_watch(options, own);
    return own->dry_run ? list_images(options, own) : add_images(options, own);
}

const rg_command_t rg_command_add_images = {
    .name = "add-images",
    .summary = "Add image files, folders or archives of them to the set",
    .args = "[PATH...]",
    .help =
        "Adds images to the retrieval set. They need no annotation, and training may run meanwhile. "
        "JPEG, PNG and WebP files are read; folders are searched for files with such names, and what else "
        "they hold is counted by kind at the end.\n\n"
        "An image that the set has already (by content) is not sent again, so the same command resumes an "
        "interrupted run. A file that is refused is named with the reason, and the exit code is 1. The name "
        "of an image is its path as given here; bytes that may not be shown become %XX, and of a path of "
        "more than 255 bytes the end is kept, behind a hash.\n\n"
        "A file that ends with .tar (.tar.gz, .tar.zst, ...), as a PATH or in a folder, is an archive of "
        "images, such as a shard of WebDataset; - is an archive on standard input. An image of it is named "
        "ARCHIVE:MEMBER. Nothing is unpacked to the disk. RUN/shards remembers what was added of each "
        "archive that is a file, so a later run goes on inside it, and an archive that is done is not even "
        "opened.\n\n"
        "With --watch the command goes on with folders that keep growing, without archives in them. A file "
        "that was refused while another program was still writing it is added once it has changed.",
    .examples = "  rg-ctl add-images --config configs/smoke.yaml out/new\n"
                "  rg-ctl add-images --config configs/smoke.yaml --dry-run ~/photos a.jpg\n"
                "  rg-ctl add-images --config configs/smoke.yaml shards/\n"
                "  find ~/photos -name '*.jpg' | rg-ctl add-images --config configs/smoke.yaml --from -\n"
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
