// The forms of a document.
//
//   HTML      one page: style sheet and drawings (SVG) are inline, pictures are data: URIs, no script
//   Markdown  CommonMark with GitHub's pipe tables; drawings and pictures are links to files beside it
//   CSV       one file per table
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "common/report/document_private.h"
#include "common/report/svg_canvas.h"

// ---- HTML

static const char STYLE[] =
    ":root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--paper:#fff;--band:#f6f8fa}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9198a1;--line:#3d444d;--paper:#0d1117;"
    "--band:#151b23}}\n"
    "body{margin:0 auto;max-width:72rem;padding:1.5rem 1rem 4rem;background:var(--paper);color:var(--ink);"
    "font:16px/1.55 system-ui,sans-serif;overflow-wrap:break-word}\n"
    "h1{font-size:1.7rem;line-height:1.25}h2{margin-top:2.5rem;font-size:1.25rem;"
    "border-bottom:1px solid var(--line);padding-bottom:.3rem}\n"
    ".wide{overflow-x:auto}\n"
    "table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}\n"
    "figcaption{color:var(--soft);font-size:.85rem;padding:.5rem 0}\n"
    "th,td{padding:.3rem .7rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}\n"
    "th:first-child,td:first-child{text-align:left}thead th{border-bottom:2px solid var(--line)}\n"
    "tbody tr:nth-child(even){background:var(--band)}\n"
    "figure{margin:1.5rem 0}svg{max-width:100%;height:auto;color:var(--ink)}\n"
    "figure.drawing{display:inline-block;vertical-align:top;width:34rem;max-width:100%;margin-right:1rem}\n"
    "img{max-width:100%;image-rendering:pixelated}\n"
    "@media print{body{max-width:none}h2{break-after:avoid}figure,tr{break-inside:avoid}}\n";

static void html_element(const char *name, const char *text, FILE *out)
{
    fprintf(out, "<%s>", name);
    rg__markup_text(text, out);
    fprintf(out, "</%s>\n", name);
}

// A wide table scrolls in a box of its own, which the keyboard can reach.
static void html_table(const rg_table_t *table, const char *caption, FILE *out)
{
    fputs("<figure><div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"", out);
    rg__markup_text(caption, out);
    fputs("\"><table><thead><tr>", out);
    for (int i = 0; i < table->columns; i++) html_element("th", table->title[i], out);
    fputs("</tr></thead><tbody>\n", out);
    for (int i = 0; i < table->cells; i++) {
        if (i % table->columns == 0) fputs("<tr>", out);
        html_element("td", table->cell[i], out);
        if ((i + 1) % table->columns == 0) fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>", out);
    html_element("figcaption", caption, out);
    fputs("</figure>\n", out);
}

// Enlarges small pictures by a whole factor, 3 at most, as far as the page's width allows.
static unsigned html_picture_width(const rg__block_t *block)
{
    enum { WIDTH_AT = 16, WIDTH_END = 20, PAGE = 1100 }; // bytes of the width in a PNG, big-endian
    unsigned width = 0;
    for (int i = WIDTH_AT; i < WIDTH_END && block->png_size >= WIDTH_END; i++)
        width = width << 8 | block->png[i];
    return width > 0 && width < PAGE ? width * (PAGE / width < 3 ? PAGE / width : 3) : width;
}

static void html_png(const rg__block_t *block, FILE *out)
{
    size_t size = sodium_base64_ENCODED_LEN(block->png_size, sodium_base64_VARIANT_ORIGINAL);
    char *text = rg_alloc(size);
    sodium_bin2base64(text, size, block->png, block->png_size, sodium_base64_VARIANT_ORIGINAL);
    fprintf(out, "<img width=\"%u\" src=\"data:image/png;base64,%s\" alt=\"", html_picture_width(block),
            text);
    rg__markup_text(block->text, out);
    fputs("\">", out);
    free(text);
}

static void html_figure(const rg__block_t *block, FILE *out)
{
    if (block->kind == RG__BLOCK_FIGURE) {
        fputs("<figure class=\"drawing\">", out);
        fputs(block->svg, out);
    } else {
        fputs("<figure>", out);
        html_png(block, out);
    }
    html_element("figcaption", block->text, out);
    fputs("</figure>\n", out);
}

static void html_block(const rg__block_t *block, FILE *out)
{
    switch (block->kind) {
    case RG__BLOCK_HEADING:
        html_element("h2", block->text, out);
        break;
    case RG__BLOCK_TEXT:
        html_element("p", block->text, out);
        break;
    case RG__BLOCK_TABLE:
        html_table(&block->table, block->text, out);
        break;
    default:
        html_figure(block, out);
    }
}

static void html_document(const rg_document_t *document, FILE *out)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n",
          out);
    html_element("title", document->title, out);
    fprintf(out, "<style>\n%s</style></head><body>\n", STYLE);
    html_element("h1", document->title, out);
    for (int i = 0; i < document->n; i++) html_block(&document->block[i], out);
    fputs("</body></html>\n", out);
}

// ---- Markdown

