#include "services/report/document/document.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "services/report/document/document_private.h"

enum { PNG_BYTES_MAX = 32 << 20 };

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
        if (block->kind == RG_BLOCK_TABLE) rg_table_fini(&block->table);
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

static rg__block_t *add(rg_document_t *document, enum rg__block_kind kind, const char *text)
{
    document->block = rg_realloc(document->block, (size_t)(document->n + 1) * sizeof *document->block);
    rg__block_t *block = &document->block[document->n++];
    *block = (rg__block_t){.kind = kind, .text = rg_strdup(text)};
    return block;
}

void rg_document_heading(rg_document_t *document, const char *text)
{
    add(document, RG_BLOCK_HEADING, text);
}

void rg_document_text(rg_document_t *document, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = rg_format_list(fmt, args);
    va_end(args);
    add(document, RG_BLOCK_TEXT, text);
    free(text);
}

void rg_document_table(rg_document_t *document, const rg_table_t *table, const char *caption)
{
    add(document, RG_BLOCK_TABLE, caption)->table = *table;
}

void rg_document_figure(rg_document_t *document, const char *id, char *svg, const char *caption)
{
    rg__block_t *block = add(document, RG_BLOCK_FIGURE, caption);
    block->id = rg_strdup(id);
    block->svg = svg;
}

int rg_document_picture(rg_document_t *document, const char *id, const char *path, const char *caption)
{
    unsigned char *png;
    size_t size;
    int err = rg_file_read(path, PNG_BYTES_MAX, &png, &size);
    if (err) return err;
    rg__block_t *block = add(document, RG_BLOCK_PICTURE, caption);
    block->id = rg_strdup(id);
    block->png = png;
    block->png_size = size;
    return 0;
}

// ---- writing

static int write_file(const char *folder, const char *name, const char *suffix, const void *data, size_t size)
{
    char *path = rg_format("%s/%s%s", folder, name, suffix);
    int err = rg_file_write(path, data, size);
    free(path);
    return err;
}

// What a function writes, as text; free() it.
typedef struct {
    char *text;
    size_t size;
    FILE *file;
} memory_t;

static FILE *begin(memory_t *memory)
{
    memory->file = open_memstream(&memory->text, &memory->size);
    if (!memory->file) abort();
    return memory->file;
}

static int finish(memory_t *memory, const char *folder, const char *name, const char *suffix)
{
    if (fclose(memory->file) != 0) abort(); // out of memory
    int err = write_file(folder, name, suffix, memory->text, memory->size);
    free(memory->text);
    return err;
}

static int write_table(const rg_table_t *table, const char *folder)
{
    memory_t csv;
    rg_table_csv(table, begin(&csv));
    return finish(&csv, folder, table->id, ".csv");
}

static int write_block(const rg__block_t *block, const char *folder)
{
    switch (block->kind) {
    case RG_BLOCK_TABLE:
        return write_table(&block->table, folder);
    case RG_BLOCK_FIGURE:
        return write_file(folder, block->id, ".svg", block->svg, strlen(block->svg));
    case RG_BLOCK_PICTURE:
        return write_file(folder, block->id, ".png", block->png, block->png_size);
    default:
        return 0;
    }
}

int rg_document_write(const rg_document_t *document, const char *folder, const char *name)
{
    memory_t html, markdown;
    int err = rg_mkdirs(folder);
    for (int i = 0; i < document->n && !err; i++) err = write_block(&document->block[i], folder);
    if (err) return err;
    rg__document_markdown(document, begin(&markdown));
    err = finish(&markdown, folder, name, ".md");
    if (err) return err;
    rg__document_html(document, begin(&html));
    return finish(&html, folder, name, ".html");
}
