// The images are walked twice: first to count the files to write, for the progress display, then to write
// them.
//
//     image ──► load ──► batch (as many as one request may hold) ──► for each wanted: translator ──► PNG files
//
// A batch holds only images with a missing file. For each set of wanted attributes, only those images of the
// batch are asked for whose file of that set is missing.
#include "services/ctl/translation_files.h"

#include <errno.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/text.h"
#include "common/wire/json.h"
#include "services/ctl/output.h"

typedef struct {
    char *path, *stem; // owned; stem: below the folder, without the ending
    int taken;         // the second walk has come to it
} source_t;

typedef struct {
    const rg_translation_files_t *what;
    rg_translator_t translator;
    rg_progress_bar_t *progress; // of the caller
    char *folder;                // without a slash at its end, owned
    int folders;                 // paths of the user that are folders
    void *stems;                 // tree of source_t: which image has which names
    // the batch
    int capacity, n;
    const source_t **sources; // [capacity], borrowed from stems
    uint8_t *pixels;          // [capacity,S,S,3]
    uint8_t *gathered;        // [capacity,S,S,3] those of one set of wanted attributes
    uint8_t *translated;      // [capacity,samples,S,S,3]
    // counts of files, and of images that were refused
    uint64_t images, total, written, kept, refused;
    rg_left_out_t left_out;
} writing_t;

// ---- names

static int compare_stems(const void *a, const void *b)
{
    return strcmp(((const source_t *)a)->stem, ((const source_t *)b)->stem);
}

static void free_source(void *data)
{
    source_t *source = data;
    free(source->path);
    free(source->stem);
    free(source);
}

static void trim_slashes(char *folder)
{
    for (size_t n = strlen(folder); n > 1 && folder[n - 1] == '/'; n--) folder[n - 1] = 0;
}

// The path below the folder that the user named, with the folder's own name if there are several folders.
static char *path_below(const rg_walk_file_t *file, int folders)
{
    if (file->depth == 0) return rg_strdup(file->name);
    char *folder = strndup(file->path, file->given);
    trim_slashes(folder);
    const char *slash = strrchr(folder, '/'), *name = slash ? slash + 1 : folder;
    const char *below = file->path + file->given;
    while (*below == '/') below++;
    int named = folders > 1 && *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
    char *path = named ? rg_format("%s/%s", name, below) : rg_strdup(below);
    free(folder);
    return path;
}

static source_t *describe_source(const rg_walk_file_t *file, int folders)
{
    source_t *source = rg_alloc(sizeof *source);
    source->path = rg_strdup(file->path);
    source->stem = path_below(file, folders);
    char *slash = strrchr(source->stem, '/'), *name = slash ? slash + 1 : source->stem,
         *dot = strrchr(name, '.');
    if (dot && dot > name) *dot = 0;
    return source;
}

// The path of one translation, to be free()d. A name that is too long for a file is shortened.
static char *output_path(const writing_t *writing, const source_t *source, const rg_wanted_t *wanted,
                         int draw)
{
    const char *slash = strrchr(source->stem, '/');
    int folder = slash ? (int)(slash + 1 - source->stem) : 0;
    char number[16] = "", shortened[RG_TEXT_NAME + 1];
    if (writing->translator.samples > 1) snprintf(number, sizeof number, "-%d", draw + 1);
    char *name = rg_format("%s-%s%s.png", source->stem + folder, wanted->title, number);
    if (strlen(name) > NAME_MAX) rg_text_name(name, shortened);
    char *path = rg_format("%s/%.*s%s", writing->folder, folder, source->stem,
                           strlen(name) > NAME_MAX ? shortened : name);
    free(name);
    return path;
}

// The number of files of one image and one set of wanted attributes that are to be written.
static int count_missing(const writing_t *writing, const source_t *source, const rg_wanted_t *wanted)
{
    int missing = 0;
    for (int draw = 0; draw < writing->translator.samples; draw++) {
        char *path = output_path(writing, source, wanted, draw);
        missing += writing->what->force || !rg_exists(path);
        free(path);
    }
    return missing;
}

static int count_missing_all(const writing_t *writing, const source_t *source)
{
    int missing = 0;
    for (int i = 0; i < writing->what->n_wanted; i++)
        missing += count_missing(writing, source, &writing->what->wanted[i]);
    return missing;
}

// ---- the first walk

