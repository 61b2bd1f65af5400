#include "services/ctl/output.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/text.h"
#include "common/wire/json.h"

// ---- results

void rg_output_line(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *line = rg_format_list(fmt, args);
    va_end(args);
    size_t size = 3 * strlen(line) + 1; // %XX for each byte
    char *shown = rg_alloc(size);
    rg_text_escape(line, shown, size);
    puts(shown);
    fflush(stdout);
    free(shown);
    free(line);
}

void rg_output_json(json_t *object)
{
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6) | JSON_ENCODE_ANY);
    putchar('\n');
    fflush(stdout);
    json_decref(object);
}

json_t *rg_output_parse(const char *report)
{
    json_t *object = json_loads(report, JSON_REJECT_DUPLICATES, NULL);
    return object ? object : rg_json_text(report);
}

static void print_value(const char *name, int width, const json_t *value)
{
    if (json_is_string(value))
        rg_output_line("  %-*s  %s", width, name, json_string_value(value));
    else if (json_is_real(value))
        rg_output_line("  %-*s  %.4g", width, name, json_real_value(value));
    else {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(4));
        rg_output_line("  %-*s  %s", width, name, text ? text : "");
        free(text);
    }
}

// Visits every value of the report. The first walk measures the names, the second one prints.
static void walk(const char *prefix, json_t *object, int *width, int print)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        char *name = *prefix ? rg_format("%s.%s", prefix, key) : rg_strdup(key);
        if (json_is_object(value)) {
            walk(name, value, width, print);
        } else if (print) {
            print_value(name, *width, value);
        } else if ((int)strlen(name) > *width) {
            *width = (int)strlen(name);
        }
        free(name);
    }
}

void rg_output_report(const char *title, json_t *report)
{
    int width = 0;
    rg_output_line("%s", title);
    walk("", report, &width, 0);
    walk("", report, &width, 1);
}

void rg_duration_format(double seconds, char out[RG_DURATION_SIZE])
{
    if (!(seconds >= 0)) {
        snprintf(out, RG_DURATION_SIZE, "?");
        return;
    }
    unsigned long s = seconds < 8e9 ? (unsigned long)(seconds + 0.5) : 8000000000ul;
    if (s < 60)
        snprintf(out, RG_DURATION_SIZE, "%lus", s);
    else if (s < 3600)
        snprintf(out, RG_DURATION_SIZE, "%lum%02lus", s / 60, s % 60);
    else if (s < 86400)
        snprintf(out, RG_DURATION_SIZE, "%luh%02lum", s / 3600, s / 60 % 60);
    else
        snprintf(out, RG_DURATION_SIZE, "%lud%02luh", s / 86400, s / 3600 % 24);
}

// ---- progress
//
// On a terminal a line overwrites the one before ("\r", and "\033[K" clears the rest of the line), at most
// every tty_every_s. Elsewhere, as in a log, lines follow each other, at most every plain_every_s.

enum { BAR = 24, WIDTH_DEFAULT = 100 };
static const double tty_every_s = 0.1, plain_every_s = 5;

static void progress_append(char out[RG_PROGRESS_SIZE], const char *separator, const char *text)
{
    size_t n = strlen(out);
    snprintf(out + n, RG_PROGRESS_SIZE - n, "%s%s", separator, text);
}

static void progress_append_bar(char out[RG_PROGRESS_SIZE], double share)
{
    char bar[BAR + 3] = {[0] = '['};
    int full = (int)(share * BAR);
    for (int i = 0; i < BAR; i++) bar[1 + i] = i < full ? '=' : i == full ? '>' : ' ';
    bar[BAR + 1] = ']';
    progress_append(out, " ", bar);
}

void rg_progress_format(const rg_progress_line_t *line, int bar, int width, char out[RG_PROGRESS_SIZE])
{
    char text[64];
    snprintf(out, RG_PROGRESS_SIZE, "%s", line->label);
    if (line->total) {
        double share = (double)line->done / (double)line->total;
        if (share > 1) share = 1;
        if (bar) progress_append_bar(out, share);
        snprintf(text, sizeof text, "%3d%% %llu/%llu", (int)(100 * share), (unsigned long long)line->done,
                 (unsigned long long)line->total);
        progress_append(out, " ", text);
    } else if (line->done) {
        snprintf(text, sizeof text, "%llu", (unsigned long long)line->done);
        progress_append(out, " ", text);
    }
    if (line->rate >= 0) {
        snprintf(text, sizeof text, "%.*f %s/s", line->rate < 10 ? 1 : 0, line->rate, line->unit);
        progress_append(out, "  ", text);
    }
    if (line->left_s >= 0) {
        char left[RG_DURATION_SIZE];
        rg_duration_format(line->left_s, left);
        progress_append(out, "  ", left);
        progress_append(out, " ", "left");
    }
    if (line->note && *line->note) progress_append(out, "  ", line->note);
    if (width > 0 && width < RG_PROGRESS_SIZE) out[width] = 0;
}

void rg_progress_bar_init(rg_progress_bar_t *bar, const char *label, const char *unit, int silent)
{
    *bar = (rg_progress_bar_t){.label = label,
                               .unit = unit,
                               .silent = silent,
                               .tty = isatty(STDERR_FILENO),
                               .start_s = rg_clock_s()};
}

static int terminal_width(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1 : WIDTH_DEFAULT;
}

void rg_progress_bar_show(rg_progress_bar_t *bar, const rg_progress_line_t *line)
{
    char text[RG_PROGRESS_SIZE], shown[RG_PROGRESS_SIZE];
    double now = rg_clock_s(), every = bar->tty ? tty_every_s : plain_every_s;
    // Logs begin after one interval, so that a short operation leaves no line.
    double last = bar->shown_s > 0 || bar->tty ? bar->shown_s : bar->start_s;
    if (bar->silent || now - last < every) return;
    bar->shown_s = now;
    bar->done = line->done;
    bar->total = line->total;
    rg_progress_line_t full = *line;
    if (!full.label) full.label = bar->label;
    if (!full.unit) full.unit = bar->unit;
    rg_progress_format(&full, bar->tty, bar->tty ? terminal_width() : 0, text);
    rg_text_escape(text, shown, sizeof shown);
    fprintf(stderr, bar->tty ? "\r%s\033[K" : "%s\n", shown);
    fflush(stderr);
}

void rg_progress_bar_update(rg_progress_bar_t *bar, uint64_t done, uint64_t total, const char *note)
{
    double elapsed = rg_clock_s() - bar->start_s;
    double rate = elapsed > 0.5 ? (double)done / elapsed : -1;
    double left = rate > 0 && total >= done ? (double)(total - done) / rate : -1;
    rg_progress_bar_show(
        bar, &(rg_progress_line_t){.done = done, .total = total, .rate = rate, .left_s = left, .note = note});
}

void rg_progress_bar_clear(rg_progress_bar_t *bar)
{
    if (!bar->silent && bar->tty && bar->shown_s > 0) fprintf(stderr, "\r\033[K");
    bar->shown_s = 0;
}
