#include "services/report/document/table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"

void rg_table_init(rg_table_t *table, const char *id, const char *const *titles, int columns)
{
    assert(columns >= 1 && columns <= RG_TABLE_COLUMNS);
    *table = (rg_table_t){.id = rg_strdup(id), .columns = columns};
    for (int i = 0; i < columns; i++) table->title[i] = rg_strdup(titles[i]);
}

void rg_table_fini(rg_table_t *table)
{
    for (int i = 0; i < table->columns; i++) free(table->title[i]);
    for (int i = 0; i < table->cells; i++) free(table->cell[i]);
    free(table->cell);
    free(table->id);
}

void rg_table_cell(rg_table_t *table, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = rg_format_list(fmt, args);
    va_end(args);
    table->cell = rg_realloc(table->cell, (size_t)(table->cells + 1) * sizeof *table->cell);
    table->cell[table->cells++] = text;
    table->rows = (table->cells + table->columns - 1) / table->columns;
}

static void put_field(const char *text, FILE *out)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"') fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

void rg_table_csv(const rg_table_t *table, FILE *out)
{
    for (int i = 0; i < table->columns; i++) {
        if (i) fputc(',', out);
        put_field(table->title[i], out);
    }
    for (int i = 0; i < table->cells; i++) {
        fputc(i % table->columns ? ',' : '\n', out);
        put_field(table->cell[i], out);
    }
    fputc('\n', out);
}
