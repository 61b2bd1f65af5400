#include "services/ctl/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/core/clock.h"

enum { BAR = 24, WIDTH_DEFAULT = 100 };
static const double tty_every_s = 0.1, plain_every_s = 5;

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

static void append(char out[RG_PROGRESS_SIZE], const char *separator, const char *text)
{
    size_t n = strlen(out);
    snprintf(out + n, RG_PROGRESS_SIZE - n, "%s%s", separator, text);
}

static void append_bar(char out[RG_PROGRESS_SIZE], double share)
{
    char bar[BAR + 3] = {[0] = '['};
    int full = (int)(share * BAR);
    for (int i = 0; i < BAR; i++) bar[1 + i] = i < full ? '=' : i == full ? '>' : ' ';
    bar[BAR + 1] = ']';
    append(out, " ", bar);
}

void rg_progress_format(const rg_progress_line_t *line, int bar, int width, char out[RG_PROGRESS_SIZE])
{
    char text[64];
    snprintf(out, RG_PROGRESS_SIZE, "%s", line->label);
    if (line->total) {
        double share = (double)line->done / (double)line->total;
        if (share > 1) share = 1;
        if (bar) append_bar(out, share);
        snprintf(text, sizeof text, "%3d%% %llu/%llu", (int)(100 * share), (unsigned long long)line->done,
                 (unsigned long long)line->total);
        append(out, " ", text);
    } else if (line->done) {
        snprintf(text, sizeof text, "%llu", (unsigned long long)line->done);
        append(out, " ", text);
    }
    if (line->rate >= 0) {
        snprintf(text, sizeof text, "%.*f %s/s", line->rate < 10 ? 1 : 0, line->rate, line->unit);
        append(out, "  ", text);
    }
    if (line->left_s >= 0) {
        char left[RG_DURATION_SIZE];
        rg_duration_format(line->left_s, left);
        append(out, "  ", left);
        append(out, " ", "left");
    }
    if (line->note && *line->note) append(out, "  ", line->note);
    if (width > 0 && width < RG_PROGRESS_SIZE) out[width] = 0;
}

void rg_progress_init(rg_progress_t *progress, const char *label, const char *unit, int silent)
{
    *progress = (rg_progress_t){.label = label,
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

void rg_progress_show(rg_progress_t *progress, const rg_progress_line_t *line)
{
    char text[RG_PROGRESS_SIZE];
    double now = rg_clock_s(), every = progress->tty ? tty_every_s : plain_every_s;
    // Logs begin after one interval, so that a short operation leaves no line.
    double last = progress->shown_s > 0 || progress->tty ? progress->shown_s : progress->start_s;
    if (progress->silent || now - last < every) return;
    progress->shown_s = now;
    rg_progress_line_t full = *line;
    if (!full.label) full.label = progress->label;
    if (!full.unit) full.unit = progress->unit;
    rg_progress_format(&full, progress->tty, progress->tty ? terminal_width() : 0, text);
    fprintf(stderr, progress->tty ? "\r%s\033[K" : "%s\n", text);
    fflush(stderr);
}

void rg_progress_update(rg_progress_t *progress, uint64_t done, uint64_t total, const char *note)
{
    double elapsed = rg_clock_s() - progress->start_s;
    double rate = elapsed > 0.5 ? (double)done / elapsed : -1;
    double left = rate > 0 && total >= done ? (double)(total - done) / rate : -1;
    rg_progress_show(progress, &(rg_progress_line_t){
                                   .done = done, .total = total, .rate = rate, .left_s = left, .note = note});
}

void rg_progress_fini(rg_progress_t *progress)
{
    if (!progress->silent && progress->tty && progress->shown_s > 0) fprintf(stderr, "\r\033[K");
    progress->shown_s = 0;
}
