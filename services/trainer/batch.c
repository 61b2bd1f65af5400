#include "services/trainer/batch.h"

#include <string.h>

void rg_batch_take(const rg_batch_t *share, int n, const void *whole, size_t bytes, void *out)
{
    size_t rank = (size_t)share->rank, ranks = (size_t)(share->whole->n / share->n);
    size_t last = (size_t)share->references * bytes, first = (size_t)n * bytes - last;
    const char *rows = whole;
    memcpy(out, rows + rank * first, first);
    memcpy((char *)out + first, rows + ranks * first + rank * last, last);
}
