// What a document is made of, for those who write it down.
#ifndef RG_REPORT_DOCUMENT_DOCUMENT_PRIVATE_H
#define RG_REPORT_DOCUMENT_DOCUMENT_PRIVATE_H

#include <stddef.h>

#include "services/report/document/document.h"

enum rg__block_kind { RG_BLOCK_HEADING, RG_BLOCK_TEXT, RG_BLOCK_TABLE, RG_BLOCK_FIGURE, RG_BLOCK_PICTURE };

typedef struct {
    enum rg__block_kind kind;
    char *text; // or caption
    char *id;   // of figures and pictures
    rg_table_t table;
    char *svg;
    unsigned char *png;
    size_t png_size;
} rg__block_t;

struct rg_document {
    char *title;
    rg__block_t *block; // [n]
    int n;
};

void rg__document_html(const rg_document_t *document, FILE *out);
void rg__document_markdown(const rg_document_t *document, FILE *out);

#endif
