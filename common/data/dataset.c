#include "common/data/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/hash.h"
#include "common/core/rng.h"
#include "common/data/dataset_forms.h"

uint8_t *rg__dataset_append(rg_dataset_t *set, const char *name)
{
    size_t n = set->count, columns = (size_t)set->attributes.count;
    if ((n & (n - 1)) == 0) { // full: the room is the next power of two
        size_t room = n ? 2 * n : 1;
        set->name = rg_realloc(set->name, room * sizeof *set->name);
        set->split = rg_realloc(set->split, room);
        set->annotated = rg_realloc(set->annotated, room);
        set->labels = rg_realloc(set->labels, room * columns + 1);
    }
    set->name[n] = rg_strdup(name);
    set->split[n] = RG_SPLIT_TRAIN;
    set->annotated[n] = columns > 0;
    set->count++;
    return set->labels + n * columns;
}

static int read_form(rg_dataset_t *set, const rg_config_t *config)
{
    const char *root = config->data.root;
    if (config->data.list[0]) return rg__dataset_list(set, config);
    char *annotation = rg_format("%s/list_attr_celeba.txt", root);
    int celeba = rg_exists(annotation);
    free(annotation);
    return celeba ? rg__dataset_celeba(set, root) : rg__dataset_folder(set, root);
}

static int check_images(const rg_dataset_t *set, const rg_config_t *config)
{
    if (!rg_exists(set->folder)) return rg_fail(RG_ENOENT, "%s: no such folder of images", set->folder);
    if (set->count) return 0;
    if (config->data.list[0]) return rg_fail(RG_ENOENT, "%s: lists no images", config->data.list);
    return rg_fail(RG_ENOENT, "%s: neither list_attr_celeba.txt nor JPEG files here", config->data.root);
}

// Takes the labels from all but the wanted fraction of the training images.
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

static uint64_t fingerprint(const rg_dataset_t *set)
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
    int err = read_form(&opened, config);
    if (!err) err = check_images(&opened, config);
    if (!err && opened.attributes.count) err = rg_dataset_columns(&opened, config, columns);
    if (err) {
        rg_dataset_close(&opened);
        return err;
    }
    index_splits(&opened);
    withhold_labels(&opened, config->data.annotated, config->seed);
    index_annotated(&opened);
    opened.fingerprint = fingerprint(&opened);
    *set = opened;
    return 0;
}

void rg_dataset_close(rg_dataset_t *set)
{
    rg_names_free(&set->name, set->count);
    for (int s = 0; s < RG_SPLITS; s++) free(set->index[s]);
    free(set->train_annotated);
    free(set->labels);
    free(set->annotated);
    free(set->split);
    free(set->folder);
    *set = (rg_dataset_t){0};
}

int rg_dataset_read(const rg_dataset_t *set, size_t i, size_t limit, uint8_t **jpeg, size_t *size)
{
    char *path = rg_format("%s/%s", set->folder, set->name[i]);
    int err = rg_file_read(path, limit, jpeg, size);
    free(path);
    return err;
}

static int fail_unknown(const rg_dataset_t *set, const char *name)
{
    if (!set->attributes.count)
        return rg_fail(RG_ECONFIG, "%s: the images carry no annotation, so there is no %s", set->folder,
                       name);
    char known[400] = "";
    for (int a = 0, used = 0; a < set->attributes.count && used < (int)sizeof known; a++)
        used += snprintf(known + used, sizeof known - (size_t)used, " %s", set->attributes.name[a]);
    return rg_fail(RG_ECONFIG, "data.attributes: %s is not annotated here; there are%s", name, known);
}

int rg_dataset_columns(const rg_dataset_t *set, const rg_config_t *config, int *out)
{
    const rg_names_t *wanted = &config->data.attributes;
    int columns[RG_ATTRIBUTES_MAX];
    for (int a = 0; a < wanted->count; a++) {
        columns[a] = rg_names_find(&set->attributes, wanted->name[a]);
        if (columns[a] < 0) return fail_unknown(set, wanted->name[a]);
    }
    memcpy(out, columns, (size_t)wanted->count * sizeof *out);
    return 0;
}
