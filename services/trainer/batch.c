#include "services/trainer/batch.h"

#include <string.h>

size_t rg_batch_row(const rg_batch_t *share, int n, int row)
{
    int first = n - share->references, ranks = share->whole->n / share->n;
    return (size_t)(row < first ? share->rank * first + row
                                : ranks * first + share->rank * share->references + row - first);
}

void rg_batch_take(const rg_batch_t *share, int n, const void *whole, size_t bytes, void *out)
{
    for (int row = 0; row < n; row++)
        memcpy((char *)out + (size_t)row * bytes, (const char *)whole + rg_batch_row(share, n, row) * bytes,
               bytes);
}
