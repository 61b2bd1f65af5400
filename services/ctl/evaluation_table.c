// A report has a flat list of numbers with structured names ("frechet_latent.Male"). evaluation_sort parses
// each name (services/report/measures.h) and puts the number into one of four tables. A table knows its
// columns before the numbers come; a column that stays empty is left out, so one set of columns serves all
// stages.
#include "services/ctl/evaluation_table.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "services/ctl/output.h"
#include "services/report/measures.h"

enum { COLUMNS_MAX = 8, CELL_SIZE = 32, LINE_SIZE = 512, LINE_WIDTH = 80 };

// ---- tables

typedef struct {
    const char *name;         // the measure; NULL: any, the column is found by its mode or its title alone
    int mode;                 // enum rg_measure_mode
    const char *head, *head2; // the title in one or two lines
    int width;
} column_t;

typedef struct {
    const char *title;
    int name_width;          // of the names of rows
    const column_t *columns; // ends with a head2 of NULL
    json_t *rows;            // object ROW -> object COLUMN'S NUMBER -> value
    int used[COLUMNS_MAX];   // 1: some row has a number in this column
} table_t;

static void table_set(table_t *table, const char *row, int column, json_t *value)
{
    char key[CELL_SIZE];
    snprintf(key, sizeof key, "%d", column);
    if (!json_object_get(table->rows, row)) json_object_set_new(table->rows, row, json_object());
    json_object_set(json_object_get(table->rows, row), key, value);
    table->used[column] = 1;
}

static void line_append(char line[LINE_SIZE], int width, const char *text)
{
    size_t n = strlen(line);
    snprintf(line + n, LINE_SIZE - n, " %*s", width - 1, text);
}

static void table_print_heads(const table_t *table)
{
    char first[LINE_SIZE], second[LINE_SIZE];
    int two = 0;
    snprintf(first, sizeof first, "%-*s", table->name_width, table->title);
    snprintf(second, sizeof second, "%-*s", table->name_width, "");
    for (int i = 0; table->columns[i].head2; i++) {
        const column_t *column = &table->columns[i];
        if (!table->used[i]) continue;
        line_append(first, column->width, column->head);
        line_append(second, column->width, column->head2);
        two |= *column->head2 != 0;
    }
    printf("\n%s\n", first);
    if (two) printf("%s\n", second);
}

static void table_print_row(const table_t *table, const char *name, const json_t *values)
{
    char line[LINE_SIZE], key[CELL_SIZE], cell[CELL_SIZE];
    // A name that is too long has its own line, so that the numbers stay below their titles.
    int apart = strlen(name) > (size_t)table->name_width - 2;
    if (apart) rg_output_line("  %s", name);
    snprintf(line, sizeof line, "  %-*s", table->name_width - 2, apart ? "" : name);
    for (int i = 0; table->columns[i].head2; i++) {
        if (!table->used[i]) continue;
        snprintf(key, sizeof key, "%d", i);
        const json_t *value = json_object_get(values, key);
        snprintf(cell, sizeof cell, value ? "%.4g" : "-", json_number_value(value));
        line_append(line, table->columns[i].width, cell);
    }
    rg_output_line("%s", line);
}

static void table_print(const table_t *table)
{
    const char *name;
    json_t *values;
    if (!json_object_size(table->rows)) return;
    table_print_heads(table);
    json_object_foreach(table->rows, name, values) table_print_row(table, name, values);
}

// ---- the tables of a report

static const column_t by_mode_columns[] = {{NULL, RG_MEASURE_LATENT, "latent", "", 10},
                                           {NULL, RG_MEASURE_REFERENCE, "reference", "", 10},
                                           {NULL, RG_MEASURE_REAL, "bound*", "", 10},
                                           {NULL, RG_MEASURE_LATENT_RANDOM, "latent", "random**", 10},
                                           {NULL, RG_MEASURE_REFERENCE_RANDOM, "reference", "random**", 10},
                                           {NULL, RG_MEASURE_EXEMPLAR, "exem-", "plars***", 10},
                                           {0}};

static const column_t value_columns[] = {{NULL, RG_MEASURE_NO_MODE, "value", "", 11}, {0}};

static const column_t domain_columns[] = {{"accuracy", RG_MEASURE_NO_MODE, "accuracy", "", 10},
                                          {"images", RG_MEASURE_LATENT, "images", "", 8},
                                          {"wanted_accuracy", RG_MEASURE_LATENT, "wanted", "latent", 8},
                                          {"wanted_accuracy", RG_MEASURE_REFERENCE, "wanted", "ref.", 8},
                                          {"wanted_accuracy", RG_MEASURE_REAL, "wanted", "bound*", 8},
                                          {"frechet", RG_MEASURE_LATENT, "frechet", "latent", 8},
                                          {"frechet", RG_MEASURE_REFERENCE, "frechet", "ref.", 8},
                                          {"frechet", RG_MEASURE_REAL, "frechet", "bound*", 8},
                                          {0}};

// The kinds of precision; the title is the part of the name after the last dot.
static const column_t precision_columns[] = {
    {NULL, RG_MEASURE_NO_MODE, "attributes", "", 11}, {NULL, RG_MEASURE_NO_MODE, "content", "", 11},
    {NULL, RG_MEASURE_NO_MODE, "average", "", 11},    {NULL, RG_MEASURE_NO_MODE, "strict", "", 11},
    {NULL, RG_MEASURE_NO_MODE, "found", "", 11},      {0}};

