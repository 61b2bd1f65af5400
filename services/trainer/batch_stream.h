// The stream of training batches from the loader. It keeps `limits.credit` requests in flight, so that the
// loader decodes while the trainer computes, and hands the replies out in order. After a restart of the
// loader the link asks again and gets the same batches. A resumed trainer begins its stream at the iteration
// of the checkpoint.
#ifndef RG_TRAINER_BATCH_STREAM_H
#define RG_TRAINER_BATCH_STREAM_H

#include "common/config/config.h"
#include "common/wire/wire.h"

// ---- a batch

// One training batch as learners see it: plain arrays, borrowed for the step.
//
// One process has the whole batch. Of several ranks each has a share (`whole`): an equal part of the images
// without a reference, which are the first ones, and an equal part of those with one. Steps draw their random
// numbers for the whole batch, so that the result does not depend on the number of ranks. That is why a share
// carries the labels of the whole batch.
typedef struct rg_batch {
    int n, references;                  // images; reference images, which belong to the last targets
    const float *pixels;                // [n,S,S,3] in -1..1
    const float *reference_pixels;      // [references,S,S,3]
    const unsigned char *labels;        // [n,A] 0/1, A = columns
    const unsigned char *target_labels; // [n,A]
    const unsigned char *ids;           // [n,RG_ID_SIZE] content ids, NULL in tests
    int columns;                        // the config's attributes, or all annotated ones for the classifier
    const struct rg_batch *whole;       // sizes and labels of the whole batch; NULL: this is the whole batch
    int rank;                           // whose share this is
} rg_batch_t;

// The row in an array with n rows per rank for the whole batch, of row `row` of the n of this share. The last
// rows, `references` per rank, belong to references.
size_t rg_batch_whole_row(const rg_batch_t *share, int n, int row);

// Copies the n rows of this share, of `bytes` each, out of an array for the whole batch. out [n], whole
// [n * ranks].
void rg_batch_take_rows(const rg_batch_t *share, int n, const void *whole, size_t bytes, void *out);

// ---- the stream

typedef struct rg_batch_stream rg_batch_stream_t;

// The data set that the loader serves.
typedef struct {
    rg_names_t attributes; // columns of the labels
    uint32_t annotated;    // training images with labels
    uint64_t fingerprint;
    uint64_t contents; // hash of the sizes of its files
} rg_batch_dataset_t;

// Connects, asks for the data set and waits for the loader. RG_ESTOPPED, or the loader's error.
int rg_batch_stream_open(rg_batch_stream_t **stream, const rg_config_t *config, const atomic_int *stop,
                         rg_batch_dataset_t *dataset);
void rg_batch_stream_close(rg_batch_stream_t **stream);

// What a batch holds beside its images.
typedef struct {
    int references; // images, at most one for each image of the batch
    int flipped; // references show their source with one attribute flipped; otherwise they are random images
    int all_columns; // labels of every annotated attribute; otherwise of the config's, in their order
} rg_batch_needs_t;

typedef struct {
    const char *name;    // of the stage; it seeds the order of the images
    uint64_t first, end; // iterations; nothing is asked beyond end
    int rank, ranks;
    int images; // of this rank's share, as are needs.references
    rg_batch_needs_t needs;
} rg_batch_stream_spec_t;

// Begins the stream of a stage. RG_ECONFIG if the data set has no column for an attribute of the config.
int rg_batch_stream_start(rg_batch_stream_t *stream, const rg_batch_stream_spec_t *spec);

// The next batch, which lives until the following call. RG_ESTOPPED, or the loader's error, for example about
// too many broken training images.
int rg_batch_stream_next(rg_batch_stream_t *stream, rg_batch_t *batch);

// An image that was left out of batches because it is broken or missing.
typedef struct {
    char *name, *reason;
} rg_batch_broken_t;

// Those that the batches handed out so far would have had, each once, at most RG_BATCH_BROKEN_MAX; they live
// until the next call of rg_batch_stream_next.
enum { RG_BATCH_BROKEN_MAX = 1000 };
const rg_batch_broken_t *rg_batch_stream_broken(const rg_batch_stream_t *stream, size_t *n);

double rg_batch_stream_waited_ms(const rg_batch_stream_t *stream);

#endif
