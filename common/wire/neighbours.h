// The retrieval service as seen by who decodes: features of the nearest images to a batch of embeddings. Its
// functions have the signatures that model/model.h wants, so neither layer needs to know the other.
#ifndef RG_WIRE_NEIGHBOURS_H
#define RG_WIRE_NEIGHBOURS_H

#include "common/config/config.h"
#include "common/wire/wire.h"

// The number of a query among those that several processes ask together, for the draws.
typedef uint64_t rg_neighbours_number_fn(void *self, int query);

// Told of a reply while it is there: of the queries from number `first` on, of those asked since the last
// wait.
typedef void rg_neighbours_seen_fn(void *self, int first, const rg_msg_t *reply);

typedef struct {
    rg_link_t *link;   // to the retrieval service, borrowed
    const char *model; // embedding model id, borrowed
    int k;             // neighbours per query
    int features[3];   // h, w, C of one
    int embed_dim;
    int pool;        // more than k: the k are drawn from so many of the nearest
    int random;      // the paper's control: k random images
    uint64_t seed;   // of pool and random, moves on by one per request
    int per_request; // queries; more go out as several requests
    int askers;      // that ask as many queries each, together: drawn is what one would draw who asks all
    rg_neighbours_number_fn *number; // NULL: one asks, its queries are numbered as they come
    void *number_self;
    // what is under way
    struct rg__search *pending; // requests without a reply
    int err;                    // of the first that failed, with its sentence
    char sentence[512];
    int asked;                  // queries since the last wait
    uint64_t generation;        // newest index generation seen
    int thumbnails;             // 1: replies bring them
    rg_neighbours_seen_fn *see; // NULL: nobody looks
    void *see_self;
    // counts since rg_neighbours_init
    uint64_t since; // generation: later additions count as new
    uint64_t retrieved, retrieved_new, last_new_generation;
} rg_neighbours_t;

// features: h, w, C of what a neighbour says (model/generator.h).
void rg_neighbours_init(rg_neighbours_t *self, const rg_config_t *config, const int features[3],
                        rg_link_t *link, const char *model);
// After the link is gone, or when nothing is under way: replies would have nowhere to go.
void rg_neighbours_fini(rg_neighbours_t *self);

// self is a rg_neighbours_t. ask sends the queries and returns; wait returns when the replies of all asked so
// far are in their features arrays (the service may be restarting meanwhile). See rg_retriever_t.
// RG_EMODEL: the service serves another model. RG_ESTOPPED.
int rg_neighbours_ask(void *self, const float *embeddings, int n, const unsigned char *exclude,
                      float *features);
int rg_neighbours_wait(void *self);

// Both at once.
int rg_neighbours_find(rg_neighbours_t *self, const float *embeddings, int n, const unsigned char *exclude,
                       float *features);

#endif
