// One decode: content and wanted code to an image. A model with the fusion layers asks for neighbours first
// (rg-unit section 1, stage 3: every decode asks the retrieval server); without them it is G alone.
#ifndef RG_MODEL_TRANSLATE_H
#define RG_MODEL_TRANSLATE_H

#include "common/model/model.h"

// Finds k neighbours of each of n embeddings [n,D] and fills content [n,h,w,k*C]: neighbour j in channels
// j*C..(j+1)*C-1, zeros where the set has fewer. exclude [n,16]: an image each must not find, or NULL.
typedef struct {
    int (*find)(void *self, const float *embeddings, int n, const unsigned char *exclude, float *content);
    void *self;
} rg_retriever_t;

// image [N,4h,4w,3]. source [N,4h,4w,3]: the image that content was encoded from, NULL for a model without
// attention (generator.h). retriever may be NULL for a model without fusion. An error of find is sticky on
// the tape.
rg_tensor_t *rg_translate(rg_tape_t *tape, const rg_model_t *model, rg_tensor_t *content, rg_tensor_t *code,
                          rg_tensor_t *source, const rg_retriever_t *retriever, const unsigned char *exclude);

#endif
