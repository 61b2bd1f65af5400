#include "services/retrieval/labels.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"

void rg_labels_fini(rg_labels_t *labels)
{
    free(labels->items);
    *labels = (rg_labels_t){0};
}

void rg_labels_append(rg_labels_t *labels, int64_t label)
{
    assert(labels->count == 0 || labels->items[labels->count - 1] < label);
    if (labels->count == labels->room) {
        labels->room = labels->room ? 2 * labels->room : 256;
        labels->items = rg_realloc(labels->items, labels->room * sizeof *labels->items);
    }
    labels->items[labels->count++] = label;
}

ptrdiff_t rg_labels_find(const rg_labels_t *labels, int64_t label)
{
    size_t low = 0, high = labels->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (labels->items[middle] < label)
            low = middle + 1;
        else
            high = middle;
    }
    return low < labels->count && labels->items[low] == label ? (ptrdiff_t)low : -1;
}

int rg_labels_remove(rg_labels_t *labels, int64_t label)
{
    ptrdiff_t at = rg_labels_find(labels, label);
    if (at < 0) return 0;
    labels->count--;
    memmove(labels->items + at, labels->items + at + 1, (labels->count - (size_t)at) * sizeof *labels->items);
    return 1;
}
