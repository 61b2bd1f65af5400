// Copies of weights in other forms (oneDNN's blocked formats, Winograd's domain, columns), made again only
// when the weights change. A copy is known by the address of the weights, the form and its size, and is good
// for one version.
#ifndef RG_NN_CPU_PACKS_H
#define RG_NN_CPU_PACKS_H

#include "common/nn/backend.h"

typedef struct rg__packs rg__packs_t;

rg__packs_t *rg__packs_new(void);
void rg__packs_destroy(rg__packs_t **packs);

// The copy of w in `form` (any number that tells forms of one tensor apart), `bytes` long, 64-byte aligned.
// *stale = 1: the caller must fill it now.
void *rg__packs_find(rg__packs_t *packs, rg_weights_t w, uint64_t form, size_t bytes, int *stale);

#endif