// Files are refused in the second walk, which reports them; here they only count.
static int plan_file(void *self, const rg_walk_file_t *file)
{
    writing_t *writing = self;
    writing->images++;
    if (file->problem && file->depth == 0)
        return rg_fail(RG_ENOENT, "--image %s: %s", file->path, file->problem);
    if (file->problem) return 0;
    source_t *source = describe_source(file, writing->folders);
    uint64_t all = (uint64_t)writing->what->n_wanted * (uint64_t)writing->translator.samples;
    if (!tfind(source, &writing->stems, compare_stems)) {
        uint64_t missing = (uint64_t)count_missing_all(writing, source);
        writing->total += missing;
        writing->kept += all - missing;
        if (!tsearch(source, &writing->stems, compare_stems)) abort(); // out of memory
    } else {
        free_source(source);
    }
    return atomic_load(rg_interrupted()) ? rg_fail(RG_ESTOPPED, "stopped") : 0;
}

// The output must not be found as input by the next run.
static int check_folder(const char *images, const char *folder)
{
    char from[PATH_MAX], to[PATH_MAX];
    if (!realpath(images, from) || !realpath(folder, to))
        return 0; // a folder that does not exist holds no images
    size_t n = strlen(from);
    if (strncmp(from, to, n) != 0 || (to[n] && to[n] != '/' && n > 1)) return 0;
    return rg_fail(RG_EUSAGE, "--out %s lies in --image %s: the next run would take its pictures for images",
                   folder, images);
}

static int plan(writing_t *writing)
{
    const rg_pictures_t *images = writing->what->images;
    int err = rg_mkdirs(writing->folder);
    for (int i = 0; i < images->n && !err; i++) {
        if (!rg_is_folder(images->path[i])) continue;
        writing->folders++;
        err = check_folder(images->path[i], writing->folder);
    }
    if (!err) err = rg_pictures_walk_all(images, plan_file, writing, &writing->left_out);
    if (!err && !writing->images)
        err = rg_fail(RG_ENOENT, "%s: no images there%s", images->path[0],
                      images->n > 1 ? ", nor in the other paths" : "");
    return err;
}

// ---- the second walk

static void refuse_image(writing_t *writing, const char *path, const char *reason)
{
    char shown[RG_SENTENCE_SIZE]; // as in the reason, which may begin with it
    rg_text_escape(path, shown, sizeof shown);
    size_t n = strlen(shown);
    if (strncmp(reason, shown, n) == 0 && strncmp(reason + n, ": ", 2) == 0) reason += n + 2;
    writing->refused++;
    rg_progress_bar_clear(writing->progress);
    if (writing->what->options->json)
        rg_output_json(json_pack("{s:o, s:o}", "image", rg_json_text(path), "refused", rg_json_text(reason)));
    else
        rg_output_line("refused %s: %s", shown, reason);
}

static int write_output(writing_t *writing, const source_t *source, const rg_wanted_t *wanted, int draw,
                        const uint8_t *pixels)
{
    const int side = writing->translator.config->data.img_size;
    const rg_image_t image = {side, side, (uint8_t *)pixels};
    char *path = output_path(writing, source, wanted, draw);
    int skip = !writing->what->force && rg_exists(path), err = skip ? 0 : rg_mkdirs_for(path);
    if (!err && !skip) err = rg_image_write(&image, path);
    if (!err && !skip) {
        writing->written++;
        rg_progress_bar_update(writing->progress, writing->written, writing->total, NULL);
        if (writing->what->options->json)
            rg_output_json(json_pack("{s:o, s:s, s:i, s:o}", "image", rg_json_text(source->path), "wanted",
                                     wanted->title, "draw", draw + 1, "out", rg_json_text(path)));
    }
    free(path);
    return err;
}

// Translates the images of the batch whose files of this set are missing.
static int write_wanted(writing_t *writing, const rg_wanted_t *wanted)
{
    size_t size = rg_image_bytes(writing->translator.config);
    int samples = writing->translator.samples, n = 0, err = 0;
    const source_t **asked = rg_alloc((size_t)writing->n * sizeof *asked);
    for (int i = 0; i < writing->n; i++) {
        if (!count_missing(writing, writing->sources[i], wanted)) continue;
        memcpy(writing->gathered + (size_t)n * size, writing->pixels + (size_t)i * size, size);
        asked[n++] = writing->sources[i];
    }
    if (n)
        err = rg_translator_run(&writing->translator, &wanted->edits, writing->gathered, n,
                                writing->translated);
    for (int i = 0; i < n * samples && !err; i++)
        err = write_output(writing, asked[i / samples], wanted, i % samples,
                           writing->translated + (size_t)i * size);
    free(asked);
    return err;
}

static int write_batch(writing_t *writing)
{
    int err = 0;
    for (int i = 0; i < writing->what->n_wanted && !err && writing->n; i++)
        err = write_wanted(writing, &writing->what->wanted[i]);
    writing->n = 0;
    return err;
}

