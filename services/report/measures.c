// A report has a flat list of numbers with structured names ("frechet_latent.Male"). rg_measures_put parses
// each name and sorts the numbers into matrices: measures by mode; measures without a mode; and, for each
// mode, parts by measure. A matrix is written as a table, or as several if it has more columns than a
// table.
#include "services/report/measures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/report/evaluation_report.h"

const char *const rg_measure_modes[RG_MEASURE_MODES] = {
    "latent",    "reference",  "latent, random neighbours", "reference, random neighbours",
    "exemplars", "real images"};

// ---- names

// Longer suffixes come before the shorter ones that they end with.
static const struct {
    const char *suffix;
    enum rg_measure_mode mode;
} SUFFIXES[] = {{"_latent_random", RG_MEASURE_LATENT_RANDOM},
                {"_reference_random", RG_MEASURE_REFERENCE_RANDOM},
                {"_latent", RG_MEASURE_LATENT},
                {"_reference", RG_MEASURE_REFERENCE},
                {"_exemplar", RG_MEASURE_EXEMPLAR},
                {"_floor", RG_MEASURE_REAL},
                {"_ceiling", RG_MEASURE_REAL},
                {"_bounds", RG_MEASURE_REAL},
                {"_real", RG_MEASURE_REAL}};

static void measure_cut_mode(rg_measure_t *measure)
{
    size_t length = strlen(measure->name);
    for (size_t i = 0; i < sizeof SUFFIXES / sizeof *SUFFIXES; i++) {
        size_t end = strlen(SUFFIXES[i].suffix);
        if (length <= end || strcmp(measure->name + length - end, SUFFIXES[i].suffix) != 0) continue;
        measure->name[length - end] = 0;
        measure->mode = SUFFIXES[i].mode;
        return;
    }
}

int rg_measure_parse(rg_measure_t *measure, const char *key)
{
    const char *dot = strrchr(key, '.');
    size_t length = dot ? (size_t)(dot - key) : strlen(key);
    const char *part = dot ? dot + 1 : "";
    *measure = (rg_measure_t){.mode = RG_MEASURE_NO_MODE};
    if (length >= sizeof measure->name || strlen(part) >= sizeof measure->part) return 0;
    memcpy(measure->name, key, length);
    strcpy(measure->part, part);
    measure_cut_mode(measure);
    return 1;
}

// ---- tables

// Numbers by row and column, both in the order of their first appearance.
typedef struct {
    json_t *rows;    // object ROW -> object COLUMN -> number
    json_t *columns; // object COLUMN -> true
} matrix_t;

static void matrix_init(matrix_t *matrix)
{
    *matrix = (matrix_t){json_object(), json_object()};
}

static void matrix_fini(matrix_t *matrix)
{
    json_decref(matrix->rows);
    json_decref(matrix->columns);
}

static void matrix_set(matrix_t *matrix, const char *row, const char *column, json_t *value)
{
    if (!json_object_get(matrix->rows, row)) json_object_set_new(matrix->rows, row, json_object());
    json_object_set(json_object_get(matrix->rows, row), column, value);
    json_object_set_new(matrix->columns, column, json_true());
}

