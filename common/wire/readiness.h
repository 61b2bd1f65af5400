// Whether a service can do its work. Only service.c includes this.
//
//   LOADING ──load returns 0──► READY
//      │                          ▲
//      └──error──► FAILED ──load again, after a pause, returns 0
//
// The load runs on a thread of its own, so the loop answers status requests meanwhile. A failed load is tried
// again, because its reason may disappear: a data set is copied to its place, another process gives up its
// lock. The pause grows from 2 s to 60 s.
//
// Every change is told to the process that started the service (notify.h).
#ifndef RG_WIRE_READINESS_H
#define RG_WIRE_READINESS_H

#include "common/core/err.h"
#include "common/core/thread.h"
#include "common/wire/wire.h"

enum { RG__READINESS_TEXT = RG_SENTENCE_SIZE + 32 };

typedef struct {
    enum rg_service_state state;
    const char *stopping;          // what is still to be done; NULL: nothing was said
    rg_failure_t failure;          // why the state is FAILED
    atomic_ullong done, total;     // how far the load is; total 0: not known
    const rg_service_spec_t *spec; // borrowed: load, loaded, self
    rg_worker_t *worker;           // runs the load; NULL: there is nothing to load
    double again_at_ms, pause_ms;  // after a failed load: when the next one begins; 0: none is planned
    char told[RG__READINESS_TEXT]; // what was told last
} rg__readiness_t;

// RG_ELIMIT.
int rg__readiness_init(rg__readiness_t *readiness, const rg_service_spec_t *spec);
void rg__readiness_fini(rg__readiness_t *readiness); // stops a load that runs

// Begins the load, if there is one.
int rg__readiness_start(rg__readiness_t *readiness);

// Readable when a load has returned; call finish (a readiness as self) then.
int rg__readiness_fd(const rg__readiness_t *readiness);
void rg__readiness_finish(void *readiness);

// For each round of the loop: tells what has changed, and begins a load that is due. wait_ms says after how
// many milliseconds there has to be another round; -1: no matter when.
void rg__readiness_step(rg__readiness_t *readiness);
long rg__readiness_wait_ms(const rg__readiness_t *readiness);

// For FAILED, rg_error() becomes the reason.
void rg__readiness_set(rg__readiness_t *readiness, enum rg_service_state state, int err);

// Says what the service does before it ends; text is static.
void rg__readiness_stopping(rg__readiness_t *readiness, const char *text);

// "loading", "ready", "failed", "stopping"; and what there is to add: "34 %", the sentence of a failure, "".
const char *rg__readiness_name(const rg__readiness_t *readiness);
void rg__readiness_detail(const rg__readiness_t *readiness, char out[RG_SENTENCE_SIZE]);

// Both together: "loading, 34 %", "failed: SENTENCE".
void rg__readiness_text(const rg__readiness_t *readiness, char out[RG__READINESS_TEXT]);

// 0 if the service takes requests; otherwise why not: RG_EBUSY "loading, 34 %", or the failure of the load.
int rg__readiness_check(const rg__readiness_t *readiness);

#endif
