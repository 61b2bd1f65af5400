// The stream of training batches: keeps `limits.credit` requests in flight at the loader, so that decoding
// runs while the trainer computes, and hands the replies out in order. After a restart of the loader the link
// asks again and gets the same batches; after a restart of the trainer the feed begins at the iteration the
// checkpoint names.
#ifndef RG_TRAINER_FEED_H
#define RG_TRAINER_FEED_H

#include "common/config/config.h"
#include "common/wire/wire.h"
#include "services/trainer/batch.h"

typedef struct rg_feed rg_feed_t;

// What the loader serves.
typedef struct {
    rg_names_t attributes; // columns of the labels
    uint32_t annotated;    // training images with labels
    uint64_t fingerprint;
} rg_feed_info_t;

// Connects and asks for the data set; waits for the loader. RG_ESTOPPED, or the loader's error.
int rg_feed_open(rg_feed_t **feed, const rg_config_t *config, const atomic_int *stop, rg_feed_info_t *info);
void rg_feed_close(rg_feed_t **feed);

// Begins the stream of a stage at an iteration. all_columns: labels of every annotated attribute (the
// classifier's), otherwise the config's attributes in their order (RG_ECONFIG if the data set has no such
// column). flipped: references show their source with one attribute flipped.
// Of several ranks' batches, which are one, images and references are this rank's share.
typedef struct {
    const char *stream;
    uint64_t first, end; // iterations; nothing is asked beyond end
    int rank, ranks;
    int images, references;
    int all_columns;
    int flipped;
} rg_feed_spec_t;
int rg_feed_start(rg_feed_t *feed, const rg_feed_spec_t *spec);

// The next batch; lives until the following call. RG_ESTOPPED, or the loader's error (a broken training
// image).
int rg_feed_next(rg_feed_t *feed, rg_batch_t *batch);

double rg_feed_waited_ms(const rg_feed_t *feed);

#endif
