// Opening a data set: one of three readers appends names, splits and labels. Then index_splits lists the
// images of each split, withhold_labels hides the labels that data.annotated excludes, and a fingerprint over
// all of it lets a resumed run check that it uses the same data.
#include "common/data/dataset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/hash.h"
#include "common/core/rng.h"
#include "common/data/image.h"

// Appends an image, annotated if the set has attributes. Returns its row of labels, which is valid until the
// next append; the caller fills it in.
static uint8_t *append_image(rg_dataset_t *set, const char *name)
{
    size_t n = set->count, columns = (size_t)set->attributes.count;
    if ((n & (n - 1)) == 0) { // full: the capacity is a power of two
        size_t capacity = n ? 2 * n : 1;
        set->name = rg_realloc(set->name, capacity * sizeof *set->name);
        set->split = rg_realloc(set->split, capacity);
        set->annotated = rg_realloc(set->annotated, capacity);
        set->labels = rg_realloc(set->labels, capacity * columns + 1);
    }
    set->name[n] = rg_strdup(name);
    set->split[n] = RG_SPLIT_TRAIN;
    set->annotated[n] = columns > 0;
    set->count++;
    return set->labels + n * columns;
}

// ---- the official CelebA files
//
// list_attr_celeba.txt: the number of images, a line of attribute names, then `name -1 1 ...` per image.
// list_eval_partition.txt: `name split` per image, in the same order.

static int celeba_read_count(rg_lines_t *lines, size_t *count)
{
    char *line = rg_lines_next(lines), *end = line;
    errno = 0;
    if (line) *count = strtoul(line, &end, 10);
    if (!line || end == line || end[strspn(end, " \t")] || errno || *line == '-')
        return rg_fail(RG_EFORMAT, "%s:1: expected the number of images", lines->path);
    return 0;
}

static int celeba_read_attributes(rg_lines_t *lines, rg_names_t *names)
{
    char *rest = rg_lines_next(lines);
    for (char *name; rest && (name = rg_lines_word(&rest)) != NULL;) {
        if (names->count == RG_ATTRIBUTES_MAX)
            return rg_fail(RG_EFORMAT, "%s:%d: more than %d attributes", lines->path, lines->number,
                           RG_ATTRIBUTES_MAX);
        if (strlen(name) >= RG_NAME_SIZE)
            return rg_fail(RG_EFORMAT, "%s:%d: attribute name over %d letters", lines->path, lines->number,
                           RG_NAME_SIZE - 1);
        strcpy(names->name[names->count++], name);
    }
    return names->count ? 0 : rg_fail(RG_EFORMAT, "%s:2: expected the attribute names", lines->path);
}

static int celeba_read_labels(rg_lines_t *lines, char *rest, rg_dataset_t *set)
{
    char *name = rg_lines_word(&rest);
    if (!name) return rg_fail(RG_EFORMAT, "%s:%d: expected a file name", lines->path, lines->number);
    uint8_t *labels = append_image(set, name);
    int n = 0;
    for (char *word; (word = rg_lines_word(&rest)) != NULL; n++) {
        int set_here = strcmp(word, "1") == 0;
        if (!set_here && strcmp(word, "-1") != 0)
            return rg_fail(RG_EFORMAT, "%s:%d: %s is neither 1 nor -1", lines->path, lines->number, word);
        if (n < set->attributes.count) labels[n] = (uint8_t)set_here;
    }
    if (n != set->attributes.count)
        return rg_fail(RG_EFORMAT, "%s:%d: %d labels for %d attributes", lines->path, lines->number, n,
                       set->attributes.count);
    return 0;
}

static int celeba_read_annotation(rg_dataset_t *set, const char *path)
{
    rg_lines_t lines;
    size_t expected = 0;
    int err = rg_lines_open(&lines, path);
    if (err) return err;
    err = celeba_read_count(&lines, &expected);
    if (!err) err = celeba_read_attributes(&lines, &set->attributes);
    for (char *line; !err && (line = rg_lines_next(&lines)) != NULL;)
        err = celeba_read_labels(&lines, line, set);
    if (!err && set->count != expected)
        err = rg_fail(RG_EFORMAT, "%s: says it lists %zu images, but lists %zu", path, expected, set->count);
    rg_lines_close(&lines);
    return err;
}

