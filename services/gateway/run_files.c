// Names in requests come from the network, so no name becomes a path unchecked: a run must be in the list
// that scan_runs made, a sample's name has no slash, and files are opened with O_NOFOLLOW (no symbolic
// links) and O_NONBLOCK (a FIFO cannot block the loop). What one request reads is bounded: entries of
// folders, runs, bytes of a journal, pictures.
#include "services/gateway/run_files.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"

// ---- runs

static void runs_add(rg_runs_t *runs, const char *name, int64_t modified)
{
    if (runs->n > 0 && strcmp(runs->entry[0].name, name) == 0)
        return; // the served run is the first entry already
    if (runs->n < RG_RUNS_MAX)
        runs->entry[runs->n++] = (rg_run_entry_t){.name = rg_strdup(name), .modified_ms = modified};
}

static int open_folder(int parent, const char *name)
{
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
}

// When metrics.jsonl of this folder was written; 0: the folder is not a run.
static int64_t metrics_modified_ms(int folder)
{
    struct stat info;
    if (fstatat(folder, "metrics.jsonl", &info, AT_SYMLINK_NOFOLLOW) != 0) return 0;
    return S_ISREG(info.st_mode) ? rg_modified_ms(&info) : 0;
}

static void scan_children(rg_runs_t *runs, int folder, const char *name, int depth);

// Takes the open folder of this name; with depth 0 its children are not scanned.
static void scan_folder(rg_runs_t *runs, int folder, const char *name, int depth)
{
    int64_t modified = metrics_modified_ms(folder);
    if (modified) runs_add(runs, name, modified);
    if (depth > 0)
        scan_children(runs, folder, name, depth - 1);
    else
        close(folder);
}

// Names that JSON cannot hold are skipped, and hidden ones.
static int name_is_listed(const char *name)
{
    json_t *string = json_string(name);
    json_decref(string);
    return string && *name != '.';
}

static void scan_children(rg_runs_t *runs, int folder, const char *name, int depth)
{
    DIR *dir = fdopendir(folder);
    if (!dir) {
        close(folder);
        return;
    }
    for (struct dirent *entry; runs->scans > 0 && (entry = readdir(dir)) != NULL;) {
        runs->scans--;
        if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) continue;
        int below = name_is_listed(entry->d_name) ? open_folder(folder, entry->d_name) : -1;
        if (below < 0) continue;
        char *path = *name ? rg_format("%s/%s", name, entry->d_name) : rg_strdup(entry->d_name);
        scan_folder(runs, below, path, depth);
        free(path);
    }
    closedir(dir);
}

static void scan_experiment(rg_runs_t *runs, const char *name)
{
    char *path = rg_format("%s/%s/experiment", runs->base, name), *below = rg_format("%s/experiment", name);
    int folder = open_folder(AT_FDCWD, path);
    if (folder >= 0) scan_children(runs, folder, below, RG_RUNS_DEPTH - 1);
    free(path);
    free(below);
}

static int compare_runs(const void *left, const void *right)
{
    const rg_run_entry_t *a = left, *b = right;
    if (a->modified_ms != b->modified_ms) return a->modified_ms < b->modified_ms ? 1 : -1;
    return strcmp(a->name, b->name);
}

// The experiments of the served run come before other runs, so that the limits do not cut them off.
static void scan_runs(rg_runs_t *runs)
{
    runs->scans = RG_RUNS_SCANS;
    scan_experiment(runs, runs->entry[0].name);
    int folder = open_folder(AT_FDCWD, runs->base), own = runs->n;
    if (folder >= 0) scan_children(runs, folder, "", 0);
    for (int i = own, beside = runs->n; i < beside; i++) scan_experiment(runs, runs->entry[i].name);
    qsort(runs->entry + 1, (size_t)runs->n - 1, sizeof *runs->entry, compare_runs);
}

// The absolute path; of a folder that does not exist yet the path as it is written.
static int resolve_folder(const char *served, char path[PATH_MAX])
{
    if (realpath(served, path)) return 0;
    if (errno != ENOENT) return rg_fail_errno(RG_EIO, "%s: cannot find this folder", served);
    size_t size = strlen(served);
    while (size > 1 && served[size - 1] == '/') size--;
    int whole = snprintf(path, PATH_MAX, "%s%.*s", memchr(served, '/', size) ? "" : "./", (int)size, served);
    return whole < PATH_MAX ? 0 : rg_fail(RG_EIO, "%s: the path is too long", served);
}

