// What a command shows: results on standard output as JSON lines or tables, and the progress of a long
// operation on standard error.
#ifndef RG_CTL_OUTPUT_H
#define RG_CTL_OUTPUT_H

#include <jansson.h>
#include <stdint.h>

// ---- results

// Prints one line, and adds its end. Names and sentences from outside go through here: what a terminal would
// obey is escaped (core/text.h).
void rg_output_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

// Prints one line of JSON. Takes the reference.
void rg_output_json(json_t *object);

// Parses a report that a service sent, a JSON object as text. Text that is not JSON becomes a JSON string.
// New reference.
json_t *rg_output_parse(const char *report);

// Prints the report as a table with one name and value per line. Nested objects give names with dots.
void rg_output_report(const char *title, json_t *report);

enum { RG_DURATION_SIZE = 48 };

// "8s", "3m05s", "2h07m", "3d04h"; "?" if negative or not a number.
void rg_duration_format(double seconds, char out[RG_DURATION_SIZE]);

// ---- progress

// The content of one progress line.
typedef struct {
    const char *label;    // "add-images"
    uint64_t done, total; // total 0: not known
    const char *unit;     // of the rate: "images"
    double rate;          // per second; negative: not known
    double left_s;        // time left; negative: not known
    const char *note;     // shown last; NULL: none
} rg_progress_line_t;

enum { RG_PROGRESS_SIZE = 256 };

// Formats the line without a line end, at most `width` columns (0: no limit), with or without a bar.
void rg_progress_format(const rg_progress_line_t *line, int bar, int width, char out[RG_PROGRESS_SIZE]);

// A progress display: a bar that redraws itself on a terminal, a plain line every few seconds elsewhere,
// nothing if it is silent (for --json).
typedef struct {
    const char *label, *unit;
    int silent, tty;
    double start_s, shown_s; // shown_s 0: nothing shown yet
    uint64_t done, total;    // as last shown
} rg_progress_bar_t;

void rg_progress_bar_init(rg_progress_bar_t *bar, const char *label, const char *unit, int silent);

// Shows the state if enough time has passed since the last line. rg_progress_bar_update computes rate and
// time left from the time since init. rg_progress_bar_show takes them from the line, and label and unit as
// well where they are not NULL.
void rg_progress_bar_update(rg_progress_bar_t *bar, uint64_t done, uint64_t total, const char *note);
void rg_progress_bar_show(rg_progress_bar_t *bar, const rg_progress_line_t *line);

// Removes the bar from a terminal, so that other text can follow. A later update shows it again.
void rg_progress_bar_clear(rg_progress_bar_t *bar);

#endif
