// The answers of the retrieval service: one function per request of proto/search.proto, without a socket.
//
// Everything that comes from outside is checked here before it reaches the set: whether payloads are present,
// their types and shapes, the lengths of ids, and the limits of request and reply. Error sentences name the
// field.
#ifndef RG_RETRIEVAL_ANSWERS_H
#define RG_RETRIEVAL_ANSWERS_H

#include "common/config/config.h"
#include "common/core/thread.h"
#include "services/retrieval/set.h"

// ---- announcements: which checkpoint the current model was announced with (ServedReply)

// Encoders ask for it to follow the encoder that announced a model. It is kept in memory only: after a
// restart nothing is known until the next announcement, and encoders keep their checkpoint until then.
typedef struct {
    char model[RG_TEXT_MAX + 1], checkpoint[RG_PATH_SIZE];
    uint64_t serial; // grows with every announcement; at least ms since 1970, so it also grows over restarts
} rg_announcement_t;

// Begins zeroed.
typedef struct {
    rg_announcement_t current, next; // the last announcement of the current model, and of any other model
    uint64_t last_serial;
} rg_announcements_t;

// Records an announcement that the set has accepted and returns its serial.
uint64_t rg_announcements_add(rg_announcements_t *announcements, const Rg__V1__ModelRequest *request);

// Makes the ServedReply for the model that is current now.
rg_msg_t *rg_announcements_reply(rg_announcements_t *announcements, const char *current);

// ---- answers

// What the answers need, and what they count.
typedef struct {
    rg_set_t *set;                    // borrowed
    uint32_t k_max;                   // retrieval.k_max: neighbours per query
    uint32_t batch_max;               // retrieval.batch_max: queries, images or ids per request
    size_t reply_max;                 // limits.message_max_mib, in bytes
    rg_index_effort_t effort;         // of searches that do not set it
    rg_thread_pool_t *threads;        // for large searches, or NULL
    rg_announcements_t announcements; // only the loop's thread uses them
    atomic_ullong searches;           // queries answered so far
    atomic_ullong adds;               // images added so far
} rg_answers_t;

// Each function borrows its request and makes the reply, which the caller sends or destroys. RG_EINVAL,
// RG_ESHAPE, RG_ELIMIT, RG_ENUMERIC for a bad request, and the errors of set.h.

// These change the set: call one at a time.
int rg_answer_model(rg_answers_t *self, const rg_msg_t *request, rg_msg_t **reply);
int rg_answer_add(rg_answers_t *self, const rg_msg_t *request, rg_msg_t **reply);
int rg_answer_remove(rg_answers_t *self, const rg_msg_t *request, rg_msg_t **reply);

// These read the set, at any time. A thread pool serves one search at a time.
int rg_answer_search(rg_answers_t *self, const rg_msg_t *request, rg_msg_t **reply);
int rg_answer_list(rg_answers_t *self, const rg_msg_t *request, rg_msg_t **reply);
int rg_answer_served(rg_answers_t *self, const rg_msg_t *request, rg_msg_t **reply); // on the loop's thread
int rg_answer_verify(rg_answers_t *self, rg_work_t *work, rg_msg_t **reply);         // RG_ESTOPPED

// Reports the set after any other index action.
int rg_answer_index(rg_answers_t *self, rg_msg_t **reply);

// ---- shared by answers.c and answers_search.c

// RG_ELIMIT unless n is 1 to batch_max. what: the plural of what is counted.
int rg__answer_check_count(const rg_answers_t *self, const char *what, size_t n);

// RG_EINVAL naming the first of the n ids of this field that is not RG_ID_SIZE bytes long.
int rg__answer_check_ids(const char *field, const ProtobufCBinaryData *ids, size_t n);

// The name of an image for a reply, as rg_text_name makes it: older stores hold names of any bytes.
char *rg__answer_name(rg_msg_t *reply, const char *name);

// Adds a thumbnail to a reply, as the payload named "i".
void rg__answer_thumbnail(rg_msg_t *reply, size_t i, rg_store_value_t jpeg);

// Moves *made to *reply, or destroys it if err is not 0. Returns err.
int rg__answer_finish(int err, rg_msg_t **made, rg_msg_t **reply);

#endif
