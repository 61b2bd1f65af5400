#include "services/report/document/canvas.h"

#include <stdlib.h>
#include <string.h>

#include "services/report/document/markup.h"

enum { WIDTH = 690, LETTER = 7, KEY = 24, ROW = 18 };

const char *rg_canvas_colour(int series)
{
    static const char *const colours[] = {"#3b82c4", "#d55e00", "#009e73", "#cc79a7",
                                          "#e69f00", "#7f6fc9", "#8c8c8c"};
    return colours[series % (int)(sizeof colours / sizeof *colours)];
}

double rg_canvas_y(const rg_canvas_t *canvas, double value)
{
    return RG_CANVAS_BOTTOM - rg_axis_place(canvas->y, value) * (RG_CANVAS_BOTTOM - RG_CANVAS_TOP);
}

void rg_canvas_text(rg_canvas_t *canvas, double x, double y, const char *anchor, const char *text)
{
    fprintf(canvas->out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    rg_markup_text(text, canvas->out);
    fputs("</text>\n", canvas->out);
}

static void put_axis(rg_canvas_t *canvas, const char *y_title)
{
    char number[32];
    for (int i = 0; i < canvas->y->ticks; i++) {
        double y = rg_canvas_y(canvas, canvas->y->tick[i]);
        fprintf(canvas->out,
                "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"currentColor\" "
                "stroke-opacity=\".18\"/>\n",
                RG_CANVAS_LEFT, RG_CANVAS_RIGHT, y, y);
        snprintf(number, sizeof number, "%.6g", canvas->y->tick[i]);
        rg_canvas_text(canvas, RG_CANVAS_LEFT - 8, y + 4, "end", number);
    }
    fprintf(canvas->out, "<text transform=\"translate(12,%d) rotate(-90)\" text-anchor=\"middle\">",
            (RG_CANVAS_TOP + RG_CANVAS_BOTTOM) / 2);
    rg_markup_text(y_title, canvas->out);
    fputs("</text>\n", canvas->out);
}

void rg_canvas_begin(rg_canvas_t *canvas, const char *title, const char *y_title, const rg_axis_t *y,
                     int extra)
{
    *canvas = (rg_canvas_t){.y = y};
    canvas->out = open_memstream(&canvas->text, &canvas->size);
    if (!canvas->out) abort();
    fprintf(canvas->out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" role=\"img\" "
            "font-family=\"system-ui,sans-serif\" font-size=\"12\" fill=\"currentColor\">\n<title>",
            WIDTH, RG_CANVAS_BOTTOM + extra, WIDTH);
    rg_markup_text(title, canvas->out);
    fputs("</title>\n", canvas->out);
    put_axis(canvas, y_title);
}

char *rg_canvas_finish(rg_canvas_t *canvas)
{
    fputs("</svg>\n", canvas->out);
    if (fclose(canvas->out) != 0) abort(); // out of memory
    return canvas->text;
}

// Where each name goes: from left to right, then the next row.
static void place(const char *const *names, int i, int *x, int *row)
{
    int width = KEY + LETTER * (int)strlen(names[i]) + LETTER;
    if (*x > RG_CANVAS_LEFT && *x + width > RG_CANVAS_RIGHT) *x = RG_CANVAS_LEFT, ++*row;
}

int rg_canvas_legend(rg_canvas_t *canvas, int top, const char *const *names, int n)
{
    int x = RG_CANVAS_LEFT, row = 0;
    for (int i = 0; i < n; i++) {
        place(names, i, &x, &row);
        if (canvas) {
            int y = top + row * ROW;
            fprintf(canvas->out, "<rect x=\"%d\" y=\"%d\" width=\"14\" height=\"10\" fill=\"%s\"/>\n", x,
                    y - 9, rg_canvas_colour(i));
            rg_canvas_text(canvas, x + 19, y, "start", names[i]);
        }
        x += KEY + LETTER * (int)strlen(names[i]) + LETTER;
    }
    return n ? (row + 1) * ROW : 0;
}

int rg_canvas_legend_height(const char *const *names, int n)
{
    return rg_canvas_legend(NULL, 0, names, n);
}
