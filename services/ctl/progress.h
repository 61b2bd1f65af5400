// Progress of a long operation on standard error: a bar that redraws itself on a terminal, a plain line every
// few seconds elsewhere, nothing where the caller wants JSON only.
#ifndef RG_CTL_PROGRESS_H
#define RG_CTL_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

// What one line says.
typedef struct {
    const char *label;    // "add-images"
    uint64_t done, total; // total 0: not known
    const char *unit;     // of the rate: "images"
    double rate;          // per second; negative: not known
    double left_s;        // time left; negative: not known
    const char *note;     // shown last; NULL: none
} rg_progress_line_t;

enum { RG_PROGRESS_SIZE = 256, RG_DURATION_SIZE = 48 };

// The line without its end, at most width columns: with a bar for terminals, without for logs.
void rg_progress_format(const rg_progress_line_t *line, int bar, int width, char out[RG_PROGRESS_SIZE]);

// "8s", "3m05s", "2h07m", "3d04h"; "?" if negative.
void rg_duration_format(double seconds, char out[RG_DURATION_SIZE]);

typedef struct {
    const char *label, *unit;
    int silent, tty;
    double start_s, shown_s; // shown_s 0: nothing shown yet
} rg_progress_t;

void rg_progress_init(rg_progress_t *progress, const char *label, const char *unit, int silent);

// Shows the state if enough time has passed since the last line. The first form works out rate and time left
// from the time passed; the second is told by whoever measures them (line->label and unit NULL: the
// progress's).
void rg_progress_update(rg_progress_t *progress, uint64_t done, uint64_t total, const char *note);
void rg_progress_show(rg_progress_t *progress, const rg_progress_line_t *line);

// Ends the display: removes the bar from a terminal.
void rg_progress_fini(rg_progress_t *progress);

#endif
