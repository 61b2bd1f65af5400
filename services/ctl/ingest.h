// Streams JPEG files into the retrieval set, through the loader: at most limits.credit requests of up to 16
// files or 8 MiB are in flight, whatever the number of files. Every file gets one fate: added, duplicate (it
// was there) or refused with a reason; the first two are acknowledgements. Nothing is remembered here:
// sending again is harmless. Where several clients at once are more than the services take, requests wait
// here and are sent again.
#ifndef RG_CTL_INGEST_H
#define RG_CTL_INGEST_H

#include <stdint.h>

#include "services/ctl/caller.h"
#include "services/ctl/command.h"
#include "services/ctl/output.h"

typedef struct {
    const rg_options_t *options;
    struct rg__sending *sent; // requests without their fates
    int again;                // of them, those that found the loader busy
    double again_s;           // when to send these again
    rg_caller_t *loader;
    rg_progress_bar_t progress;
    rg_msg_t *request;   // being filled, NULL: none
    size_t files, bytes; // in request
    uint64_t total;      // files to come, for the progress; 0: not known
    uint64_t given, added, duplicate, refused;
    uint64_t generation; // of the index, newest seen
    int err;             // of a whole request
    char sentence[512];
} rg_ingest_t;

// label: of the progress. Errors of rg_caller_open.
int rg_ingest_open(rg_ingest_t *ingest, const rg_options_t *options, const char *label, uint64_t total);

// Takes one file, under the name the retrieval set will know it by. A file that cannot be read is refused and
// not an error. The errors of the loader and of rg_caller_step.
int rg_ingest_file(rg_ingest_t *ingest, const char *path, const char *name, int annotated);

// Sends what was taken so far and waits for every fate.
int rg_ingest_settle(rg_ingest_t *ingest);

// Counts and reports a file that is refused here.
void rg_ingest_refuse(rg_ingest_t *ingest, const char *name, const char *reason);

// Sends the rest, waits for every fate, prints the counts, and ends the object. err: of the caller so far,
// with rg_error(), or 0. RG_EINVAL if files were refused.
int rg_ingest_close(rg_ingest_t *ingest, int err);

// Adds the training images of the configured data set.
int rg_ingest_training(const rg_options_t *options);

#endif
