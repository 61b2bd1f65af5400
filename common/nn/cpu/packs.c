#include "common/nn/cpu/packs.h"

#include <stdlib.h>

#include "common/core/alloc.h"

enum { BUCKETS = 512 };

typedef struct pack {
    const float *source;
    uint64_t form, version;
    size_t bytes;
    void *data;
    struct pack *next;
} pack_t;

struct rg__packs {
    pack_t *bucket[BUCKETS];
};

rg__packs_t *rg__packs_new(void)
{
    return rg_alloc(sizeof(rg__packs_t));
}

void rg__packs_destroy(rg__packs_t **out)
{
    rg__packs_t *packs = *out;
    if (!packs) return;
    for (int i = 0; i < BUCKETS; i++)
        for (pack_t *pack = packs->bucket[i], *next; pack; pack = next) {
            next = pack->next;
            free(pack->data);
            free(pack);
        }
    free(packs);
    *out = NULL;
}

void *rg__packs_find(rg__packs_t *packs, rg_weights_t w, uint64_t form, size_t bytes, int *stale)
{
    pack_t **bucket = &packs->bucket[((uintptr_t)w.value >> 6) % BUCKETS], *pack = *bucket;
    while (pack && !(pack->source == w.value && pack->form == form && pack->bytes == bytes))
        pack = pack->next;
    *stale = !pack || pack->version != w.version;
    if (!pack) {
        pack = rg_alloc(sizeof *pack);
        *pack = (pack_t){.source = w.value, .form = form, .bytes = bytes, .next = *bucket};
        pack->data = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
        if (!pack->data) abort();
        *bucket = pack;
    }
    pack->version = w.version;
    return pack->data;
}
