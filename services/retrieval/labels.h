// An ascending list of labels.
#ifndef RG_RETRIEVAL_LABELS_H
#define RG_RETRIEVAL_LABELS_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    int64_t *items; // owned, ascending
    size_t count, room;
} rg_labels_t;

void rg_labels_fini(rg_labels_t *labels);

// Adds a label larger than all that are there.
void rg_labels_append(rg_labels_t *labels, int64_t label);

// Position of a label, or -1.
ptrdiff_t rg_labels_find(const rg_labels_t *labels, int64_t label);

// 1 if it was there.
int rg_labels_remove(rg_labels_t *labels, int64_t label);

#endif
