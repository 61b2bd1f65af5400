// A document: headings, paragraphs, tables, drawings and pictures. It is written as one HTML page that
// needs no other file, as Markdown with its pictures as files beside it, and its tables as CSV. All text is
// escaped: nothing in it becomes markup.
#ifndef RG_REPORT_DOCUMENT_H
#define RG_REPORT_DOCUMENT_H

// ---- tables

enum { RG_TABLE_COLUMNS = 16 };

typedef struct {
    char *id; // names its CSV file, owned
    int columns, rows;
    char *title[RG_TABLE_COLUMNS]; // [columns] owned
    char **cell;                   // [cells] row by row, owned; the last row may be incomplete
    int cells;
} rg_table_t;

// The first column is text, set to the left; all others are numbers, set to the right.
void rg_table_init(rg_table_t *table, const char *id, const char *const *titles, int columns);
void rg_table_fini(rg_table_t *table);

// Appends a cell. Cells fill the table row by row.
void rg_table_cell(rg_table_t *table, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// Writes path as CSV: RFC 4180, but with \n as the line end. RG_EIO, RG_EFULL.
int rg_table_write(const rg_table_t *table, const char *path);

// ---- documents

typedef struct rg_document rg_document_t;

void rg_document_new(rg_document_t **document, const char *title);
void rg_document_destroy(rg_document_t **document);

void rg_document_heading(rg_document_t *document, const char *text);
void rg_document_text(rg_document_t *document, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
// Takes the table.
void rg_document_table(rg_document_t *document, const rg_table_t *table, const char *caption);
// Takes the drawing (svg.h). id names its file beside the Markdown.
void rg_document_figure(rg_document_t *document, const char *id, char *svg, const char *caption);
// Reads a PNG file. RG_ENOENT, RG_EIO, RG_ELIMIT.
int rg_document_picture(rg_document_t *document, const char *id, const char *path, const char *caption);

// Writes folder/NAME.html, folder/NAME.md, and the files named by ids: folder/ID.csv, ID.svg and ID.png.
// Makes the folder. RG_EIO, RG_EFULL.
int rg_document_write(const rg_document_t *document, const char *folder, const char *name);

#endif
