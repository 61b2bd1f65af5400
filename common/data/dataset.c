// Opening a data set: the reader of its form (tables.c, folders.c) appends names, splits and labels. Then
// index_splits lists the images of each split, withhold_labels hides the labels that data.annotated excludes,
// and a fingerprint over all of it lets a resumed run check that it uses the same data.
#include "common/data/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/hash.h"
#include "common/core/rng.h"
#include "common/data/dataset_private.h"
#include "common/data/image.h"

uint8_t *rg__dataset_append(rg_dataset_t *set, const char *name)
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
    memset(set->labels + n * columns, 0, columns);
    set->count++;
    return set->labels + n * columns;
}

uint8_t rg__split_of(size_t position)
{
    size_t place = position % 10;
    return place < 8 ? RG_SPLIT_TRAIN : place == 8 ? RG_SPLIT_VALIDATION : RG_SPLIT_TEST;
}

static int compare_names_at(const void *a, const void *b, void *set)
{
    char *const *name = ((const rg_dataset_t *)set)->name;
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    int order = strcmp(name[i], name[j]);
    return order ? order : i < j ? -1 : 1;
}

int rg__dataset_sort(const rg_dataset_t *set, const char *path, const uint32_t *line, uint32_t **out)
{
    uint32_t *order = rg_alloc(set->count * sizeof *order);
    for (size_t i = 0; i < set->count; i++) order[i] = (uint32_t)i;
    qsort_r(order, set->count, sizeof *order, compare_names_at, (void *)set);
    for (size_t i = 1; i < set->count; i++) {
        uint32_t first = order[i - 1], second = order[i];
        if (strcmp(set->name[first], set->name[second]) != 0) continue;
        free(order);
        return rg_fail(RG_EFORMAT, "%s:%u: %s is listed already in line %u: delete one of the two lines",
                       path, line[second], set->name[second], line[first]);
    }
    *out = order;
    return 0;
}

// ---- the data set

static int read_form(rg_dataset_t *set, const rg_config_t *config)
{
    const char *root = config->data.root;
    char *annotation = NULL;
    if (config->data.list[0]) return rg__dataset_read_list(set, config);
    if ((annotation = rg_annotation_find(root)) != NULL) {
        int err = rg__dataset_read_celeba(set, root, annotation);
        free(annotation);
        return err;
    }
    rg_classes_t classes = {0};
    int err = rg__dataset_check_whole(root);
    if (!err) err = rg_classes_find(&classes, root);
    if (!err)
        err = classes.names.count ? rg__dataset_read_classes(set, root, &classes)
                                  : rg__dataset_read_folder(set, root);
    rg_classes_fini(&classes);
    return err;
}

static int fail_missing(const char *key, const char *path)
{
    char *absolute = rg_path_absolute(path);
    int err = rg_fail(RG_ENOENT,
                      "%s: %s does not exist: put the data there, or name its place with --set %s=PATH (a "
                      "relative path begins in the current directory)",
                      key, absolute, key);
    free(absolute);
    return err;
}

int rg_dataset_check(const rg_config_t *config)
{
    const rg_data_config_t *data = &config->data;
    if (*data->list && !rg_exists(data->list)) return fail_missing("data.list", data->list);
    if (*data->list || !*data->root || rg_is_folder(data->root)) return 0;
    if (!rg_exists(data->root)) return fail_missing("data.root", data->root);
    return rg_fail(RG_ENOENT, "data.root: %s is not a folder", data->root);
}

static int fail_empty(const rg_dataset_t *set, const rg_config_t *config)
{
    if (config->data.list[0]) return rg_fail(RG_ENOENT, "%s: lists no images", config->data.list);
    return rg_fail(RG_ENOENT,
                   "%s: no images here: neither list_attr_celeba.txt or .csv nor "
                   "CelebAMask-HQ-attribute-anno.txt, nor folders train/CLASS, nor image files (.jpg, .png, "
                   ".webp); other files: %zu",
                   config->data.root, set->passed_over);
}

static int dataset_read(rg_dataset_t *set, const rg_config_t *config)
{
    if (!*config->data.root && !*config->data.list)
        return rg_fail(RG_ECONFIG, "data.root: is empty, so there is no data set to train on");
    int err = rg_dataset_check(config);
    if (!err) err = read_form(set, config);
    if (!err && !set->count) err = fail_empty(set, config);
    if (!err && *set->name[0] != '/' && !rg_is_folder(set->folder))
        err = fail_missing("data.root", set->folder);
    return err;
}

// Withholds the labels of a random part of the training images, the others; `fraction` of them keep theirs.
static void withhold_labels(rg_dataset_t *set, double fraction, uint64_t seed)
{
    uint32_t n = set->n[RG_SPLIT_TRAIN], kept = set->attributes.count ? (uint32_t)(fraction * n + 0.5) : 0;
    uint32_t *order = rg_alloc(n * sizeof *order);
    rg_rng_t rng;
    if (n) memcpy(order, set->index[RG_SPLIT_TRAIN], n * sizeof *order);
    rg_rng_init(&rng, seed, RG_RNG_SPLIT, 0);
    rg_rng_shuffle(&rng, order, n);
    for (uint32_t i = kept; i < n; i++) set->annotated[order[i]] = 0;
    set->train_others = order;
    set->n_train_others = n - kept;
    if (n > kept) memmove(order, order + kept, (n - kept) * sizeof *order);
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
    if (!err && opened.attributes.count) err = rg_dataset_columns(&opened, &config->data, columns);
    if (err) {
        rg_dataset_close(&opened);
        return err;
    }
    index_splits(&opened);
    opened.whole = dataset_fingerprint(&opened);
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
    free(set->train_others);
    free(set->labels);
    free(set->annotated);
    free(set->split);
    free(set->folder);
    *set = (rg_dataset_t){0};
}

char *rg_dataset_path(const rg_dataset_t *set, size_t i)
{
    const char *name = set->name[i];
    return *name == '/' || !*set->folder ? rg_strdup(name) : rg_format("%s/%s", set->folder, name);
}

int rg_dataset_read(const rg_dataset_t *set, size_t i, const rg_limits_config_t *limits, uint8_t **jpeg,
                    size_t *size)
{
    char *path = rg_dataset_path(set, i);
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