enum { BY_MODE, OTHERS, PRECISION, DOMAINS, TABLES };
static const struct {
    const char *title;
    int name_width;
    const column_t *columns;
} KINDS[TABLES] = {[BY_MODE] = {"of all images", 20, by_mode_columns},
                   [OTHERS] = {"other measures", 24, value_columns},
                   [PRECISION] = {"precision", 24, precision_columns},
                   [DOMAINS] = {"by domain or attribute", 24, domain_columns}};

// The accuracy of real images is what the accuracy of translated ones is compared with.
static void rename_ceiling(rg_measure_t *measure)
{
    static const char *const names[][2] = {{"ceiling_accuracy", "wanted_accuracy"},
                                           {"untouched_ceiling_accuracy", "untouched_accuracy"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(measure->name, names[i][0]) != 0) continue;
        snprintf(measure->name, sizeof measure->name, "%s", names[i][1]);
        measure->mode = RG_MEASURE_REAL;
    }
}

static int measure_table(const rg_measure_t *measure)
{
    if (!*measure->part) return measure->mode == RG_MEASURE_NO_MODE ? OTHERS : BY_MODE;
    return measure->name[0] == 'p' && isdigit((unsigned char)measure->name[1]) ? PRECISION : DOMAINS;
}

static int column_takes(const column_t *column, int kind, const rg_measure_t *measure)
{
    if (kind == PRECISION) return strcmp(column->head, measure->part) == 0;
    return column->mode == (int)measure->mode && (!column->name || strcmp(column->name, measure->name) == 0);
}

static void evaluation_sort(const json_t *report, table_t tables[TABLES])
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)report, key, value)
    {
        rg_measure_t measure;
        if (!json_is_number(value) || !rg_measure_parse(&measure, key)) continue;
        if (json_is_integer(value) && !*measure.part) continue; // a count of the protocol
        rename_ceiling(&measure);
        int kind = measure_table(&measure);
        const column_t *columns = tables[kind].columns;
        for (int i = 0; columns[i].head2; i++)
            if (column_takes(&columns[i], kind, &measure))
                table_set(&tables[kind], kind == DOMAINS ? measure.part : measure.name, i, value);
    }
}

static void print_notes(const table_t *table)
{
    if (table->used[2])
        printf("\n*  real images, one half against the other: the floor of frechet and kid (less\n"
               "   is better), else the ceiling. Of few images a half is far from the other.\n");
    if (table->used[3] || table->used[4]) printf("** with random neighbours instead of the retrieved ones\n");
    if (table->used[5])
        printf("*** real images with the wanted labels instead of translations: the best that\n"
               "   editing can hope for. They show other people, which identity says.\n");
}

// ---- how it was measured

typedef struct {
    const char *before, *key, *after;
} phrase_t;

// Three lines, each a row of entries with the words around them.
static const phrase_t PROTOCOL[3][6] = {{{"", "stage", ""},
                                         {" at iteration ", "iteration", ""},
                                         {" of ", "iterations", ""},
                                         {", weights ", "weights", ""},
                                         {", seed ", "seed", ""}},
                                        {{"", "images", " images"},
                                         {" of the ", "split", " split"},
                                         {", ", "img_size", " px"},
                                         {", k ", "k", ""},
                                         {", ", "sources", " sources"},
                                         {" with ", "outputs", " outputs each"}},
                                        {{"extractor ", "extractor", ""},
                                         {", judge ", "judge", ""},
                                         {", lpips ", "lpips", ""},
                                         {", identity ", "identity", ""}}};

static void phrase_append(char line[LINE_SIZE], const phrase_t *phrase, const json_t *value)
{
    size_t n = strlen(line);
    char *number = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);
    snprintf(line + n, LINE_SIZE - n, "%s%s%s", phrase->before, number ? number : json_string_value(value),
             phrase->after);
    free(number);
}

static void protocol_print_line(const json_t *report, const phrase_t phrases[6])
{
    char line[LINE_SIZE] = "  ";
    const json_t *last = NULL;
    for (int i = 0; i < 6 && phrases[i].key; i++) {
        const json_t *value = json_object_get(report, phrases[i].key);
        // A network that is the same as the one before does not repeat its hash.
        json_t *same = json_is_string(value) && json_equal(value, last) ? json_string("the same") : NULL;
        if (value) phrase_append(line, &phrases[i], same ? same : value);
        json_decref(same);
        last = value;
    }
    if (strlen(line) > LINE_WIDTH) strcpy(line + LINE_WIDTH - 3, "...");
    if (line[2]) rg_output_line("%s", line);
}

void rg_evaluation_table_print(const char *title, const json_t *report)
{
    table_t tables[TABLES] = {0};
    rg_output_line("%s", title);
    if (!json_is_object(report)) {
        if (json_is_string(report)) rg_output_line("  %s", json_string_value(report));
        return;
    }
    for (int i = 0; i < 3; i++) protocol_print_line(report, PROTOCOL[i]);
    for (int i = 0; i < TABLES; i++)
        tables[i] = (table_t){.title = KINDS[i].title,
                              .name_width = KINDS[i].name_width,
                              .columns = KINDS[i].columns,
                              .rows = json_object()};
    evaluation_sort(report, tables);
    for (int i = 0; i < TABLES; i++) {
        table_print(&tables[i]);
        json_decref(tables[i].rows);
    }
    print_notes(&tables[BY_MODE]);
    fflush(stdout);
}
