// An ingest: a stream of image files into the retrieval set, through the loader.
//
// Each file gets one fate: added, duplicate (the set had it already) or refused with a reason. The first two
// mean that the image is stored durably. Adding a file twice is harmless, so an interrupted ingest is simply
// started again. Requests hold up to 64 files or 8 MiB, and at most limits.credit requests are in flight, so
// memory is bounded whatever the number of files. While the loader is busy with other clients, requests wait
// here and are sent again.
#ifndef RG_CTL_INGEST_H
#define RG_CTL_INGEST_H

#include <stdint.h>

#include "services/ctl/command.h"
#include "services/ctl/source.h"

typedef struct rg_ingest rg_ingest_t;

// label: of the progress display. total: how many files will come; 0 if not known. Errors of rg_caller_open.
int rg_ingest_open(rg_ingest_t **ingest, const rg_options_t *options, const char *label, uint64_t total);

// Adds the file `path` under the name by which the retrieval set will know it. A file that cannot be read is
// refused, which is not an error here. Errors of the loader and of rg_caller_step.
int rg_ingest_file(rg_ingest_t *ingest, const char *path, const char *name, int annotated);

// Adds the member of a shard that the source visits. The same errors, and those of the source's input.
int rg_ingest_member(rg_ingest_t *ingest, const rg_source_image_t *image);

// Counts and reports a file that the caller refuses itself.
void rg_ingest_refuse(rg_ingest_t *ingest, const char *name, const char *reason);

// Sends what was added so far and waits for the fate of every file.
int rg_ingest_settle(rg_ingest_t *ingest);

// Waits for so many seconds while the connection stays alive.
int rg_ingest_pause(rg_ingest_t *ingest, double seconds);

// Where the images come from: the progress display and the summary show its counts, and it learns the fates of
// the members of its shards. Borrowed.
void rg_ingest_follow(rg_ingest_t *ingest, rg_source_t *source);

// For a caller without a source: the files that it passed over, which the summary at the end lists. They are borrowed
// until then.
void rg_ingest_left_out(rg_ingest_t *ingest, const rg_left_out_t *left_out);

// Work while there is no file to add (rg_idle_fn): sends the request that is being filled if no other one is in
// flight, and waits a moment for replies.
int rg_ingest_idle(void *ingest);

// Ends the object. err: what went wrong so far, with rg_error(), or 0: then the rest is sent, every fate is
// awaited and the counts are printed. Returns err or an error of rg_ingest_settle. refused: how many files
// were refused, which is not an error here.
int rg_ingest_close(rg_ingest_t **ingest, int err, uint64_t *refused);

// RG_EINVAL if files were refused, for a command that ends with exit code 1 then.
int rg_ingest_check_refused(uint64_t refused);

// Adds the training images of the configured data set: the annotated ones, and this share (0..1) of the
// others. The images of a smaller share are among those of a larger one. refused as in rg_ingest_close.
int rg_ingest_training(const rg_options_t *options, double share, uint64_t *refused);

#endif
