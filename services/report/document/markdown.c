// A document as Markdown (CommonMark, with the pipe tables of GitHub).
#include <string.h>

#include "services/report/document/document_private.h"

static void put_text(const char *text, FILE *out)
{
    for (; *text; text++) {
        if (strchr("\\`*_{}[]<>#|~&!", *text)) fputc('\\', out);
        fputc(*text == '\n' || *text == '\r' ? ' ' : *text, out);
    }
}

static void put_row(char *const *cells, int n, FILE *out)
{
    fputc('|', out);
    for (int i = 0; i < n; i++) {
        fputc(' ', out);
        put_text(cells[i], out);
        fputs(" |", out);
    }
    fputc('\n', out);
}

static void put_table(const rg_table_t *table, const char *caption, FILE *out)
{
    put_row(table->title, table->columns, out);
    for (int i = 0; i < table->columns; i++) fputs(i ? "---:|" : "|---|", out);
    fputc('\n', out);
    for (int row = 0; row < table->cells / table->columns; row++)
        put_row(table->cell + row * table->columns, table->columns, out);
    fputc('\n', out);
    put_text(caption, out);
}

static void put_image(const char *id, const char *suffix, const char *caption, FILE *out)
{
    fputs("![", out);
    put_text(caption, out);
    fprintf(out, "](%s%s)", id, suffix);
}

static void put_block(const rg__block_t *block, FILE *out)
{
    switch (block->kind) {
    case RG_BLOCK_HEADING:
        fputs("## ", out);
        put_text(block->text, out);
        break;
    case RG_BLOCK_TEXT:
        put_text(block->text, out);
        break;
    case RG_BLOCK_TABLE:
        put_table(&block->table, block->text, out);
        break;
    case RG_BLOCK_FIGURE:
        put_image(block->id, ".svg", block->text, out);
        break;
    case RG_BLOCK_PICTURE:
        put_image(block->id, ".png", block->text, out);
        break;
    }
    fputs("\n\n", out);
}

void rg__document_markdown(const rg_document_t *document, FILE *out)
{
    fputs("# ", out);
    put_text(document->title, out);
    fputs("\n\n", out);
    for (int i = 0; i < document->n; i++) put_block(&document->block[i], out);
}
