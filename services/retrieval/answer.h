// The conversation of proto/search.proto without its socket: a request comes in, a reply goes out.
//
// Everything that comes from outside is checked here before it reaches the set: presence, type and shape of
// the payloads, sizes of ids, and that neither the request nor the reply is over a limit. Errors name the
// field.
#ifndef RG_RETRIEVAL_ANSWER_H
#define RG_RETRIEVAL_ANSWER_H

#include "services/retrieval/set.h"

typedef struct {
    rg_set_t *set;      // borrowed
    uint32_t k_max;     // neighbours per query
    uint32_t batch_max; // queries, images or ids per request
    size_t reply_max;   // bytes
    uint64_t searches;  // queries answered so far
    uint64_t adds;      // images added so far
} rg_answerer_t;

// Each takes its request (borrowed), and gives the reply to send or destroy. RG_EINVAL, RG_ESHAPE, RG_ELIMIT
// for a bad request, and the errors of set.h.
int rg_answer_model(rg_answerer_t *self, const rg_msg_t *request, rg_msg_t **reply);
int rg_answer_add(rg_answerer_t *self, const rg_msg_t *request, rg_msg_t **reply);
int rg_answer_search(rg_answerer_t *self, const rg_msg_t *request, rg_msg_t **reply);
int rg_answer_remove(rg_answerer_t *self, const rg_msg_t *request, rg_msg_t **reply);
int rg_answer_stale(rg_answerer_t *self, const rg_msg_t *request, rg_msg_t **reply);

#endif
