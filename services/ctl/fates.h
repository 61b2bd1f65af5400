// The fates of the files of an ingest: added, duplicate (the set had it already) or refused. Each is counted and
// reported as it becomes known, and a summary ends the command.
#ifndef RG_CTL_FATES_H
#define RG_CTL_FATES_H

#include "common/wire/msg.h"
#include "services/ctl/output.h"
#include "services/ctl/source.h"

typedef struct {
    int json;                    // report every fate as a line of JSON; else only refusals
    rg_progress_bar_t *progress; // is cleared before a line; borrowed
    uint64_t added, duplicate, refused, warned;
    uint64_t generation; // of the set, the newest seen
} rg_fates_t;

uint64_t rg_fates_count(const rg_fates_t *fates);

// The loader told the fate of a file.
void rg_fates_take(rg_fates_t *fates, const Rg__V1__Outcome *outcome);

// The set had the file of this name already.
void rg_fates_duplicate(rg_fates_t *fates, const char *name);

// The file is refused; the reason may begin with its name.
void rg_fates_refuse(rg_fates_t *fates, const char *name, const char *reason);

void rg_fates_note_generation(rg_fates_t *fates, uint64_t generation);

// Prints the counts, with what the source passed over (NULL: no source) and what was left out (NULL: nothing).
void rg_fates_print(const rg_fates_t *fates, const rg_source_counts_t *source, const rg_left_out_t *left_out);

#endif
