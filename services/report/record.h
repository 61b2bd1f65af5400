// What a run left in its folder, read.
#ifndef RG_REPORT_REPORT_RECORD_H
#define RG_REPORT_REPORT_RECORD_H

#include <jansson.h>

#include "common/model/stage.h"

typedef struct {
    const char *run;                // the folder, borrowed
    json_t *training, *evaluations; // by stage (curves.h), owned
    json_t *report[RG_STAGES];      // the latest of each stage, owned; NULL: none
    char **picture;                 // [n_pictures] names in RUN/samples, sorted, owned
    size_t n_pictures;
} rg_record_t;

// RG_ENOENT if nothing is there that a run leaves, RG_EFORMAT naming a report that cannot be read.
int rg_record_open(rg_record_t *record, const char *run);
void rg_record_close(rg_record_t *record); // tolerates a zeroed struct

// The last of lines, borrowed; NULL if there is none.
json_t *rg_record_last(const json_t *lines);

#endif
