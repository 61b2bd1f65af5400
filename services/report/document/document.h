// A document of headings, paragraphs, tables, figures and pictures, written as a page that needs nothing
// beside it (HTML), as Markdown with its pictures beside it, and its tables as CSV. Text is text everywhere:
// whatever it holds is escaped.
#ifndef RG_REPORT_DOCUMENT_DOCUMENT_H
#define RG_REPORT_DOCUMENT_DOCUMENT_H

#include "services/report/document/table.h"

typedef struct rg_document rg_document_t;

void rg_document_new(rg_document_t **document, const char *title);
void rg_document_destroy(rg_document_t **document);

void rg_document_heading(rg_document_t *document, const char *text);
void rg_document_text(rg_document_t *document, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
// Takes the table.
void rg_document_table(rg_document_t *document, const rg_table_t *table, const char *caption);
// Takes the drawing (plot.h, bars.h); id names its file beside the Markdown.
void rg_document_figure(rg_document_t *document, const char *id, char *svg, const char *caption);
// A PNG file. RG_ENOENT, RG_EIO, RG_ELIMIT.
int rg_document_picture(rg_document_t *document, const char *id, const char *path, const char *caption);

// folder/NAME.html, folder/NAME.md, and by their ids folder/ID.csv, ID.svg and ID.png. Makes the folder.
// RG_EIO, RG_EFULL.
int rg_document_write(const rg_document_t *document, const char *folder, const char *name);

#endif