int rg_runs_open(rg_runs_t *runs, const char *served)
{
    char path[PATH_MAX];
    *runs = (rg_runs_t){0};
    int err = resolve_folder(served, path);
    if (err) return err;
    int folder = open_folder(AT_FDCWD, path);
    if (folder < 0 && errno != ENOENT) return rg_fail_errno(RG_EIO, "%s: cannot open this folder", served);
    char *slash = strrchr(path, '/');
    runs->entry[0] = (rg_run_entry_t){.name = rg_strdup(slash + 1), .served = 1};
    if (folder >= 0) runs->entry[0].modified_ms = metrics_modified_ms(folder);
    if (folder >= 0) close(folder);
    runs->n = 1;
    *slash = 0;
    runs->base = rg_strdup(path);
    scan_runs(runs);
    return 0;
}

void rg_runs_close(rg_runs_t *runs)
{
    for (int i = 0; i < runs->n; i++) free(runs->entry[i].name);
    free(runs->base);
    *runs = (rg_runs_t){0};
}

int rg_runs_path(const rg_runs_t *runs, const char *name, const char *file, char **path)
{
    for (int i = 0; i < runs->n; i++) {
        if (name ? strcmp(runs->entry[i].name, name) != 0 : !runs->entry[i].served) continue;
        *path = rg_format("%s/%s/%s", runs->base, runs->entry[i].name, file);
        return 0;
    }
    return rg_fail(RG_ENOENT, "run: there is no such run; /api/v1/runs lists them");
}

json_t *rg_runs_json(const rg_runs_t *runs)
{
    json_t *list = json_array();
    for (int i = 0; i < runs->n; i++) {
        const rg_run_entry_t *entry = &runs->entry[i];
        json_array_append_new(list, json_pack("{s:s, s:b, s:I}", "name", entry->name, "served", entry->served,
                                              "modified_ms", (json_int_t)entry->modified_ms));
    }
    return json_pack("{s:o}", "runs", list);
}

// ---- journals

typedef struct {
    char *bytes; // [RG_JOURNAL_PART]
    size_t size;
    uint64_t from, end; // offset of bytes in the file; size of the file
} journal_part_t;

static int line_is_object(const char *line, size_t size)
{
    json_t *value = json_loadb(line, size, 0, NULL);
    int object = json_is_object(value);
    json_decref(value);
    return object;
}

// The number of bytes up to the end of the last complete line; all bytes if a single line fills the part.
static size_t whole_lines(const journal_part_t *part)
{
    const char *last = part->size ? memrchr(part->bytes, '\n', part->size) : NULL;
    if (last) return (size_t)(last - part->bytes) + 1;
    return part->size == RG_JOURNAL_PART ? part->size : 0;
}

// Writes the complete lines as JSON. A line goes into the answer as it is, once it is known to be a JSON
// object.
static char *journal_write_part(const journal_part_t *part, int restarted)
{
    char *text;
    size_t length, whole = whole_lines(part);
    uint64_t next = part->from + whole;
    int written = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out) abort();
    fprintf(out, "{\"next\":%llu,\"more\":%s,\"restarted\":%s,\"lines\":[", (unsigned long long)next,
            part->from + part->size < part->end ? "true" : "false", restarted ? "true" : "false");
    for (size_t at = 0; at < whole;) {
        const char *line = part->bytes + at, *stop = memchr(line, '\n', whole - at);
        size_t size = stop ? (size_t)(stop - line) : whole - at;
        if (line_is_object(line, size)) fprintf(out, "%s%.*s", written++ ? "," : "", (int)size, line);
        at += size + 1;
    }
    fputs("]}", out);
    fclose(out);
    return text;
}

static int journal_read_part(int fd, const char *path, uint64_t from, char **text)
{
    struct stat info;
    if (fstat(fd, &info) != 0) return rg_fail_errno(RG_EIO, "%s: cannot stat", path);
    if (!S_ISREG(info.st_mode)) return rg_fail(RG_EIO, "%s: not a regular file", path);
    journal_part_t part = {.end = (uint64_t)info.st_size};
    int restarted = from > part.end;
    part.from = restarted ? 0 : from;
    part.bytes = rg_alloc(RG_JOURNAL_PART);
    ssize_t n = pread(fd, part.bytes, RG_JOURNAL_PART, (off_t)part.from);
    int err = n < 0 ? rg_fail_errno(RG_EIO, "%s: cannot read", path) : 0;
    part.size = n > 0 ? (size_t)n : 0;
    if (!err) *text = journal_write_part(&part, restarted);
    free(part.bytes);
    return err;
}

int rg_journal_read_part(const char *path, uint64_t from, char **text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno != ENOENT) return rg_fail_errno(RG_EIO, "%s: cannot open", path);
    if (fd < 0) {
        *text = journal_write_part(&(journal_part_t){0}, from > 0);
        return 0;
    }
    int err = journal_read_part(fd, path, from, text);
    close(fd);
    return err;
}

// ---- samples

static const char ending[] = ".png", evaluated[] = "eval-";

