// Data sets that are annotated by a table: lists of name and labels, and the files of CelebA, as text (words
// between blanks) or as CSV.
//
//   list       name<TAB>00101
//   text       the number of images; the attribute names; then `name -1 1 ...`
//   csv        `image_id,NAME,...`; then `name,-1,1,...`
//   partition  `name 0`, or `name,0` below a line of titles: 0 train, 1 validation, 2 test; in any order
//
// A name may have blanks: in a text it ends where as many words follow as the line has values.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/data/dataset_private.h"

// A table being read.
typedef struct {
    rg_lines_t lines;
    int csv;
    uint32_t *line; // [images], where each is listed
} table_t;

static int table_open(table_t *table, const char *path)
{
    const char *dot = strrchr(path, '.');
    *table = (table_t){.csv = dot && strcmp(dot, ".csv") == 0};
    return rg_lines_open(&table->lines, path);
}

static void table_close(table_t *table)
{
    rg_lines_close(&table->lines);
    free(table->line);
}

static int fail_line(const table_t *table, const char *sentence)
{
    return rg_fail(RG_EFORMAT, "%s:%d: %s", table->lines.path, table->lines.number, sentence);
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static char *skip_blanks(char *text)
{
    return text + strspn(text, " \t");
}

// The shortest name of an image: without "./" and the folder of the images before it. May be empty.
static char *short_name(const rg_dataset_t *set, char *name)
{
    size_t folder = set->folder ? strlen(set->folder) : 0;
    if (folder && strncmp(name, set->folder, folder) == 0 && name[folder] == '/') name += folder + 1;
    while (strncmp(name, "./", 2) == 0) name += 2 + strspn(name + 2, "/");
    return name;
}

// Appends an image of a line.
static uint8_t *append_listed(rg_dataset_t *set, table_t *table, const char *name)
{
    size_t n = set->count;
    if ((n & (n - 1)) == 0) table->line = rg_realloc(table->line, (n ? 2 * n : 1) * sizeof *table->line);
    table->line[n] = (uint32_t)table->lines.number;
    return rg__dataset_append(set, name);
}

static int parse_label(const char *word, uint8_t *label)
{
    int one = strcmp(word, "1") == 0;
    if (!one && strcmp(word, "0") != 0 && strcmp(word, "-1") != 0) return RG_EFORMAT;
    *label = (uint8_t)one;
    return 0;
}

// ---- a list

// Labels with or without separators: 00101, "0 0 1 0 1", "-1,-1,1,-1,1". Returns how many there are; -1 if
// there is anything else, or more than max.
static int parse_labels(const char *text, int max, uint8_t *labels)
{
    int n = 0;
    for (const char *c = text + strspn(text, " ,\t"); *c; c += strspn(c, " ,\t")) {
        size_t length = strncmp(c, "-1", 2) == 0 ? 2 : 1;
        if (n == max || (length == 1 && *c != '0' && *c != '1')) return -1;
        labels[n++] = length == 1 && *c == '1';
        c += length;
    }
    return n;
}

static int read_list_line(table_t *table, char *line, rg_dataset_t *set)
{
    char *labels = strchr(line, '\t'), *end = labels;
    uint8_t parsed[RG_ATTRIBUTES_MAX];
    if (!labels) return fail_line(table, "expected a file name, a tab and labels");
    *labels++ = 0;
    while (end > line && is_blank(end[-1])) *--end = 0;
    line = short_name(set, skip_blanks(line));
    if (!*line) return fail_line(table, "expected a file name, a tab and labels");
    if (parse_labels(labels, set->attributes.count, parsed) != set->attributes.count)
        return rg_fail(RG_EFORMAT,
                       "%s:%d: expected %d labels of 0 or 1 for the configured attributes, found %s",
                       table->lines.path, table->lines.number, set->attributes.count, labels);
    memcpy(append_listed(set, table, line), parsed, (size_t)set->attributes.count);
    set->split[set->count - 1] = rg__split_of(set->count - 1);
    return 0;
}

static int check_twice(const rg_dataset_t *set, const table_t *table, uint32_t **order)
{
    return rg__dataset_sort(set, table->lines.path, table->line, order);
}

int rg__dataset_read_list(rg_dataset_t *set, const rg_config_t *config)
{
    table_t table;
    uint32_t *order = NULL;
    int err = table_open(&table, config->data.list);
    if (err) return err;
    set->form = "list";
    set->splits = "of every ten lines eight are for training, one for validation, one for testing";
    set->folder = rg_strdup(config->data.root);
    set->attributes = config->data.attributes;
    for (char *line; !err && (line = rg_lines_next(&table.lines)) != NULL;)
        err = read_list_line(&table, line, set);
    if (!err) err = check_twice(set, &table, &order);
    free(order);
    table_close(&table);
    return err;
}

// ---- rows of name and values

// The first field of a CSV line, without quotes; *rest is what follows its comma, NULL at the end of the
// line.
static char *csv_field(char **rest)
{
    char *field = skip_blanks(*rest), *end;
    if (*field == '"' && (end = strchr(field + 1, '"')) != NULL) {
        field++;
        *end++ = 0;
        end += strcspn(end, ",");
    } else {
        end = field + strcspn(field, ",");
    }
    *rest = *end ? end + 1 : NULL;
    *end = 0;
    for (char *last = field + strlen(field); last > field && is_blank(last[-1]);) *--last = 0;
    return field;
}

static int csv_row(char *line, int max, char **name, char **value)
{
    int n = 0;
    *name = csv_field(&line);
    for (; line; n++) {
        char *field = csv_field(&line);
        if (n < max) value[n] = field;
    }
    return n;
}

// The last word of a text, cut off from it; NULL if the text has one word only.
static char *cut_word(char *text)
{
    char *word = text + strlen(text);
    while (word > text && !is_blank(word[-1])) word--;
    if (word == text) return NULL;
    char *end = word;
    while (end > text && is_blank(end[-1])) end--;
    if (end == text) return NULL;
    *end = 0;
    return word;
}

static int text_row(char *line, int max, char **name, char **value)
{
    uint8_t label;
    int n = 0;
    *name = skip_blanks(line);
    for (char *word; n < max && (word = cut_word(*name)) != NULL; n++) value[max - 1 - n] = word;
    if (n < max) return n;
    for (char *word = strrchr(*name, ' '); word && parse_label(word + 1, &label) == 0; n++) {
        *word = 0; // more labels than wanted: counts them
        word = strrchr(*name, ' ');
    }
    return n;
}

// Splits a line into a name and values: value [max]. Returns how many values the line has.
static int split_row(const table_t *table, char *line, int max, char **name, char **value)
{
    return table->csv ? csv_row(line, max, name, value) : text_row(line, max, name, value);
}

// ---- annotation

static int read_count(table_t *table, size_t *count)
{
    char *line = rg_lines_next(&table->lines), *end = line;
    errno = 0;
    if (line) *count = strtoul(line, &end, 10);
    if (!line || end == line || *end || errno || *line == '-')
        return rg_fail(RG_EFORMAT, "%s:1: expected the number of images", table->lines.path);
    return 0;
}

static int add_attribute(const table_t *table, const char *name, rg_names_t *names)
{
    if (names->count == RG_ATTRIBUTES_MAX)
        return rg_fail(RG_EFORMAT, "%s:%d: more than %d attributes", table->lines.path, table->lines.number,
                       RG_ATTRIBUTES_MAX);
    if (strlen(name) >= RG_NAME_SIZE)
        return rg_fail(RG_EFORMAT, "%s:%d: attribute name over %d letters", table->lines.path,
                       table->lines.number, RG_NAME_SIZE - 1);
    if (rg_names_find(names, name) >= 0)
        return rg_fail(RG_EFORMAT, "%s:%d: attribute %s is named twice", table->lines.path,
                       table->lines.number, name);
    char *added = names->name[names->count++];
    strcpy(added, name);
    for (; (added = strchr(added, ' ')) != NULL;) *added = '_';
    return 0;
}

static int read_attributes(table_t *table, rg_names_t *names)
{
    char *rest = rg_lines_next(&table->lines);
    int err = 0;
    if (table->csv) {
        if (rest) csv_field(&rest); // the title of the file names
        while (!err && rest) err = add_attribute(table, csv_field(&rest), names);
    } else {
        for (char *name; !err && rest && (name = rg_lines_word(&rest)) != NULL;)
            err = add_attribute(table, name, names);
    }
    if (err || names->count) return err;
    return rg_fail(RG_EFORMAT, "%s:%d: expected the attribute names", table->lines.path, table->csv ? 1 : 2);
}

static int read_labels(table_t *table, char *line, rg_dataset_t *set)
{
    char *name, *value[RG_ATTRIBUTES_MAX];
    int columns = set->attributes.count, n = split_row(table, line, columns, &name, value);
    if (n != columns)
        return rg_fail(RG_EFORMAT, "%s:%d: %d labels for %d attributes", table->lines.path,
                       table->lines.number, n, columns);
    name = short_name(set, name);
    if (!*name) return fail_line(table, "expected a file name");
    uint8_t *labels = append_listed(set, table, name);
    for (int i = 0; i < n; i++)
        if (parse_label(value[i], &labels[i]) != 0)
            return rg_fail(RG_EFORMAT, "%s:%d: %s is not a label: expected 1 or 0, or 1 or -1",
                           table->lines.path, table->lines.number, value[i]);
    return 0;
}

// order: of the images by their names, for the partition.
static int read_annotation(rg_dataset_t *set, const char *path, uint32_t **order)
{
    table_t table;
    size_t expected = 0;
    int err = table_open(&table, path);
    if (err) return err;
    if (!table.csv) err = read_count(&table, &expected);
    if (!err) err = read_attributes(&table, &set->attributes);
    for (char *line; !err && (line = rg_lines_next(&table.lines)) != NULL;)
        err = read_labels(&table, line, set);
    if (!err && !table.csv && set->count != expected)
        err = rg_fail(RG_EFORMAT, "%s: says it lists %zu images, but lists %zu", path, expected, set->count);
    if (!err) err = check_twice(set, &table, order);
    table_close(&table);
    return err;
}

// ---- partition

typedef struct {
    rg_dataset_t *set;
    const uint32_t *order; // of the images by their names
    table_t table;
    uint32_t *line; // [images], of the partition that names each; 0: none yet
} partition_t;

// The position of a name in the set; -1: not annotated.
static long find_image(const partition_t *partition, const char *name)
{
    size_t low = 0, high = partition->set->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(name, partition->set->name[partition->order[middle]]);
        if (order == 0) return partition->order[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

static int read_split(partition_t *partition, char *line)
{
    const table_t *table = &partition->table;
    char *name, *value;
    int n = split_row(table, line, 1, &name, &value);
    if (n != 1 || !*name || value[0] < '0' || value[0] >= '0' + RG_SPLITS || value[1])
        return fail_line(table, "expected a file name and 0, 1 or 2");
    long image = find_image(partition, name);
    if (image < 0) return 0;
    uint32_t *listed = &partition->line[image];
    if (*listed)
        return rg_fail(RG_EFORMAT, "%s:%d: %s is listed already in line %u: delete one of the two lines",
                       table->lines.path, table->lines.number, name, *listed);
    *listed = (uint32_t)table->lines.number;
    partition->set->split[image] = (uint8_t)(value[0] - '0');
    return 0;
}

static int check_all_split(const partition_t *partition)
{
    for (size_t i = 0; i < partition->set->count; i++)
        if (!partition->line[i])
            return rg_fail(RG_EFORMAT, "%s: %s is missing: add its line, with 0, 1 or 2",
                           partition->table.lines.path, partition->set->name[i]);
    return 0;
}

static int read_partition(rg_dataset_t *set, const uint32_t *order, const char *path)
{
    partition_t partition = {.set = set, .order = order};
    int err = table_open(&partition.table, path);
    if (err) return err;
    partition.line = rg_alloc(set->count * sizeof *partition.line);
    if (partition.table.csv) rg_lines_next(&partition.table.lines); // the titles
    for (char *line; !err && (line = rg_lines_next(&partition.table.lines)) != NULL;)
        err = read_split(&partition, line);
    if (!err) err = check_all_split(&partition);
    free(partition.line);
    table_close(&partition.table);
    return err;
}

// ---- CelebA

// The partition that lies in root or in root/Eval; free() it. NULL: there is none.
static char *find_partition(const char *root)
{
    static const char *const files[] = {"list_eval_partition.txt", "list_eval_partition.csv",
                                        "Eval/list_eval_partition.txt"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *path = rg_format("%s/%s", root, files[i]);
        if (rg_exists(path)) return path;
        free(path);
    }
    return NULL;
}

// How many of the first listed images lie in the folder; -1 if there is no such folder.
static int count_found(const rg_dataset_t *set, const char *folder)
{
    enum { TRIED = 16 };
    int found = 0;
    if (!rg_is_folder(folder)) return -1;
    for (size_t i = 0; i < set->count && i < TRIED; i++) {
        char *path = rg_format("%s/%s", folder, set->name[i]);
        found += rg_exists(path);
        free(path);
    }
    return found;
}

enum { IMAGE_FOLDERS = 6 };
static const char *const image_folders[IMAGE_FOLDERS] = {"img_align_celeba/img_align_celeba",
                                                         "img_align_celeba",
                                                         "Img/img_align_celeba",
                                                         "CelebA-HQ-img",
                                                         "img_celeba",
                                                         "."};

int rg__dataset_check_whole(const char *root)
{
    int err = 0;
    for (int i = 0; i < IMAGE_FOLDERS - 1 && !err; i++) {
        char *folder = rg_format("%s/%s", root, image_folders[i]);
        if (rg_is_folder(folder))
            err =
                rg_fail(RG_ENOENT,
                        "%s has no annotation beside it (list_attr_celeba.txt or .csv): the data set is not "
                        "whole yet, or it has images alone, and data.root has to be that folder",
                        folder);
        free(folder);
    }
    return err;
}

static int find_celeba_images(rg_dataset_t *set, const char *root)
{
    int best = -1;
    for (int i = 0; i < IMAGE_FOLDERS; i++) {
        char *folder = rg_format("%s/%s", root, image_folders[i]);
        int found = count_found(set, folder), last = i == IMAGE_FOLDERS - 1;
        if (found > best && (found || !last)) {
            best = found;
            free(set->folder);
            set->folder = folder;
        } else {
            free(folder);
        }
    }
    if (best >= 0) return 0;
    return rg_fail(RG_ENOENT,
                   "%s: no such folder of images: img_align_celeba, or CelebA-HQ-img for CelebA-HQ", root);
}

int rg__dataset_read_celeba(rg_dataset_t *set, const char *root, const char *annotation)
{
    char *partition = find_partition(root);
    uint32_t *order = NULL;
    set->form = strstr(annotation, "CelebAMask-HQ") ? "CelebA-HQ" : "CelebA";
    set->splits = "by list_eval_partition";
    int err = read_annotation(set, annotation, &order);
    if (!err && partition) err = read_partition(set, order, partition);
    if (!err && !partition) {
        set->splits = "without a partition file: of every ten images eight are for training, one for "
                      "validation, one for testing";
        for (size_t i = 0; i < set->count; i++) set->split[i] = rg__split_of(i);
    }
    if (!err) err = find_celeba_images(set, root);
    free(order);
    free(partition);
    return err;
}
