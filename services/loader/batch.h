// Training batches (proto/batch.proto). A batch is a pure function of (data set, config seed, stream, index):
// the loader keeps no cursor, and any loader gives the same bytes for the same request.
//
// Only annotated training images are used; with classifier.images: others the stream `classifier` has the
// other training images, whose annotation no other stream shows. Image i of batch b of N has the place
// p = b*N + i in its stream.
// Each pass over the images (an epoch) is a permutation of its own; a batch may cross the border of two.
// Targets are other permutations of the same images. With `flipped`, references are instead images that show
// what their source shows but for one attribute (data/target.h). Every place has its own random augmentation.
// A part of a batch has the same images as the whole batch has there.
//
// A broken or missing image is left out: the next usable one in the order of the epoch takes its place, so a
// batch still depends only on the files. Up to data.broken_share of the images may be broken.
#ifndef RG_LOADER_BATCH_H
#define RG_LOADER_BATCH_H

#include "common/data/dataset.h"
#include "common/wire/msg.h"

enum {
    RG_BATCH_CACHE_BYTES = 256 << 20, // decoded images that are kept; others are decoded again each time
    RG_BATCH_STREAM_MAX = 31,         // bytes of a stream's name
    RG_BATCH_PARTS_MAX = 1024,        // parts of a batch
};

typedef struct rg_batcher rg_batcher_t;

// Config and set are borrowed.
void rg_batcher_new(rg_batcher_t **batcher, const rg_config_t *config, const rg_dataset_t *set);
void rg_batcher_destroy(rg_batcher_t **batcher);

// The DatasetReply.
rg_msg_t *rg_batcher_describe(const rg_batcher_t *batcher);

// How many images were read with warnings so far: they break the rules of their format, but show the whole
// picture.
uint32_t rg_batcher_with_warnings(const rg_batcher_t *batcher);

// Answers a BatchRequest with a BatchReply. RG_EINVAL (stream, sizes, index), RG_ELIMIT (larger than a
// message may be), RG_ENOENT (no annotated training image), RG_EFORMAT (more broken images than
// data.broken_share allows).
int rg_batcher_answer(rg_batcher_t *batcher, const rg_msg_t *request, rg_msg_t **reply);

// How many images are known to be broken, and the name of the one found last (NULL: none), which lives as
// long as the data set.
uint32_t rg_batcher_broken(const rg_batcher_t *batcher, const char **last);

#endif
