// A document as one HTML page: its style is in it, pictures are data: URIs, and there is no script.
#include <sodium.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "services/report/document/document_private.h"
#include "services/report/document/markup.h"

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

static void put_element(const char *name, const char *text, FILE *out)
{
    fprintf(out, "<%s>", name);
    rg_markup_text(text, out);
    fprintf(out, "</%s>\n", name);
}

static void put_table(const rg_table_t *table, const char *caption, FILE *out)
{
    fputs("<figure><div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"", out);
    rg_markup_text(caption, out);
    fputs("\"><table><thead><tr>", out);
    for (int i = 0; i < table->columns; i++) put_element("th", table->title[i], out);
    fputs("</tr></thead><tbody>\n", out);
    for (int i = 0; i < table->cells; i++) {
        if (i % table->columns == 0) fputs("<tr>", out);
        put_element("td", table->cell[i], out);
        if ((i + 1) % table->columns == 0) fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>", out);
    put_element("figcaption", caption, out);
    fputs("</figure>\n", out);
}

// Small pictures are shown larger: whole pixels, at most to the page's width.
static unsigned shown_width(const rg__block_t *block)
{
    enum { WIDTH_AT = 16, WIDTH_END = 20, PAGE = 1100 }; // the width's place in a PNG, big-endian
    unsigned width = 0;
    for (int i = WIDTH_AT; i < WIDTH_END && block->png_size >= WIDTH_END; i++)
        width = width << 8 | block->png[i];
    return width > 0 && width < PAGE ? width * (PAGE / width < 3 ? PAGE / width : 3) : width;
}

static void put_png(const rg__block_t *block, FILE *out)
{
    size_t size = sodium_base64_ENCODED_LEN(block->png_size, sodium_base64_VARIANT_ORIGINAL);
    char *text = rg_alloc(size);
    sodium_bin2base64(text, size, block->png, block->png_size, sodium_base64_VARIANT_ORIGINAL);
    fprintf(out, "<img width=\"%u\" src=\"data:image/png;base64,%s\" alt=\"", shown_width(block), text);
    rg_markup_text(block->text, out);
    fputs("\">", out);
    free(text);
}

static void put_figure(const rg__block_t *block, FILE *out)
{
    if (block->kind == RG_BLOCK_FIGURE) {
        fputs("<figure class=\"drawing\">", out);
        fputs(block->svg, out);
    } else {
        fputs("<figure>", out);
        put_png(block, out);
    }
    put_element("figcaption", block->text, out);
    fputs("</figure>\n", out);
}

static void put_block(const rg__block_t *block, FILE *out)
{
    switch (block->kind) {
    case RG_BLOCK_HEADING:
        put_element("h2", block->text, out);
        break;
    case RG_BLOCK_TEXT:
        put_element("p", block->text, out);
        break;
    case RG_BLOCK_TABLE:
        put_table(&block->table, block->text, out);
        break;
    default:
        put_figure(block, out);
    }
}

void rg__document_html(const rg_document_t *document, FILE *out)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n",
          out);
    put_element("title", document->title, out);
    fprintf(out, "<style>\n%s</style></head><body>\n", STYLE);
    put_element("h1", document->title, out);
    for (int i = 0; i < document->n; i++) put_block(&document->block[i], out);
    fputs("</body></html>\n", out);
}
