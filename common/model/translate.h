// Decoding: content and wanted code to an image. A model with the fusion layers asks for neighbours first
// (rg-unit section 1, stage 3: every decode asks the retrieval server); without them it is G alone. Asking
// and decoding are apart, so that other work can be done while the neighbours are searched for.
#ifndef RG_MODEL_TRANSLATE_H
#define RG_MODEL_TRANSLATE_H

#include "common/model/model.h"

// Finds k neighbours of each of n embeddings [n,D] and fills content [n,h,w,k*C]: neighbour j in channels
// j*C..(j+1)*C-1, zeros where the set has fewer. exclude [n,16]: an image each must not find, or NULL. ask
// may return before content is filled (embeddings and exclude are read by then); wait returns when all is
// there.
typedef struct {
    int (*ask)(void *self, const float *embeddings, int n, const unsigned char *exclude, float *content);
    int (*wait)(void *self);
    void *self;
} rg_retriever_t;

typedef struct {
    rg_tensor_t *content, *code;
    rg_tensor_t *source; // [N,4h,4w,3] what content was encoded from; NULL for a model without attention
    rg_tensor_t *found;  // [N,h,w,k*C], under way; NULL for a model without fusion
    const rg_retriever_t *retriever;
} rg_decode_t;

// Begins a decode: asks for the neighbours. retriever may be NULL for a model without fusion. An error of the
// retriever is sticky on the tape.
rg_decode_t rg_translate_ask(rg_tape_t *tape, const rg_model_t *model, rg_tensor_t *content,
                             rg_tensor_t *code, rg_tensor_t *source, const rg_retriever_t *retriever,
                             const unsigned char *exclude);

// Waits for them and makes the image [N,4h,4w,3].
rg_tensor_t *rg_translate_finish(rg_tape_t *tape, const rg_model_t *model, const rg_decode_t *decode);

// Both at once.
rg_tensor_t *rg_translate(rg_tape_t *tape, const rg_model_t *model, rg_tensor_t *content, rg_tensor_t *code,
                          rg_tensor_t *source, const rg_retriever_t *retriever, const unsigned char *exclude);

#endif
