// Packed weights: copies in other forms (oneDNN's blocked formats, Winograd's domain, RGB columns) that are
// made again only when the weights change. A copy is found by the address of the weights, its form and its
// size, and is valid for one version of them.
#ifndef RG_NN_CPU_PACKS_H
#define RG_NN_CPU_PACKS_H

#include "common/nn/backend.h"

typedef struct rg__packs rg__packs_t;

rg__packs_t *rg__packs_new(void);
void rg__packs_destroy(rg__packs_t **packs);

// The copy of w in `form`, `bytes` long, 64-byte aligned. `form` is any number that tells the forms of one
// tensor apart. *stale = 1: the caller must fill the copy now.
void *rg__packs_find(rg__packs_t *packs, rg_weights_t w, uint64_t form, size_t bytes, int *stale);

#endif
