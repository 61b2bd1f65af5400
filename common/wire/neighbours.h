// The retrieval service as seen by who decodes: nearest content maps for a batch of embeddings. Its find
// function has the signature that model/translate.h wants, so neither layer needs to know the other.
#ifndef RG_WIRE_NEIGHBOURS_H
#define RG_WIRE_NEIGHBOURS_H

#include "common/wire/wire.h"

enum { RG_NEIGHBOUR_NAMES_MAX = 4096 };

typedef struct {
    rg_link_t *link;       // to the retrieval service, borrowed
    const char *model;     // embedding model id, borrowed
    int k, side, channels; // neighbours per query; content maps are [side,side,channels]
    int embed_dim;
    int random;    // the paper's control: k random images
    uint64_t seed; // of random, moves on by one per request
    // what the last request found
    uint64_t generation; // index generation it saw
    int names_wanted;    // 1: keep names
    char (*names)[256];  // [n*k], "" where missing; owned; NULL unless names_wanted
    // counts since rg_neighbours_init
    uint64_t since; // generation: later additions count as new
    uint64_t retrieved, retrieved_new, last_new_generation;
} rg_neighbours_t;

void rg_neighbours_init(rg_neighbours_t *self, const rg_config_t *config, rg_link_t *link, const char *model);
void rg_neighbours_fini(rg_neighbours_t *self);

// self is a rg_neighbours_t. Waits for the reply (the service may be restarting). See rg_retriever_t.
// RG_EMODEL: the service serves another model. RG_ESTOPPED.
int rg_neighbours_find(void *self, const float *embeddings, int n, const unsigned char *exclude,
                       float *content);

#endif
