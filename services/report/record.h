// The record of a run: what training and evaluation left in its folder.
//
//   RUN/metrics.jsonl        one JSON object per line: stage, iteration, losses, speed
//   RUN/evaluations.jsonl    one evaluation report per line
//   RUN/reports/STAGE.json   the latest report of a stage that was evaluated by command
//   RUN/samples/*.png        grids of images
#ifndef RG_RUN_RECORD_H
#define RG_RUN_RECORD_H

#include <jansson.h>

#include "common/model/stage.h"

// Reads a journal. *stages is an object, STAGE -> array of lines with ascending iterations; json_decref it.
// Iterations that were repeated after a restart or a crash count once, as they were done last. Of
// evaluations, the largest group of comparable ones is taken (common/report/evaluation_report.h). A missing
// file has no stages. Lines that are not JSON are skipped. RG_EIO, RG_ELIMIT.
int rg_run_read_training(json_t **stages, const char *run);
int rg_run_read_evaluations(json_t **stages, const char *run);

typedef struct {
    const char *run;                // the folder, borrowed
    json_t *training, *evaluations; // as read above, owned
    json_t *report[RG_STAGES];      // the latest of each stage or NULL, owned
    char **picture;                 // [n_pictures] names in RUN/samples, sorted, owned
    size_t n_pictures;
} rg_run_record_t;

// RG_ENOENT if the folder has neither metrics nor evaluations, RG_EFORMAT naming a report that cannot be
// read.
int rg_run_record_open(rg_run_record_t *record, const char *run);
void rg_run_record_close(rg_run_record_t *record); // accepts a zeroed struct

// Reads a report, which is a JSON object; json_decref it. RG_EFORMAT naming the file and the line.
int rg_run_read_report(json_t **report, const char *run, int stage);

// The last of an array of lines, borrowed; NULL if there is none.
json_t *rg_run_last_line(const json_t *lines);

#endif
