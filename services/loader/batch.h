// Training batches (proto/batch.proto): a pure function of (data set, config seed, stream, index), so that no
// cursor is kept and any loader gives the same bytes for the same request.
//
// Only annotated training images are used. Image i of batch b of N is number p = b*N + i of its stream: each
// pass over the images (an epoch) is a permutation of its own, and batches run over the border of two.
// Targets are other permutations of the same images; references are, where `flipped` is asked, images that
// show what their source shows but for one attribute (data/target.h). Every image of every batch has its own
// draw of the augmentation. A part of a batch has the same images as the whole has there.
#ifndef RG_LOADER_BATCH_H
#define RG_LOADER_BATCH_H

#include "common/data/dataset.h"
#include "common/wire/msg.h"

// Decoded images are kept, up to this much; what is beyond is decoded again each time.
enum { RG_BATCH_CACHE_BYTES = 256 << 20 };

enum { RG_BATCH_STREAM_MAX = 31, RG_BATCH_PARTS_MAX = 1024 }; // bytes of a stream's name; shares of a batch

typedef struct rg_batcher rg_batcher_t;

// Config and set are borrowed.
void rg_batcher_new(rg_batcher_t **batcher, const rg_config_t *config, const rg_dataset_t *set);
void rg_batcher_destroy(rg_batcher_t **batcher);

// The DatasetReply.
rg_msg_t *rg_batcher_describe(const rg_batcher_t *batcher);

// Answers a BatchRequest with a BatchReply. RG_EINVAL (stream, sizes, index), RG_ELIMIT (larger than a
// message may be), RG_ENOENT (no annotated training image; a file that is gone), RG_EFORMAT and the other
// errors of rg_image_load naming the file: a batch with an image missing is no batch.
int rg_batcher_answer(rg_batcher_t *batcher, const rg_msg_t *request, rg_msg_t **reply);

#endif
