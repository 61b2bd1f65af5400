// rg-ctl's side of a conversation: a link to one service that is known to be alive.
//
// Opening asks for the service's status, so that a service that is not there is reported at once and by name.
// Afterwards the status is asked twice per second beside whatever else is in flight: it feeds the progress
// display, and it tells a service that is busy from one that is gone. A service may be restarted meanwhile
// (the link sends again what was not answered); only silence longer than any restart is given up on.
//
// After an error a caller can only be closed.
#ifndef RG_CTL_CALLER_H
#define RG_CTL_CALLER_H

#include "common/config/config.h"
#include "common/wire/wire.h"

typedef struct rg_caller rg_caller_t;

// Reads a reply of the asked kind (borrowed).
typedef int rg_answer_fn(void *self, const rg_msg_t *reply);

// Told every status that comes (borrowed), and with NULL that none has come for a while (rg_caller_silent_s).
typedef void rg_watch_fn(void *self, const Rg__V1__StatusReply *status);

// service: as in config/services.h. RG_ETIMEOUT naming the service and its endpoint, RG_ESTOPPED.
int rg_caller_open(rg_caller_t **caller, const rg_config_t *config, const char *service);
void rg_caller_close(rg_caller_t **caller);

void rg_caller_watch(rg_caller_t *caller, rg_watch_fn *fn, void *self);

// Sends *request (takes it); fn is called from rg_caller_step. Several may be in flight.
void rg_caller_send(rg_caller_t *caller, rg_msg_t **request, rg_reply_fn *fn, void *self);
int rg_caller_pending(const rg_caller_t *caller); // requests sent and not answered

// Waits a moment for replies. RG_ETIMEOUT after long silence, RG_ESTOPPED after SIGINT or SIGTERM.
int rg_caller_step(rg_caller_t *caller);

// Seconds since the service was last heard of.
double rg_caller_silent_s(const rg_caller_t *caller);

// Sends *request, waits for the reply, which must be of this kind, and gives it to fn. The service's own
// error, RG_EFORMAT for another kind, and the errors of rg_caller_step and fn.
int rg_caller_ask(rg_caller_t *caller, rg_msg_t **request, Rg__V1__Envelope__BodyCase kind, rg_answer_fn *fn,
                  void *self);

// The value of a status field, or "".
const char *rg_status_value(const Rg__V1__StatusReply *status, const char *key);

// Nonzero once SIGINT or SIGTERM came; the first call begins to catch them.
const atomic_int *rg_interrupted(void);

#endif