// Escapes the characters that Markdown interprets. A line end would end a table's row.
static void markdown_text(const char *text, FILE *out)
{
    for (; *text; text++) {
        if (strchr("\\`*_{}[]<>#|~&!", *text)) fputc('\\', out);
        fputc(*text == '\n' || *text == '\r' ? ' ' : *text, out);
    }
}

static void markdown_row(char *const *cells, int n, FILE *out)
{
    fputc('|', out);
    for (int i = 0; i < n; i++) {
        fputc(' ', out);
        markdown_text(cells[i], out);
        fputs(" |", out);
    }
    fputc('\n', out);
}

static void markdown_table(const rg_table_t *table, const char *caption, FILE *out)
{
    markdown_row(table->title, table->columns, out);
    for (int i = 0; i < table->columns; i++) fputs(i ? "---:|" : "|---|", out);
    fputc('\n', out);
    for (int row = 0; row < table->cells / table->columns; row++)
        markdown_row(table->cell + row * table->columns, table->columns, out);
    fputc('\n', out);
    markdown_text(caption, out);
}

static void markdown_image(const char *id, const char *suffix, const char *caption, FILE *out)
{
    fputs("![", out);
    markdown_text(caption, out);
    fprintf(out, "](%s%s)", id, suffix);
}

static void markdown_block(const rg__block_t *block, FILE *out)
{
    switch (block->kind) {
    case RG__BLOCK_HEADING:
        fputs("## ", out);
        markdown_text(block->text, out);
        break;
    case RG__BLOCK_TEXT:
        markdown_text(block->text, out);
        break;
    case RG__BLOCK_TABLE:
        markdown_table(&block->table, block->text, out);
        break;
    case RG__BLOCK_FIGURE:
        markdown_image(block->id, ".svg", block->text, out);
        break;
    case RG__BLOCK_PICTURE:
        markdown_image(block->id, ".png", block->text, out);
        break;
    }
    fputs("\n\n", out);
}

static void markdown_document(const rg_document_t *document, FILE *out)
{
    fputs("# ", out);
    markdown_text(document->title, out);
    fputs("\n\n", out);
    for (int i = 0; i < document->n; i++) markdown_block(&document->block[i], out);
}

// ---- CSV

// Quotes a field if it has a comma, a quote or a line end.
static void csv_field(const char *text, FILE *out)
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

static void csv_table(const rg_table_t *table, FILE *out)
{
    for (int i = 0; i < table->columns; i++) {
        if (i) fputc(',', out);
        csv_field(table->title[i], out);
    }
    for (int i = 0; i < table->cells; i++) {
        fputc(i % table->columns ? ',' : '\n', out);
        csv_field(table->cell[i], out);
    }
    fputc('\n', out);
}

// ---- files

// A file that is composed in memory and then written at once.
typedef struct {
    char *text;
    size_t size;
    FILE *out;
} text_file_t;

static FILE *text_file_begin(text_file_t *file)
{
    file->out = open_memstream(&file->text, &file->size);
    if (!file->out) abort(); // out of memory
    return file->out;
}

static int text_file_finish(text_file_t *file, const char *path)
{
    if (fclose(file->out) != 0) abort(); // out of memory
    int err = rg_file_write(path, file->text, file->size);
    free(file->text);
    return err;
}

int rg_table_write(const rg_table_t *table, const char *path)
{
    text_file_t csv;
    csv_table(table, text_file_begin(&csv));
    return text_file_finish(&csv, path);
}

static int write_block(const rg__block_t *block, const char *folder)
{
    static const char *const suffix[] = {
        [RG__BLOCK_TABLE] = ".csv", [RG__BLOCK_FIGURE] = ".svg", [RG__BLOCK_PICTURE] = ".png"};
    if (block->kind < RG__BLOCK_TABLE) return 0;
    const char *id = block->kind == RG__BLOCK_TABLE ? block->table.id : block->id;
    char *path = rg_format("%s/%s%s", folder, id, suffix[block->kind]);
    int err = block->kind == RG__BLOCK_TABLE    ? rg_table_write(&block->table, path)
              : block->kind == RG__BLOCK_FIGURE ? rg_file_write(path, block->svg, strlen(block->svg))
                                                : rg_file_write(path, block->png, block->png_size);
    free(path);
    return err;
}

static int write_form(const rg_document_t *document, const char *folder, const char *name, const char *suffix,
                      void (*put)(const rg_document_t *document, FILE *out))
{
    text_file_t file;
    char *path = rg_format("%s/%s%s", folder, name, suffix);
    put(document, text_file_begin(&file));
    int err = text_file_finish(&file, path);
    free(path);
    return err;
}

int rg_document_write(const rg_document_t *document, const char *folder, const char *name)
{
    int err = rg_mkdirs(folder);
    for (int i = 0; i < document->n && !err; i++) err = write_block(&document->block[i], folder);
    if (!err) err = write_form(document, folder, name, ".md", markdown_document);
    return err ? err : write_form(document, folder, name, ".html", html_document);
}
