// A caller: rg-ctl's link to one service, which shows what the service does while rg-ctl waits for it.
//
// Opening a caller asks the service for its status, so a service that is not running is reported at once and
// by name. Afterwards the caller asks for the status twice per second, beside all other requests. The status
// feeds the progress display, and it tells a busy service from a dead one. A service may be restarted
// meanwhile: the link sends unanswered requests again. The caller gives up only after a silence that is
// longer than any restart.
//
// After an error a caller can only be closed.
#ifndef RG_CTL_CALLER_H
#define RG_CTL_CALLER_H

#include "common/config/config.h"
#include "common/wire/wire.h"
#include "services/ctl/output.h"

typedef struct rg_caller rg_caller_t;

// Connects to a service (a name of config/services.h). RG_ETIMEOUT naming the service and its endpoint,
// RG_ESTOPPED; RG_ECONFIG if a key that the user gave would have no effect on it (wire/settings.h).
int rg_caller_open(rg_caller_t **caller, const rg_config_t *config, const char *service);
void rg_caller_close(rg_caller_t **caller);

// ---- progress

// Called with each status (borrowed); shows on the progress display what the status says.
typedef void rg_caller_status_fn(void *self, rg_progress_bar_t *progress, const Rg__V1__StatusReply *status);

// Shows progress until the caller is closed: a status is given to fn (NULL: ignored); a service that is
// silent for some seconds is shown as "waiting for the loader (5 s)". hidden: nothing is shown. Returns the
// display, which the caller owns.
rg_progress_bar_t *rg_caller_show(rg_caller_t *caller, const char *label, const char *unit, int hidden,
                                  rg_caller_status_fn *fn, void *self);

// ---- requests

// Reads a reply of the expected kind (borrowed).
typedef int rg_answer_fn(void *self, const rg_msg_t *reply);

// Sends *request (takes it), waits for the reply and gives it to fn. Returns the service's own error,
// RG_EFORMAT for a reply of another kind, and the errors of rg_caller_step and fn.
int rg_caller_ask(rg_caller_t *caller, rg_msg_t **request, Rg__V1__Envelope__BodyCase kind, rg_answer_fn *fn,
                  void *self);

// Sends *request (takes it); rg_caller_step calls fn with the reply. Several may be in flight.
void rg_caller_send(rg_caller_t *caller, rg_msg_t **request, rg_reply_fn *fn, void *self);
int rg_caller_pending(const rg_caller_t *caller); // requests without a reply

// Waits a moment for replies. RG_ETIMEOUT after a long silence, RG_ESTOPPED after SIGINT or SIGTERM.
int rg_caller_step(rg_caller_t *caller);

// Does that for so many seconds.
int rg_caller_pause(rg_caller_t *caller, double seconds);

// Nonzero once SIGINT or SIGTERM came; the first call begins to catch them.
const atomic_int *rg_interrupted(void);
atomic_int *rg_interrupted_flag(void); // the same, to be cleared by who has followed it

#endif
