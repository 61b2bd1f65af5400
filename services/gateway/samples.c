#include "services/gateway/samples.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"

static const char ending[] = ".png", evaluated[] = "eval-";

// The number that fills text up to its end, or -1.
static int64_t whole_number(const char *text, size_t size)
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
    sample->iteration = dash ? whole_number(dash + 1, (size_t)(end - dash - 1)) : -1;
    sample->stage_size = (int)((sample->iteration < 0 ? end : dash) - name);
    return 1;
}

// ------------------------------------------------------------------ the list
typedef struct {
    char *name; // owned
    int64_t modified_ms;
    rg_sample_t sample;
} row_t;

// Within a stage by iteration, then the evaluation's.
static int compare(const void *left, const void *right)
{
    const row_t *a = left, *b = right;
    int n = a->sample.stage_size < b->sample.stage_size ? a->sample.stage_size : b->sample.stage_size;
    int order = strncmp(a->sample.stage, b->sample.stage, (size_t)n);
    if (order == 0) order = a->sample.stage_size - b->sample.stage_size;
    if (order != 0) return order;
    uint64_t first = (uint64_t)a->sample.iteration, second = (uint64_t)b->sample.iteration;
    if (first != second) return first < second ? -1 : 1;
    return strcmp(a->name, b->name);
}

static size_t list(DIR *dir, row_t rows[RG_SAMPLES_MAX])
{
    size_t n = 0;
    for (struct dirent *entry; n < RG_SAMPLES_MAX && (entry = readdir(dir)) != NULL;) {
        rg_sample_t sample;
        struct stat info;
        if (!rg_sample_parse(entry->d_name, &sample)) continue;
        if (fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode))
            continue;
        row_t *row = &rows[n++];
        *row = (row_t){.name = rg_strdup(entry->d_name), .modified_ms = rg_modified_ms(&info)};
        rg_sample_parse(row->name, &row->sample);
    }
    if (n) qsort(rows, n, sizeof *rows, compare);
    return n;
}

// NULL: a name that is no UTF-8.
static json_t *row_json(const row_t *row)
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
    row_t *rows = rg_alloc(RG_SAMPLES_MAX * sizeof *rows);
    size_t n = dir ? list(dir, rows) : 0;
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(samples, row_json(&rows[i]));
        free(rows[i].name);
    }
    free(rows);
    if (dir) closedir(dir);
    return json_pack("{s:o}", "samples", samples);
}

// ------------------------------------------------------------------ one picture
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
