// The services as the gateway asks them: a link to each, with a bound on the questions that wait for an
// answer and on how long they do. A question that was given up is not sent again.
#ifndef RG_GATEWAY_PEERS_H
#define RG_GATEWAY_PEERS_H

#include "common/config/services.h"
#include "common/wire/wire.h"

enum { RG_PEERS_WAITING = 32 }; // questions of one kind to one service

typedef struct rg_peers rg_peers_t;

typedef struct {
    int service;                       // of the services
    Rg__V1__Envelope__BodyCase answer; // of another kind: an error
    int timeout_ms;
    // Called once, from the loop; reply borrowed for the call, or NULL with err and rg_error().
    void (*fn)(void *self, int err, const rg_msg_t *reply);
    void *self;
} rg_question_t;

// The errors of rg_link_new.
int rg_peers_new(rg_peers_t **peers, const rg_config_t *config);
void rg_peers_add_to(rg_peers_t *peers, rg_service_t *service); // the loop that serves the links
void rg_peers_destroy(rg_peers_t **peers);                      // after rg_peers_stop

// Answers all questions with RG_ESTOPPED, later ones too.
void rg_peers_stop(rg_peers_t *peers);

// Sends *request (takes it). RG_EBUSY if too many wait already, RG_ESTOPPED: fn is not called then. The
// answer may be RG_ETIMEOUT naming the service, or what it says itself.
int rg_peers_ask(rg_peers_t *peers, const rg_question_t *question, rg_msg_t **request);

int rg_peers_connected(const rg_peers_t *peers, int service);

#endif
