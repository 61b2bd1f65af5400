// The parts of a document, for the code that writes them.
#ifndef RG_REPORT_DOCUMENT_PRIVATE_H
#define RG_REPORT_DOCUMENT_PRIVATE_H

#include <stddef.h>

#include "common/report/document.h"

enum rg__block_kind {
    RG__BLOCK_HEADING,
    RG__BLOCK_TEXT,
    RG__BLOCK_TABLE,
    RG__BLOCK_FIGURE,
    RG__BLOCK_PICTURE
};

typedef struct {
    enum rg__block_kind kind;
    char *text; // the text or the caption, owned
    char *id;   // of figures and pictures, owned
    rg_table_t table;
    char *svg;          // owned
    unsigned char *png; // [png_size] owned
    size_t png_size;
} rg__block_t;

struct rg_document {
    char *title;
    rg__block_t *block; // [n]
    int n;
};

#endif
