// Memory that a kernel needs during a call: grows to the largest that was asked for and stays.
#ifndef RG_NN_CPU_SCRATCH_H
#define RG_NN_CPU_SCRATCH_H

#include <stdlib.h>

typedef struct {
    void *data;
    size_t size;
} rg__scratch_t;

static inline void *rg__scratch(rg__scratch_t *scratch, size_t size)
{
    if (scratch->size < size) {
        free(scratch->data);
        scratch->size = (size + 4095) & ~(size_t)4095;
        scratch->data = aligned_alloc(4096, scratch->size);
        if (!scratch->data) abort();
    }
    return scratch->data;
}

static inline void rg__scratch_free(rg__scratch_t *scratch)
{
    free(scratch->data);
    *scratch = (rg__scratch_t){0};
}

#endif