// Reads on to the line of the wanted name; lines of images without annotation are skipped.
static int celeba_find_split(rg_lines_t *lines, const char *wanted, uint8_t *split)
{
    for (char *rest; (rest = rg_lines_next(lines)) != NULL;) {
        char *name = rg_lines_word(&rest), *digit = rg_lines_word(&rest);
        if (!name || !digit || digit[0] < '0' || digit[0] >= '0' + RG_SPLITS || digit[1] ||
            rg_lines_word(&rest))
            return rg_fail(RG_EFORMAT, "%s:%d: expected a file name and 0, 1 or 2", lines->path,
                           lines->number);
        if (strcmp(name, wanted) != 0) continue;
        *split = (uint8_t)(digit[0] - '0');
        return 0;
    }
    return rg_fail(RG_EFORMAT, "%s: %s is missing (the images must be in the order of list_attr_celeba.txt)",
                   lines->path, wanted);
}

static int celeba_read_partition(rg_dataset_t *set, const char *path)
{
    rg_lines_t lines;
    int err = rg_lines_open(&lines, path);
    if (err) return err;
    for (size_t i = 0; !err && i < set->count; i++)
        err = celeba_find_split(&lines, set->name[i], &set->split[i]);
    rg_lines_close(&lines);
    return err;
}

static int read_celeba(rg_dataset_t *set, const char *root)
{
    char *annotation = rg_format("%s/list_attr_celeba.txt", root);
    char *partition = rg_format("%s/list_eval_partition.txt", root);
    set->folder = rg_format("%s/img_align_celeba", root);
    int err = celeba_read_annotation(set, annotation);
    if (!err) err = celeba_read_partition(set, partition);
    free(annotation);
    free(partition);
    return err;
}

// ---- a list file, and a folder of JPEG files

// Of ten images eight train, one validates, one tests: a sorted list is split evenly too.
static uint8_t split_of(size_t position)
{
    size_t place = position % 10;
    return place < 8 ? RG_SPLIT_TRAIN : place == 8 ? RG_SPLIT_VALIDATION : RG_SPLIT_TEST;
}

static int list_read_line(rg_lines_t *lines, char *line, rg_dataset_t *set)
{
    char *digits = strchr(line, '\t');
    if (!digits || digits == line)
        return rg_fail(RG_EFORMAT, "%s:%d: expected a file name, a tab and labels", lines->path,
                       lines->number);
    *digits++ = 0;
    size_t n = strlen(digits), expected = (size_t)set->attributes.count;
    if (n != expected || strspn(digits, "01") != n)
        return rg_fail(RG_EFORMAT,
                       "%s:%d: expected %zu labels of 0 or 1 for the configured attributes, found %s",
                       lines->path, lines->number, expected, digits);
    uint8_t *labels = append_image(set, line);
    for (size_t i = 0; i < n; i++) labels[i] = digits[i] == '1';
    set->split[set->count - 1] = split_of(set->count - 1);
    return 0;
}

static int read_list(rg_dataset_t *set, const rg_config_t *config)
{
    rg_lines_t lines;
    int err = rg_lines_open(&lines, config->data.list);
    if (err) return err;
    set->folder = rg_strdup(config->data.root);
    set->attributes = config->data.attributes;
    for (char *line; !err && (line = rg_lines_next(&lines)) != NULL;) err = list_read_line(&lines, line, set);
    rg_lines_close(&lines);
    return err;
}

static int read_folder(rg_dataset_t *set, const char *root)
{
    char **names;
    size_t n;
    int err = rg_list_dir(root, &names, &n);
    if (err) return err;
    set->folder = rg_strdup(root);
    for (size_t i = 0; i < n; i++)
        if (rg_image_name_known(names[i])) append_image(set, names[i]);
    rg_list_free(&names, n);
    return 0;
}

// ---- the data set

static int dataset_read(rg_dataset_t *set, const rg_config_t *config)
{
    const char *root = config->data.root;
    if (config->data.list[0]) return read_list(set, config);
    char *annotation = rg_format("%s/list_attr_celeba.txt", root);
    int celeba = rg_exists(annotation);
    free(annotation);
    return celeba ? read_celeba(set, root) : read_folder(set, root);
}

static int check_images(const rg_dataset_t *set, const rg_config_t *config)
{
    if (!rg_exists(set->folder)) return rg_fail(RG_ENOENT, "%s: no such folder of images", set->folder);
    if (set->count) return 0;
    if (config->data.list[0]) return rg_fail(RG_ENOENT, "%s: lists no images", config->data.list);
    return rg_fail(RG_ENOENT, "%s: neither list_attr_celeba.txt nor JPEG files here", config->data.root);
}

