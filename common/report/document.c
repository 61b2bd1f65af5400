// A document is a list of blocks in the order in which they were added. A block owns its text, table,
// drawing or PNG bytes, so the document can be written when the sources are gone. document_write.c turns
// blocks into files.
#include "common/report/document.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "common/report/document_private.h"

enum { PNG_BYTES_MAX = 32 << 20 };

// ---- tables

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

// ---- documents

void rg_document_new(rg_document_t **out, const char *title)
{
    rg_document_t *document = rg_alloc(sizeof *document);
    document->title = rg_strdup(title);
    *out = document;
}

void rg_document_destroy(rg_document_t **out)
{
    rg_document_t *document = *out;
    if (!document) return;
    for (int i = 0; i < document->n; i++) {
        rg__block_t *block = &document->block[i];
        if (block->kind == RG__BLOCK_TABLE) rg_table_fini(&block->table);
        free(block->text);
        free(block->id);
        free(block->svg);
        free(block->png);
    }
    free(document->block);
    free(document->title);
    free(document);
    *out = NULL;
}

static rg__block_t *add_block(rg_document_t *document, enum rg__block_kind kind, const char *text)
{
    document->block = rg_realloc(document->block, (size_t)(document->n + 1) * sizeof *document->block);
    rg__block_t *block = &document->block[document->n++];
    *block = (rg__block_t){.kind = kind, .text = rg_strdup(text)};
    return block;
}

void rg_document_heading(rg_document_t *document, const char *text)
{
    add_block(document, RG__BLOCK_HEADING, text);
}

void rg_document_text(rg_document_t *document, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = rg_format_list(fmt, args);
    va_end(args);
    add_block(document, RG__BLOCK_TEXT, text);
    free(text);
}

void rg_document_table(rg_document_t *document, const rg_table_t *table, const char *caption)
{
    add_block(document, RG__BLOCK_TABLE, caption)->table = *table;
}

void rg_document_figure(rg_document_t *document, const char *id, char *svg, const char *caption)
{
    rg__block_t *block = add_block(document, RG__BLOCK_FIGURE, caption);
    block->id = rg_strdup(id);
    block->svg = svg;
}

int rg_document_picture(rg_document_t *document, const char *id, const char *path, const char *caption)
{
    unsigned char *png;
    size_t size;
    int err = rg_file_read(path, PNG_BYTES_MAX, &png, &size);
    if (err) return err;
    rg__block_t *block = add_block(document, RG__BLOCK_PICTURE, caption);
    block->id = rg_strdup(id);
    block->png = png;
    block->png_size = size;
    return 0;
}
