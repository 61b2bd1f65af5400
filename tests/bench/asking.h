// The retrieval service as the bench asks it: vectors with numbers instead of images.
#ifndef RG_BENCH_ASKING_H
#define RG_BENCH_ASKING_H

#include "common/wire/wire.h"

enum { ASKING_D = 100, ASKING_BATCH = 250 };

// Announces the bench's model.
int asking_model(rg_link_t *link);

// Adds vectors [n,D] as images first..first+n-1; n is at most ASKING_BATCH. Returns when they are durable.
int asking_add(rg_link_t *link, const float *vectors, uint32_t first, uint32_t n);
int asking_remove(rg_link_t *link, uint32_t first, uint32_t n);

// found [n,k]: numbers of the nearest, -1 where there are fewer. exact: whatever the index.
typedef struct {
    uint32_t k, ef_search;
    int exact;
} asking_how_t;
int asking_search(rg_link_t *link, int64_t *found, const float *queries, uint32_t n, asking_how_t how);

// Snapshot, rebuild, ...; waits until it is done.
int asking_index(rg_link_t *link, Rg__V1__IndexAction action);

#endif