static void matrix_put_number(rg_table_t *table, const json_t *value)
{
    if (json_is_integer(value))
        rg_table_cell(table, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        rg_table_cell(table, "%.4g", json_real_value(value));
    else
        rg_table_cell(table, "–");
}

// Begins a table with the columns from *column on, as many as fit, and moves *column past them.
static void matrix_start(rg_table_t *table, const char *id, const char *first, json_t *columns, void **column)
{
    const char *titles[RG_TABLE_COLUMNS] = {first};
    int n = 1;
    for (; *column && n < RG_TABLE_COLUMNS; *column = json_object_iter_next(columns, *column))
        titles[n++] = json_object_iter_key(*column);
    rg_table_init(table, id, titles, n);
}

static void matrix_put_part(rg_document_t *document, const matrix_t *matrix, const char *id,
                            const char *first, const char *caption, void **column)
{
    rg_table_t table;
    const char *row;
    json_t *values;
    matrix_start(&table, id, first, matrix->columns, column);
    json_object_foreach(matrix->rows, row, values)
    {
        rg_table_cell(&table, "%s", row);
        for (int i = 1; i < table.columns; i++)
            matrix_put_number(&table, json_object_get(values, table.title[i]));
    }
    rg_document_table(document, &table, caption);
}

// Writes nothing if there are no numbers, and several tables if there are many columns.
static void matrix_put(rg_document_t *document, const matrix_t *matrix, const char *id, const char *first,
                       const char *caption)
{
    void *column = json_object_iter(matrix->columns);
    for (int i = 1; column; i++) {
        char part[2 * RG_MEASURE_NAME];
        snprintf(part, sizeof part, i == 1 ? "%s" : "%s-%d", id, i);
        matrix_put_part(document, matrix, part, first, caption, &column);
    }
}

// ---- an evaluation

// Measures of all images: one table by mode, and one of the measures that have no mode.
static void measures_put_all(rg_document_t *document, const char *id, json_t *report)
{
    const char *key;
    json_t *value;
    char name[RG_MEASURE_NAME];
    matrix_t by_mode, others;
    matrix_init(&by_mode);
    matrix_init(&others);
    json_object_foreach(report, key, value)
    {
        rg_measure_t measure;
        if (!json_is_real(value) || !rg_measure_parse(&measure, key) || *measure.part) continue;
        if (measure.mode == RG_MEASURE_NO_MODE)
            matrix_set(&others, measure.name, "value", value);
        else
            matrix_set(&by_mode, measure.name, rg_measure_modes[measure.mode], value);
    }
    matrix_put(document, &by_mode, id, "of all images", "Measures of all images.");
    snprintf(name, sizeof name, "%s-others", id);
    matrix_put(document, &others, name, "of all images",
               "Measures that do not depend on how images are translated.");
    matrix_fini(&by_mode);
    matrix_fini(&others);
}

static void measures_put_parts(rg_document_t *document, const char *id, json_t *report,
                               enum rg_measure_mode mode)
{
    const char *key, *title = mode == RG_MEASURE_NO_MODE ? "part" : rg_measure_modes[mode];
    json_t *value;
    char name[RG_MEASURE_NAME];
    matrix_t matrix;
    matrix_init(&matrix);
    json_object_foreach(report, key, value)
    {
        rg_measure_t measure;
        if (json_is_number(value) && rg_measure_parse(&measure, key) && *measure.part && measure.mode == mode)
            matrix_set(&matrix, measure.part, measure.name, value);
    }
    snprintf(name, sizeof name, "%s-parts-%d", id, (int)mode);
    matrix_put(document, &matrix, name, title,
               "Measures by part: a domain, an attribute, or a kind of precision.");
    matrix_fini(&matrix);
}

void rg_measures_put(rg_document_t *document, const char *id, json_t *report)
{
    measures_put_all(document, id, report);
    for (int mode = 0; mode <= RG_MEASURE_NO_MODE; mode++)
        measures_put_parts(document, id, report, (enum rg_measure_mode)mode);
}

// ---- the protocol

// Numbers with a fraction are measured; keys with a dot are parts of measures; the time is of no interest.
static int protocol_has(const char *key, const json_t *value, int shared)
{
    if (shared) return rg_report_is_protocol_key(key);
    return !json_is_real(value) && !strchr(key, '.') && strcmp(key, "time") != 0;
}

static void protocol_put_value(rg_table_t *table, const json_t *value)
{
    if (json_is_string(value)) {
        rg_table_cell(table, "%s", json_string_value(value));
        return;
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    rg_table_cell(table, "%s", text ? text : "");
    free(text);
}

void rg_measures_put_protocol(rg_document_t *document, const char *id, json_t *report, int shared,
                              const char *caption)
{
    rg_table_t table;
    const char *key;
    json_t *value;
    rg_table_init(&table, id, (const char *[]){"setting", "value"}, 2);
    json_object_foreach(report, key, value)
    {
        if (!protocol_has(key, value, shared)) continue;
        rg_table_cell(&table, "%s", key);
        protocol_put_value(&table, value);
    }
    rg_document_table(document, &table, caption);
}
