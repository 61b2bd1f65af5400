// A table of text, as documents show it and CSV keeps it.
#ifndef RG_REPORT_DOCUMENT_TABLE_H
#define RG_REPORT_DOCUMENT_TABLE_H

#include <stdio.h>

enum { RG_TABLE_COLUMNS = 16 };

typedef struct {
    char *id; // of its CSV file, owned
    int columns, rows;
    char *title[RG_TABLE_COLUMNS]; // owned
    char **cell;                   // [rows,columns], owned; the last row may be unfinished
    int cells;
} rg_table_t;

// Columns are numbers, set to the right, but for the first.
void rg_table_init(rg_table_t *table, const char *id, const char *const *titles, int columns);
void rg_table_fini(rg_table_t *table);

// The next cell, row by row.
void rg_table_cell(rg_table_t *table, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// RFC 4180, but lines end in \n.
void rg_table_csv(const rg_table_t *table, FILE *out);

#endif
