#include "services/ctl/fates.h"

#include <stdio.h>
#include <string.h>

#include "common/wire/json.h"

uint64_t rg_fates_count(const rg_fates_t *fates)
{
    return fates->added + fates->duplicate + fates->refused;
}

// reason: of a refusal; warning: of a file that was read nevertheless. NULL or empty: none.
static void report_fate(const rg_fates_t *fates, const char *name, const char *fate, const char *reason,
                        const char *warning)
{
    if (fates->json) {
        json_t *line = json_pack("{s:o, s:s}", "name", rg_json_text(name), "fate", fate);
        if (reason) json_object_set_new(line, "reason", rg_json_text(reason));
        if (warning && *warning) json_object_set_new(line, "warning", rg_json_text(warning));
        rg_output_json(line);
    } else if (reason) {
        rg_progress_bar_clear(fates->progress);
        rg_output_line("refused %s: %s", name, reason);
    }
}

void rg_fates_refuse(rg_fates_t *fates, const char *name, const char *reason)
{
    size_t n = strlen(name);
    if (strncmp(reason, name, n) == 0 && strncmp(reason + n, ": ", 2) == 0) reason += n + 2;
    fates->refused++;
    report_fate(fates, name, "refused", reason, NULL);
}

void rg_fates_duplicate(rg_fates_t *fates, const char *name)
{
    fates->duplicate++;
    report_fate(fates, name, "duplicate", NULL, NULL);
}

void rg_fates_take(rg_fates_t *fates, const Rg__V1__Outcome *outcome)
{
    fates->warned += *outcome->warning != 0;
    if (outcome->fate == RG__V1__FATE__ADDED) {
        fates->added++;
        report_fate(fates, outcome->name, "added", NULL, outcome->warning);
    } else if (outcome->fate == RG__V1__FATE__DUPLICATE) {
        fates->duplicate++;
        report_fate(fates, outcome->name, "duplicate", NULL, outcome->warning);
    } else {
        rg_fates_refuse(fates, outcome->name, outcome->reason);
    }
}

void rg_fates_note_generation(rg_fates_t *fates, uint64_t generation)
{
    if (generation > fates->generation) fates->generation = generation;
}

// ---- the summary

static void print_json(const rg_fates_t *fates, const rg_source_counts_t *source,
                       const rg_left_out_t *left_out)
{
    json_t *summary =
        json_pack("{s:I, s:I, s:I, s:I, s:I}", "added", (json_int_t)fates->added, "duplicate",
                  (json_int_t)fates->duplicate, "refused", (json_int_t)fates->refused, "with_warnings",
                  (json_int_t)fates->warned, "generation", (json_int_t)fates->generation);
    if (left_out) json_object_set_new(summary, "left_out", rg_left_out_json(left_out));
    if (source) json_object_set_new(summary, "added_before", json_integer((json_int_t)source->known));
    rg_output_json(summary);
}

static void print_known(const rg_source_counts_t *source)
{
    if (!source->known) return;
    printf("%llu were added by earlier runs and not sent again (%llu whole archives)\n",
           (unsigned long long)source->known, (unsigned long long)source->shards_done);
}

void rg_fates_print(const rg_fates_t *fates, const rg_source_counts_t *source, const rg_left_out_t *left_out)
{
    char others[RG_LEFT_OUT_TEXT] = "";
    if (fates->json) {
        print_json(fates, source, left_out);
        return;
    }
    printf("%llu added, %llu known before, %llu refused (index generation %llu)\n",
           (unsigned long long)fates->added, (unsigned long long)fates->duplicate,
           (unsigned long long)fates->refused, (unsigned long long)fates->generation);
    if (source) print_known(source);
    if (fates->warned)
        printf("%llu break the rules of their format, but were read whole (--json shows the warnings)\n",
               (unsigned long long)fates->warned);
    if (left_out) rg_left_out_format(left_out, others);
    if (*others) rg_output_line("%s", others);
    fflush(stdout);
}