static int add_source(writing_t *writing, const source_t *source)
{
    const rg_config_t *config = writing->translator.config;
    uint8_t *row = writing->pixels + (size_t)writing->n * rg_image_bytes(config);
    int missing = count_missing_all(writing, source);
    if (!missing) return 0;
    if (rg_picture_load(config, source->path, row, NULL)) {
        writing->total -= (uint64_t)missing;
        refuse_image(writing, source->path, rg_error());
        return 0;
    }
    writing->sources[writing->n++] = source;
    return writing->n == writing->capacity ? write_batch(writing) : 0;
}

static int take_file(void *self, const rg_walk_file_t *file)
{
    writing_t *writing = self;
    if (atomic_load(rg_interrupted())) return rg_fail(RG_ESTOPPED, "stopped");
    if (file->problem) {
        refuse_image(writing, file->path, file->problem);
        return 0;
    }
    source_t *source = describe_source(file, writing->folders), **found, *first = NULL;
    found =
        tfind(source, &writing->stems, compare_stems); // NULL: it came after the first walk; for the next run
    if (found && strcmp((*found)->path, source->path) == 0) {
        first = (*found)->taken ? NULL : *found; // the user may name a file twice
        (*found)->taken = 1;
    } else if (found) {
        char *reason =
            rg_format("its files would have the names of those of %s: translate it into another folder",
                      (*found)->path);
        refuse_image(writing, source->path, reason);
        free(reason);
    }
    free_source(source);
    return first ? add_source(writing, first) : 0;
}

static int write_all(writing_t *writing)
{
    const rg_config_t *config = writing->translator.config;
    int err = rg_translator_capacity(&writing->translator, &writing->capacity);
    if (!err) err = rg_caller_open(&writing->translator.encoder, config, "encoder");
    if (err) return err;
    size_t n = (size_t)writing->capacity, size = n * rg_image_bytes(config);
    writing->sources = rg_alloc(n * sizeof *writing->sources);
    writing->pixels = rg_alloc(size);
    writing->gathered = rg_alloc(size);
    writing->translated = rg_alloc(size * (size_t)writing->translator.samples);
    writing->progress = rg_caller_show(writing->translator.encoder, "translate", "files",
                                       writing->what->options->json, NULL, NULL);
    err = rg_pictures_walk(writing->what->images, take_file, writing);
    if (!err) err = write_batch(writing);
    rg_caller_close(&writing->translator.encoder);
    free(writing->sources);
    free(writing->pixels);
    free(writing->gathered);
    free(writing->translated);
    return err;
}

// ---- the end

static void print_counts(const writing_t *writing)
{
    const rg_translator_t *by = &writing->translator;
    char others[RG_LEFT_OUT_TEXT];
    const unsigned long long written = writing->written, kept = writing->kept, refused = writing->refused;
    if (writing->what->options->json) {
        rg_output_json(json_pack("{s:I, s:I, s:I, s:o, s:o, s:o, s:I}", "written", (json_int_t)written,
                                 "kept", (json_int_t)kept, "refused", (json_int_t)refused, "left_out",
                                 rg_left_out_json(&writing->left_out), "out", rg_json_text(writing->folder),
                                 "stage", rg_json_text(by->stage), "generation", (json_int_t)by->generation));
        return;
    }
    rg_output_line("%llu translation%s%s%s written to %s, %llu kept%s, %llu image%s refused", written,
                   written == 1 ? "" : "s", *by->stage ? " by the weights of " : "", by->stage,
                   writing->folder, kept, kept ? " as they were (--force writes them anew)" : "", refused,
                   refused == 1 ? "" : "s");
    rg_left_out_format(&writing->left_out, others);
    if (*others) rg_output_line("%s", others);
}

int rg_translation_files_write(const rg_translation_files_t *what)
{
    writing_t writing = {.what = what, .translator = what->settings, .folder = rg_strdup(what->folder)};
    trim_slashes(writing.folder);
    int err = plan(&writing);
    if (!err) err = write_all(&writing);
    tdestroy(writing.stems, free_source);
    if (err == RG_ESTOPPED)
        rg_fail(err, "stopped after %llu of %llu files; run the same command again to continue",
                (unsigned long long)writing.written, (unsigned long long)writing.total);
    if (!err) print_counts(&writing);
    free(writing.folder);
    if (err) return err;
    return writing.refused
               ? rg_fail(RG_EINVAL, "%llu images were refused", (unsigned long long)writing.refused)
               : 0;
}
