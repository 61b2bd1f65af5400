// Queries for the neighbours that guide the generator: sends embeddings to the retrieval service and gives
// the features of the nearest images. The functions have the signatures of rg_retriever_t (common/model), so
// that neither layer includes the other.
#ifndef RG_WIRE_NEIGHBOURS_H
#define RG_WIRE_NEIGHBOURS_H

#include <sys/queue.h>

#include "common/config/config.h"
#include "common/core/err.h"
#include "common/wire/wire.h"

// The number of a query in the whole batch when several ranks ask for its parts; see neighbours.c.
typedef uint64_t rg_neighbours_number_fn(void *self, int query);

// Called with each reply (borrowed). first: position of its first query among those asked since the last
// wait.
typedef void rg_neighbours_reply_fn(void *self, int first, const rg_msg_t *reply);

typedef struct {
    rg_link_t *link;   // to the retrieval service, borrowed
    const char *model; // id of the embedding model, borrowed
    int k;             // neighbours per query
    int features[3];   // h, w, C of the features of one neighbour
    int embed_dim;
    int pool;                              // above k: k are drawn at random from this many nearest
    int random;                            // 1: k random images, the control of the paper
    uint64_t seed;                         // of the draws; grows by one per request
    int per_request;                       // most queries in one request
    int ranks;                             // processes that ask for equal parts of one batch
    rg_neighbours_number_fn *query_number; // NULL: a query's number is its position
    void *query_number_self;
    int thumbnails;                   // 1: replies have thumbnails
    rg_neighbours_reply_fn *on_reply; // or NULL
    void *on_reply_self;
    // requests without a reply
    LIST_HEAD(, rg__search) pending;
    rg_failure_t failure; // the first since the last wait
    int asked;            // queries since the last wait
    // counts since rg_neighbours_init
    uint64_t generation; // newest generation of the set in a reply
    uint64_t since;      // generation: images added later count as new
    uint64_t retrieved, retrieved_new, last_new_generation;
    uint64_t missing; // neighbours that the set did not have: their features are zeros
} rg_neighbours_t;

// features: h, w, C of the features of one neighbour (model/generator.h).
void rg_neighbours_init(rg_neighbours_t *self, const rg_config_t *config, const int features[3],
                        rg_link_t *link, const char *model);
// Call it after the link is destroyed, or when no request is pending: a later reply would have no
// destination.
void rg_neighbours_fini(rg_neighbours_t *self);

// self is a rg_neighbours_t. ask sends n queries and returns; wait returns when the replies to all queries
// since the last wait are in their features arrays. The service may restart meanwhile.
//   features    [n,h,w,k*C] f32       out, caller's, until wait returns
//   embeddings  [n,embed_dim] f32     in
//   exclude     [n,RG_ID_SIZE] or NULL  in: an id that query i must not find
// RG_EMODEL: the service serves another model. RG_ESTOPPED.
int rg_neighbours_ask(void *self, const float *embeddings, int n, const unsigned char *exclude,
                      float *features);
int rg_neighbours_wait(void *self);

// ask and wait.
int rg_neighbours_find(rg_neighbours_t *self, const float *embeddings, int n, const unsigned char *exclude,
                       float *features);

#endif