// Withholds the labels of a random part of the training images; `fraction` of them keep theirs.
static void withhold_labels(rg_dataset_t *set, double fraction, uint64_t seed)
{
    uint32_t n = set->n[RG_SPLIT_TRAIN], kept = (uint32_t)(fraction * n + 0.5);
    uint32_t *order = rg_alloc(n * sizeof *order);
    rg_rng_t rng;
    if (n) memcpy(order, set->index[RG_SPLIT_TRAIN], n * sizeof *order);
    rg_rng_init(&rng, seed, RG_RNG_SPLIT, 0);
    rg_rng_shuffle(&rng, order, n);
    for (uint32_t i = kept; i < n; i++) set->annotated[order[i]] = 0;
    free(order);
}

static void index_splits(rg_dataset_t *set)
{
    for (int s = 0; s < RG_SPLITS; s++) set->index[s] = rg_alloc(set->count * sizeof *set->index[s]);
    for (size_t i = 0; i < set->count; i++) {
        int s = set->split[i];
        set->index[s][set->n[s]++] = (uint32_t)i;
    }
}

static void index_annotated(rg_dataset_t *set)
{
    uint32_t n = set->n[RG_SPLIT_TRAIN];
    set->train_annotated = rg_alloc(n * sizeof *set->train_annotated);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t image = set->index[RG_SPLIT_TRAIN][i];
        if (set->annotated[image]) set->train_annotated[set->n_train_annotated++] = image;
    }
}

static uint64_t dataset_fingerprint(const rg_dataset_t *set)
{
    rg_hasher_t *hasher = rg_hasher_new();
    for (int a = 0; a < set->attributes.count; a++)
        rg_hasher_add(hasher, set->attributes.name[a], strlen(set->attributes.name[a]) + 1);
    for (size_t i = 0; i < set->count; i++) rg_hasher_add(hasher, set->name[i], strlen(set->name[i]) + 1);
    rg_hasher_add(hasher, set->labels, set->count * (size_t)set->attributes.count);
    rg_hasher_add(hasher, set->split, set->count);
    rg_hasher_add(hasher, set->annotated, set->count);
    return rg_hasher_finish(&hasher);
}

int rg_dataset_open(rg_dataset_t *set, const rg_config_t *config)
{
    rg_dataset_t opened = {0};
    int columns[RG_ATTRIBUTES_MAX];
    int err = dataset_read(&opened, config);
    if (!err) err = check_images(&opened, config);
    if (!err && opened.attributes.count) err = rg_dataset_columns(&opened, &config->data, columns);
    if (err) {
        rg_dataset_close(&opened);
        return err;
    }
    index_splits(&opened);
    withhold_labels(&opened, config->data.annotated, config->seed);
    index_annotated(&opened);
    opened.fingerprint = dataset_fingerprint(&opened);
    *set = opened;
    return 0;
}

void rg_dataset_close(rg_dataset_t *set)
{
    rg_list_free(&set->name, set->count);
    for (int s = 0; s < RG_SPLITS; s++) free(set->index[s]);
    free(set->train_annotated);
    free(set->labels);
    free(set->annotated);
    free(set->split);
    free(set->folder);
    *set = (rg_dataset_t){0};
}

int rg_dataset_read(const rg_dataset_t *set, size_t i, const rg_limits_config_t *limits, uint8_t **jpeg,
                    size_t *size)
{
    char *path = rg_format("%s/%s", set->folder, set->name[i]);
    int err = rg_image_read(limits, path, jpeg, size);
    free(path);
    return err;
}

static int fail_unknown(const rg_dataset_t *set, const char *name)
{
    if (!set->attributes.count)
        return rg_fail(RG_ECONFIG, "%s: the images are not annotated, so no image has %s", set->folder, name);
    char known[400] = "";
    for (int a = 0, used = 0; a < set->attributes.count && used < (int)sizeof known; a++)
        used += snprintf(known + used, sizeof known - (size_t)used, " %s", set->attributes.name[a]);
    return rg_fail(RG_ECONFIG, "data.attributes: the files do not annotate %s; choose from%s", name, known);
}

int rg_dataset_columns(const rg_dataset_t *set, const rg_data_config_t *data, int *out)
{
    const rg_names_t *wanted = &data->attributes;
    int columns[RG_ATTRIBUTES_MAX];
    for (int a = 0; a < wanted->count; a++) {
        columns[a] = rg_names_find(&set->attributes, wanted->name[a]);
        if (columns[a] < 0) return fail_unknown(set, wanted->name[a]);
    }
    memcpy(out, columns, (size_t)wanted->count * sizeof *out);
    return 0;
}
