// The benchmark's client of the retrieval service: stores numbered vectors instead of images.
#ifndef RG_BENCH_RETRIEVAL_CLIENT_H
#define RG_BENCH_RETRIEVAL_CLIENT_H

#include "common/wire/wire.h"

enum { CLIENT_D = 100, CLIENT_BATCH = 250 };

// Announces the model of the benchmark; the model that is to follow it. follow: searches are for that one now.
int client_announce(rg_link_t *link);
int client_announce_next(rg_link_t *link);
int client_follow(rg_link_t *link);

// Adds vectors [n,D] as images first..first+n-1, named NUMBER.jpg, or removes these images; n <= CLIENT_BATCH.
// Returns when it is durable. Every tenth image is annotated.
int client_add(rg_link_t *link, const float *vectors, uint32_t first, uint32_t n);
int client_remove(rg_link_t *link, uint32_t first, uint32_t n);
int client_is_annotated(uint32_t number);

// Adds the vectors [n,D] of images [n] for the next model.
int client_embed(rg_link_t *link, const float *vectors, const uint32_t *numbers, uint32_t n);

typedef struct {
    uint32_t k, ef_search;
    int exact; // search exactly, whatever the index
    // Filters; 0: none.
    int annotated;
    const char *name_prefix;
    uint64_t added_from_ms;
    uint32_t excluded; // images 0..excluded-1
} client_search_t;

// Writes the numbers of the nearest vectors to found [n,k]; -1 where there are fewer.
int client_search(rg_link_t *link, int64_t *found, const float *queries, uint32_t n, client_search_t search);

// When an image was added, ms since 1970. RG_ENOENT.
int client_added_ms(rg_link_t *link, uint32_t number, uint64_t *added_ms);

// A page of the list of images.
typedef struct {
    uint32_t limit; // at most CLIENT_BATCH
    int missing;    // only those that the next model has not embedded
    int embeddings, thumbnails;
    uint64_t next; // 0: the first page; after the last page 0 again
    size_t n;
    uint32_t numbers[CLIENT_BATCH];         // [n]
    float vectors[CLIENT_BATCH * CLIENT_D]; // [n,D], if embeddings is set
    uint64_t left;                          // images that the next model has not embedded
} client_page_t;
int client_list(rg_link_t *link, client_page_t *page);

// Runs an index action (snapshot, rebuild, ...) and waits until it is done.
int client_index(rg_link_t *link, Rg__V1__IndexAction action);

#endif
