// A drawing, in pixels:
//
//   76                 600   690
//   |  y title  +-------+     |   16  top of the frame
//   |  numbers  | frame | names of levels
//   |           +-------+         260  bottom of the frame
//   |             names of bars or numbers of the x axis
//   |             legend          as many rows as it needs
#include "common/report/svg_canvas.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/text.h"

// ---- text

static void markup_ascii(char c, FILE *out)
{
    switch (c) {
    case '<':
        fputs("&lt;", out);
        break;
    case '>':
        fputs("&gt;", out);
        break;
    case '&':
        fputs("&amp;", out);
        break;
    case '"':
        fputs("&quot;", out);
        break;
    case '\'':
        fputs("&#39;", out);
        break;
    default:
        fputc((unsigned char)c < 0x20 && c != '\n' && c != '\t' ? '?' : c, out);
    }
}

void rg__markup_text(const char *text, FILE *out)
{
    while (*text) {
        size_t length = rg_utf8_size(text);
        if (length > 1)
            fwrite(text, 1, length, out);
        else
            markup_ascii(length ? *text : '?', out);
        text += length ? length : 1;
    }
}

// ---- the axis

// The smallest step of 1, 2 or 5 times a power of ten that is at least this one.
static double round_step(double step)
{
    double power = pow(10, floor(log10(step))), digit = step / power;
    return (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10) * power;
}

static void axis_init_linear(rg__svg_axis_t *axis, double low, double high, int wanted)
{
    if (high - low < 1e-9 * fmax(fabs(low), fabs(high)) || high == low) {
        double margin = low == 0 ? 1 : fabs(low) / 2;
        low -= margin, high += margin;
    }
    double step = round_step((high - low) / wanted);
    axis->low = step * floor(low / step + 1e-9);
    axis->high = step * ceil(high / step - 1e-9);
    for (axis->ticks = 0; axis->ticks < RG__SVG_TICKS; axis->ticks++) {
        double tick = axis->low + axis->ticks * step;
        if (tick > axis->high + step / 2) break;
        axis->tick[axis->ticks] = fabs(tick) < step / 2 ? 0 : tick;
    }
}

static void axis_init_log(rg__svg_axis_t *axis, double low, double high)
{
    int first = (int)floor(log10(low)), last = (int)ceil(log10(high)), every = 1;
    if (last == first) last++;
    while ((last - first) / every + 1 > RG__SVG_TICKS / 2) every++;
    axis->low = pow(10, first);
    axis->high = pow(10, last);
    for (int power = first; power <= last; power += every) axis->tick[axis->ticks++] = pow(10, power);
}

void rg__svg_axis_init(rg__svg_axis_t *axis, double low, double high, int wanted, int log)
{
    if (!isfinite(low) || !isfinite(high) || low > high) low = 0, high = 1, log = 0;
    *axis = (rg__svg_axis_t){.log = log && low > 0};
    if (axis->log)
        axis_init_log(axis, low, high);
    else
        axis_init_linear(axis, low, high, wanted);
}

double rg__svg_axis_place(const rg__svg_axis_t *axis, double value)
{
    if (!axis->log) return (value - axis->low) / (axis->high - axis->low);
    return (log10(value) - log10(axis->low)) / (log10(axis->high) - log10(axis->low));
}

// ---- the drawing

// Sizes in pixels: the drawing's width, a letter, a colour key and a row of the legend.
enum { WIDTH = 690, LETTER = 7, KEY = 24, ROW = 18 };

const char *rg__svg_colour(int series)
{
    static const char *const colours[] = {"#3b82c4", "#d55e00", "#009e73", "#cc79a7",
                                          "#e69f00", "#7f6fc9", "#8c8c8c"};
    return colours[series % (int)(sizeof colours / sizeof *colours)];
}

double rg__svg_y(const rg__svg_canvas_t *canvas, double value)
{
    return RG__SVG_BOTTOM - rg__svg_axis_place(canvas->y, value) * (RG__SVG_BOTTOM - RG__SVG_TOP);
}

void rg__svg_text(rg__svg_canvas_t *canvas, double x, double y, const char *anchor, const char *text)
{
    fprintf(canvas->out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    rg__markup_text(text, canvas->out);
    fputs("</text>\n", canvas->out);
}

static void put_y_axis(rg__svg_canvas_t *canvas, const char *y_title)
{
    char number[32];
    for (int i = 0; i < canvas->y->ticks; i++) {
        double y = rg__svg_y(canvas, canvas->y->tick[i]);
        fprintf(canvas->out,
                "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"currentColor\" "
                "stroke-opacity=\".18\"/>\n",
                RG__SVG_LEFT, RG__SVG_RIGHT, y, y);
        snprintf(number, sizeof number, "%.6g", canvas->y->tick[i]);
        rg__svg_text(canvas, RG__SVG_LEFT - 8, y + 4, "end", number);
    }
    fprintf(canvas->out, "<text transform=\"translate(12,%d) rotate(-90)\" text-anchor=\"middle\">",
            (RG__SVG_TOP + RG__SVG_BOTTOM) / 2);
    rg__markup_text(y_title, canvas->out);
    fputs("</text>\n", canvas->out);
}

void rg__svg_begin(rg__svg_canvas_t *canvas, const char *title, const char *y_title, const rg__svg_axis_t *y,
                   int extra)
{
    *canvas = (rg__svg_canvas_t){.y = y};
    canvas->out = open_memstream(&canvas->text, &canvas->size);
    if (!canvas->out) abort();
    fprintf(canvas->out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" role=\"img\" "
            "font-family=\"system-ui,sans-serif\" font-size=\"12\" fill=\"currentColor\">\n<title>",
            WIDTH, RG__SVG_BOTTOM + extra, WIDTH);
    rg__markup_text(title, canvas->out);
    fputs("</title>\n", canvas->out);
    put_y_axis(canvas, y_title);
}

char *rg__svg_finish(rg__svg_canvas_t *canvas)
{
    fputs("</svg>\n", canvas->out);
    if (fclose(canvas->out) != 0) abort(); // out of memory
    return canvas->text;
}

// Moves to the next row where the name of series i does not fit; returns the width that it takes.
static int legend_place(const char *const *names, int i, int *x, int *row)
{
    int width = KEY + LETTER * (int)strlen(names[i]) + LETTER;
    if (*x > RG__SVG_LEFT && *x + width > RG__SVG_RIGHT) *x = RG__SVG_LEFT, ++*row;
    return width;
}

int rg__svg_legend(rg__svg_canvas_t *canvas, int top, const char *const *names, int n)
{
    int x = RG__SVG_LEFT, row = 0;
    for (int i = 0; i < n; i++) {
        int width = legend_place(names, i, &x, &row);
        if (canvas) {
            int y = top + row * ROW;
            fprintf(canvas->out, "<rect x=\"%d\" y=\"%d\" width=\"14\" height=\"10\" fill=\"%s\"/>\n", x,
                    y - 9, rg__svg_colour(i));
            rg__svg_text(canvas, x + 19, y, "start", names[i]);
        }
        x += width;
    }
    return n ? (row + 1) * ROW : 0;
}