// The number that the whole text is, or -1.
static int64_t parse_digits(const char *text, size_t size)
{
    int64_t number = 0;
    if (size < 1 || size > 18) return -1;
    for (size_t i = 0; i < size; i++) {
        if (!isdigit((unsigned char)text[i])) return -1;
        number = 10 * number + (text[i] - '0');
    }
    return number;
}

int rg_sample_parse(const char *name, rg_sample_t *sample)
{
    size_t length = strlen(name), tail = sizeof ending - 1, head = sizeof evaluated - 1;
    if (length <= tail || length >= RG_SAMPLES_NAME || *name == '.' || strchr(name, '/')) return 0;
    if (strcmp(name + length - tail, ending) != 0) return 0;
    const char *end = name + length - tail, *dash;
    *sample = (rg_sample_t){.stage = name, .iteration = -1};
    if (strncmp(name, evaluated, head) == 0) {
        sample->stage += head;
        dash = memchr(sample->stage, '-', (size_t)(end - sample->stage));
        sample->stage_size = (int)((dash ? dash : end) - sample->stage);
        return 1;
    }
    dash = memrchr(name, '-', (size_t)(end - name));
    sample->iteration = dash ? parse_digits(dash + 1, (size_t)(end - dash - 1)) : -1;
    sample->stage_size = (int)((sample->iteration < 0 ? end : dash) - name);
    return 1;
}

typedef struct {
    char *name; // owned
    int64_t modified_ms;
    rg_sample_t sample;
} sample_row_t;

// By stage, then by iteration; pictures of evaluations come last in their stage.
static int compare_samples(const void *left, const void *right)
{
    const sample_row_t *a = left, *b = right;
    int n = a->sample.stage_size < b->sample.stage_size ? a->sample.stage_size : b->sample.stage_size;
    int order = strncmp(a->sample.stage, b->sample.stage, (size_t)n);
    if (order == 0) order = a->sample.stage_size - b->sample.stage_size;
    if (order != 0) return order;
    uint64_t first = (uint64_t)a->sample.iteration, second = (uint64_t)b->sample.iteration;
    if (first != second) return first < second ? -1 : 1;
    return strcmp(a->name, b->name);
}

static size_t list_samples(DIR *dir, sample_row_t rows[RG_SAMPLES_MAX])
{
    size_t n = 0;
    for (struct dirent *entry; n < RG_SAMPLES_MAX && (entry = readdir(dir)) != NULL;) {
        rg_sample_t sample;
        struct stat info;
        if (!rg_sample_parse(entry->d_name, &sample)) continue;
        if (fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode))
            continue;
        sample_row_t *row = &rows[n++];
        *row = (sample_row_t){.name = rg_strdup(entry->d_name), .modified_ms = rg_modified_ms(&info)};
        rg_sample_parse(row->name, &row->sample);
    }
    if (n) qsort(rows, n, sizeof *rows, compare_samples);
    return n;
}

// NULL if the name is not UTF-8.
static json_t *sample_json(const sample_row_t *row)
{
    json_t *iteration = row->sample.iteration < 0 ? json_null() : json_integer(row->sample.iteration);
    return json_pack("{s:s, s:s#, s:o, s:I}", "name", row->name, "stage", row->sample.stage,
                     row->sample.stage_size, "iteration", iteration, "modified_ms",
                     (json_int_t)row->modified_ms);
}

json_t *rg_samples_json(const char *folder)
{
    json_t *samples = json_array();
    DIR *dir = opendir(folder);
    sample_row_t *rows = rg_alloc(RG_SAMPLES_MAX * sizeof *rows);
    size_t n = dir ? list_samples(dir, rows) : 0;
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(samples, sample_json(&rows[i]));
        free(rows[i].name);
    }
    free(rows);
    if (dir) closedir(dir);
    return json_pack("{s:o}", "samples", samples);
}

int rg_sample_open(const char *folder, const char *name, int *fd, size_t *size, int64_t *modified_ms)
{
    rg_sample_t sample;
    struct stat info;
    if (!rg_sample_parse(name, &sample)) return rg_fail(RG_ENOENT, "there is no such picture");
    char *path = rg_format("%s/%s", folder, name);
    int opened = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    free(path);
    int err = opened < 0 || fstat(opened, &info) != 0 || !S_ISREG(info.st_mode)
                  ? rg_fail(RG_ENOENT, "there is no such picture")
                  : 0;
    if (!err && info.st_size > RG_SAMPLES_BYTES)
        err = rg_fail(RG_ELIMIT, "this picture has more than %d bytes", RG_SAMPLES_BYTES);
    if (err) {
        if (opened >= 0) close(opened);
        return err;
    }
    *fd = opened;
    *size = (size_t)info.st_size;
    *modified_ms = rg_modified_ms(&info);
    return 0;
}
