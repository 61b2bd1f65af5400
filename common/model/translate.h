// Decoding: content and wanted code to an image. A model with the fusion layers asks for neighbours first
// (rg-unit section 1, stage 3: every decode asks the retrieval server); without them it is G alone. Asking
// and decoding are apart, so that other work can be done while the neighbours are searched for.
#ifndef RG_MODEL_TRANSLATE_H
#define RG_MODEL_TRANSLATE_H

#include "common/model/model.h"

// Finds k neighbours of each of n embeddings [n,D] and fills features [n,h,w,k*C] (rg_fusion_features):
// neighbour j in channels j*C..(j+1)*C-1, zeros where the set has fewer. exclude [n,16]: an image each must
// not find, or NULL. ask may return before features is filled (embeddings and exclude are read by then); wait
// returns when all is there. ask NULL: there is nobody to ask, it is decoded as if the set had no images.
typedef struct {
    int (*ask)(void *self, const float *embeddings, int n, const unsigned char *exclude, float *features);
    int (*wait)(void *self);
    void *self;
} rg_retriever_t;

// What shall be decoded. Where code and own are the same, nothing is to change.
typedef struct {
    rg_tensor_t *content; // [N,h,w,C] of the sources
    rg_tensor_t *code;    // [N,1,1,A*Z] wanted; a reconstruction's is own
    rg_tensor_t *own;     // [N,1,1,A*Z] of the sources
    rg_tensor_t *image;   // [N,4h,4w,3] the sources; read with attention only
} rg_source_t;

typedef struct {
    rg_source_t source;
    rg_tensor_t *found; // [rows,h,w,k*C] for the first images, under way; NULL: no neighbours are needed
    rg_tensor_t *code;  // [N,1,1,A*Z] that G is given; set when the decode is finished
    const rg_retriever_t *retriever; // to wait for, or NULL
} rg_decode_t;

// Begins a decode: asks for the neighbours. retriever may be NULL for a model without fusion. An error of the
// retriever is sticky on the tape.
rg_decode_t rg_translate_ask(rg_tape_t *tape, const rg_model_t *model, rg_source_t source,
                             const rg_retriever_t *retriever, const unsigned char *exclude);

// Waits for them and makes the image [N,4h,4w,3].
rg_tensor_t *rg_translate_finish(rg_tape_t *tape, const rg_model_t *model, rg_decode_t *decode);

// Both at once.
rg_tensor_t *rg_translate(rg_tape_t *tape, const rg_model_t *model, rg_source_t source,
                          const rg_retriever_t *retriever, const unsigned char *exclude);

#endif
