// The check of the whole retrieval set: reads all that is stored, compares the view in memory with it, and
// measures the recall of the index.
#ifndef RG_RETRIEVAL_VERIFY_H
#define RG_RETRIEVAL_VERIFY_H

#include "services/retrieval/set.h"

enum { RG_VERIFY_PROBLEMS_MAX = 20 };

typedef struct {
    uint64_t images;                           // stored
    uint64_t bytes;                            // of thumbnails, features and embeddings
    uint64_t problems;                         // all of them
    char problem[RG_VERIFY_PROBLEMS_MAX][256]; // sentences of the first ones
    double recall;                             // at 10, of the index against exact search; 1 without an index
} rg_verify_report_t;

// Adds a problem to the report.
void rg_verify_add_problem(rg_verify_report_t *report, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

// Checks the structure of the file, then everything that is stored in the generation of the read view. A
// problem of the data is part of the report, not an error; if the structure is damaged, the values are not
// read. Damaged images are noted (set.h). RG_ESTOPPED once the work is stopped, RG_EIO.
int rg_verify(rg_verify_report_t *report, const rg_read_view_t *read, rg_work_t *work);

#endif
