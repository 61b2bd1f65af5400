// The official CelebA files: list_attr_celeba.txt is the count, the 40 names, then `name -1 1 ...` per image;
// list_eval_partition.txt is `name split` per image, in the same order.
#include "common/data/dataset_forms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/data/lines.h"

static int read_count(rg_lines_t *lines, size_t *count)
{
    char *line = rg_lines_next(lines), *end = line;
    errno = 0;
    if (line) *count = strtoul(line, &end, 10);
    if (!line || end == line || end[strspn(end, " \t")] || errno || *line == '-')
        return rg_fail(RG_EFORMAT, "%s:1: expected the number of images", lines->path);
    return 0;
}

static int read_attributes(rg_lines_t *lines, rg_names_t *names)
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

static int read_labels(rg_lines_t *lines, char *rest, rg_dataset_t *set)
{
    char *name = rg_lines_word(&rest);
    if (!name) return rg_fail(RG_EFORMAT, "%s:%d: expected a file name", lines->path, lines->number);
    uint8_t *labels = rg__dataset_append(set, name);
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

static int read_annotation(rg_dataset_t *set, const char *path)
{
    rg_lines_t lines;
    size_t expected = 0;
    int err = rg_lines_open(&lines, path);
    if (err) return err;
    err = read_count(&lines, &expected);
    if (!err) err = read_attributes(&lines, &set->attributes);
    for (char *line; !err && (line = rg_lines_next(&lines)) != NULL;) err = read_labels(&lines, line, set);
    if (!err && set->count != expected)
        err = rg_fail(RG_EFORMAT, "%s: says it lists %zu images, but lists %zu", path, expected, set->count);
    rg_lines_close(&lines);
    return err;
}

// Goes on in the file up to the wanted name: images that are not annotated are passed over.
static int find_split(rg_lines_t *lines, const char *wanted, uint8_t *split)
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

static int read_partition(rg_dataset_t *set, const char *path)
{
    rg_lines_t lines;
    int err = rg_lines_open(&lines, path);
    if (err) return err;
    for (size_t i = 0; !err && i < set->count; i++) err = find_split(&lines, set->name[i], &set->split[i]);
    rg_lines_close(&lines);
    return err;
}

int rg__dataset_celeba(rg_dataset_t *set, const char *root)
{
    char *annotation = rg_format("%s/list_attr_celeba.txt", root);
    char *partition = rg_format("%s/list_eval_partition.txt", root);
    set->folder = rg_format("%s/img_align_celeba", root);
    int err = read_annotation(set, annotation);
    if (!err) err = read_partition(set, partition);
    free(annotation);
    free(partition);
    return err;
}
