// A list file of `name<TAB>00101` lines, and the plain folder of JPEGs.
#include "common/data/dataset_forms.h"

#include <string.h>
#include <strings.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/data/lines.h"

// Every ten images: eight to train, one to validate, one to test, so that sorted lists are split evenly too.
static uint8_t split_of(size_t position)
{
    size_t place = position % 10;
    return place < 8 ? RG_SPLIT_TRAIN : place == 8 ? RG_SPLIT_VALIDATION : RG_SPLIT_TEST;
}

static int read_line(rg_lines_t *lines, char *line, rg_dataset_t *set)
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
    uint8_t *labels = rg__dataset_append(set, line);
    for (size_t i = 0; i < n; i++) labels[i] = digits[i] == '1';
    set->split[set->count - 1] = split_of(set->count - 1);
    return 0;
}

int rg__dataset_list(rg_dataset_t *set, const rg_config_t *config)
{
    rg_lines_t lines;
    int err = rg_lines_open(&lines, config->data.list);
    if (err) return err;
    set->folder = rg_strdup(config->data.root);
    set->attributes = config->data.attributes;
    for (char *line; !err && (line = rg_lines_next(&lines)) != NULL;) err = read_line(&lines, line, set);
    rg_lines_close(&lines);
    return err;
}

static int is_jpeg_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0);
}

int rg__dataset_folder(rg_dataset_t *set, const char *root)
{
    char **names;
    size_t n;
    int err = rg_list_dir(root, &names, &n);
    if (err) return err;
    set->folder = rg_strdup(root);
    for (size_t i = 0; i < n; i++)
        if (is_jpeg_name(names[i])) rg__dataset_append(set, names[i]);
    rg_names_free(&names, n);
    return 0;
}
