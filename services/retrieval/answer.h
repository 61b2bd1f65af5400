// The conversation of proto/search.proto without its socket: a request comes in, a reply goes out.
//
// Everything that comes from outside is checked here before it reaches the set: presence, type and shape of
// the payloads, sizes of ids, and that neither the request nor the reply is over a limit. Errors name the
// field.
#ifndef RG_RETRIEVAL_ANSWER_H
#define RG_RETRIEVAL_ANSWER_H

#include "common/core/thread_pool.h"
#include "services/retrieval/set.h"

typedef struct {
    rg_set_t *set;          // borrowed
    uint32_t k_max;         // neighbours per query
    uint32_t batch_max;     // queries, images or ids per request
    size_t reply_max;       // bytes
    rg_effort_t effort;     // of searches that name none
    rg_thread_pool_t *threads; // for large searches, or NULL
    atomic_ullong searches; // queries answered so far
    atomic_ullong adds;     // images added so far
} rg_answerer_t;

// Each takes its request (borrowed), and gives the reply to send or destroy. RG_EINVAL, RG_ESHAPE, RG_ELIMIT
// for a bad request, and the errors of set.h.

// These change the set: one at a time.
int rg_answer_model(rg_answerer_t *self, const rg_msg_t *request, rg_msg_t **reply);
int rg_answer_add(rg_answerer_t *self, const rg_msg_t *request, rg_msg_t **reply);
int rg_answer_remove(rg_answerer_t *self, const rg_msg_t *request, rg_msg_t **reply);

// These look at it, from any thread.
int rg_answer_search(rg_answerer_t *self, const rg_msg_t *request, rg_msg_t **reply);
int rg_answer_list(rg_answerer_t *self, const rg_msg_t *request, rg_msg_t **reply);
int rg_answer_verify(rg_answerer_t *self, const atomic_int *stop, rg_msg_t **reply);

// The reply to any other index action, after it is done.
int rg_answer_index(rg_answerer_t *self, rg_msg_t **reply);

// ---- what they share

// RG_ELIMIT unless n (of what) is 1 to batch_max.
int rg__answer_count(const rg_answerer_t *self, const char *what, size_t n);

// RG_EINVAL naming the first of the n ids (of a field of that name) that is not RG_ID_SIZE bytes long.
int rg__answer_ids(const char *what, const ProtobufCBinaryData *ids, size_t n);

// Adds a thumbnail as payload "i" of a reply.
void rg__answer_thumbnail(rg_msg_t *reply, size_t i, rg_span_t jpeg);

// Frees a reply that is not to be sent, or gives it out.
int rg__answer_finish(int err, rg_msg_t **made, rg_msg_t **reply);

#endif
