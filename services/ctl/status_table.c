// A row is built from phrases ("32 images", "stage stage3"). A phrase goes to the next line, below the first
// one, if the line would be wider than the terminal.
#include "services/ctl/status_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "services/ctl/caller.h"
#include "services/ctl/output.h"

enum { WIDTH = 80, INDENT = 37, STATE_SIZE = 64, LINE_SIZE = 1024 };

// ---- which fields are shown

typedef struct {
    const char *service, *key, *before, *after;
    int unless_zero; // 1: not shown while it is 0
} shown_field_t;

static const shown_field_t SHOWN[] = {
    {"loader", "images", "", " images", 0},
    {"loader", "annotated", "", " annotated", 0},
    {"loader", "broken", "", " broken", 1},
    {"loader", "ingested", "", " ingested", 1},
    {"loader", "refused", "", " refused", 1},
    {"loader", "waiting", "", " waiting", 1},
    {"encoder", "stage", "", "", 0},
    {"encoder", "iteration", "iteration ", "", 1},
    {"encoder", "embedded", "", " embedded", 0},
    {"encoder", "translated", "", " translated", 0},
    {"retrieval", "images", "", " images", 0},
    {"retrieval", "missing", "", " missing", 1},
    {"retrieval", "damaged", "", " damaged", 1},
    {"retrieval", "generation", "generation ", "", 0},
    {"retrieval", "searches", "", " searches", 0},
    {"trainer", "stage", "", "", 0},
    {"trainer", "iteration", "iteration ", "", 0},
    {"trainer", "iterations", "of ", "", 0},
    {"trainer", "images_per_s", "", " images/s", 0},
    {"trainer", "missing_neighbours", "", " neighbours missing", 1},
    {"evaluator", "stage", "", "", 0},
    {"evaluator", "done", "", " done", 1},
    {"evaluator", "total", "of ", "", 1},
    {"gateway", "page", "", "", 0},
    {"gateway", "runs", "", " runs", 1},
};

static const char *find_field(const Rg__V1__StatusReply *status, const char *key)
{
    for (size_t i = 0; i < status->n_fields; i++)
        if (strcmp(status->fields[i]->key, key) == 0) return status->fields[i]->value;
    return NULL;
}

// ---- lines

// Adds the word to the line, or prints the line and begins the next one with it.
static void line_add_word(char line[LINE_SIZE], const char *separator, const char *word)
{
    size_t n = strlen(line);
    if (n > INDENT && n + strlen(separator) + strlen(word) > WIDTH) {
        rg_output_line("%s", line);
        snprintf(line, LINE_SIZE, "%*s", INDENT, "");
        n = INDENT;
    }
    snprintf(line + n, LINE_SIZE - n, "%s%s", n > INDENT ? separator : "", word);
}

// Adds a sentence word by word.
static void line_add_text(char line[LINE_SIZE], const char *text)
{
    char *words = rg_strdup(text), *rest = NULL;
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        line_add_word(line, " ", word);
    free(words);
}

static void line_add_fields(char line[LINE_SIZE], const char *service, const Rg__V1__StatusReply *status)
{
    for (size_t i = 0; i < sizeof SHOWN / sizeof *SHOWN; i++) {
        const shown_field_t *shown = &SHOWN[i];
        if (strcmp(shown->service, service) != 0) continue;
        const char *value = find_field(status, shown->key);
        if (!value || !*value || (shown->unless_zero && strcmp(value, "0") == 0)) continue;
        char *phrase = rg_format("%s%s%s", shown->before, value, shown->after);
        line_add_word(line, strncmp(shown->before, "of ", 3) == 0 ? " " : ", ", phrase);
        free(phrase);
    }
}

// Adds the time that is left, and what went wrong.
static void line_add_outlook(char line[LINE_SIZE], const Rg__V1__StatusReply *status)
{
    const char *left = find_field(status, "eta_s"), *error = find_field(status, "error");
    char duration[RG_DURATION_SIZE], phrase[RG_DURATION_SIZE + 8];
    if (left && strcmp(rg_status_text(status, "state"), "idle") != 0) {
        rg_duration_format(strtod(left, NULL), duration);
        snprintf(phrase, sizeof phrase, "%s left", duration);
        line_add_word(line, ", ", phrase);
    }
    if (!error) return;
    line_add_word(line, ", ", "error:");
    line_add_text(line, error);
}

// ---- rows

void rg_status_table_head(void)
{
    puts("service    state                up");
}

void rg_status_table_row(const char *service, const Rg__V1__StatusReply *status)
{
    char uptime[RG_DURATION_SIZE], state[STATE_SIZE], line[LINE_SIZE];
    if (!status) {
        printf("%-10s no answer\n", service);
        return;
    }
    const char *activity = rg_status_text(status, "state");
    int is_ready = strcmp(status->state, "ready") == 0, has_failed = strcmp(status->state, "failed") == 0;
    snprintf(state, sizeof state, "%s%s%s", is_ready && *activity ? activity : status->state,
             *status->detail && !has_failed ? ", " : "", has_failed ? "" : status->detail);
    rg_duration_format(status->uptime_s, uptime);
    snprintf(line, sizeof line, "%-10s %-15s %8s  ", service, state, uptime);
    if (strlen(line) > INDENT) { // The numbers begin below a long state.
        rg_output_line("%s", line);
        snprintf(line, sizeof line, "%*s", INDENT, "");
    }
    if (has_failed) line_add_text(line, status->detail);
    line_add_fields(line, service, status);
    line_add_outlook(line, status);
    size_t end = strlen(line);
    while (end && line[end - 1] == ' ') line[--end] = 0;
    if (end) rg_output_line("%s", line);
}
