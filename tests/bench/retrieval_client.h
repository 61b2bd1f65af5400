// The benchmark's client of the retrieval service: stores numbered vectors instead of images.
#ifndef RG_BENCH_RETRIEVAL_CLIENT_H
#define RG_BENCH_RETRIEVAL_CLIENT_H

#include "common/wire/wire.h"

enum { CLIENT_D = 100, CLIENT_BATCH = 250 };

// Announces the model of the benchmark.
int client_announce(rg_link_t *link);

// Adds vectors [n,D] as images first..first+n-1, or removes these images; n <= CLIENT_BATCH. Returns when it
// is durable.
int client_add(rg_link_t *link, const float *vectors, uint32_t first, uint32_t n);
int client_remove(rg_link_t *link, uint32_t first, uint32_t n);

typedef struct {
    uint32_t k, ef_search;
    int exact; // search exactly, whatever the index
} client_effort_t;

// Writes the numbers of the nearest vectors to found [n,k]; -1 where there are fewer.
int client_search(rg_link_t *link, int64_t *found, const float *queries, uint32_t n, client_effort_t effort);

// Runs an index action (snapshot, rebuild, ...) and waits until it is done.
int client_index(rg_link_t *link, Rg__V1__IndexAction action);

#endif
