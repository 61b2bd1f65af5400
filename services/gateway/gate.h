// Who is let in. On loopback everybody of the machine is who calls it by a name of its own; else a request
// for more than the page's own files shows the token (token.h), as a bearer or by the cookie of a session.
//
// What a browser would do on behalf of another page is refused: requests that name another origin, and on
// loopback, if there is no token to show, all for a host that is not this machine, by a name that somebody
// else makes point to it (DNS rebinding).
#ifndef RG_GATEWAY_GATE_H
#define RG_GATEWAY_GATE_H

#include <stddef.h>

#include "services/gateway/token.h"

typedef struct {
    int loopback;              // where the page listens: nobody beyond the machine gets there
    char token[RG_TOKEN_SIZE]; // "": there is none
} rg_gate_t;

// Of a request; headers NULL where they are missing.
typedef struct {
    const char *method, *path;
    const char *host, *origin, *fetch_site, *authorization, *cookie;
} rg_visit_t;

enum rg_verdict {
    RG_GATE_OPEN,
    RG_GATE_TOKEN,  // none is shown, or a wrong one
    RG_GATE_HOST,   // a name that is not this machine's
    RG_GATE_ORIGIN, // another origin's
};

enum rg_verdict rg_gate_ask(const rg_gate_t *gate, const rg_visit_t *visit);

// Whether the visit shows something that claims to be a token.
int rg_gate_claims(const rg_visit_t *visit);

// Whether these bytes are the token; takes as long whatever they are.
int rg_gate_knows(const rg_gate_t *gate, const char *shown, size_t size);

// 1 for addresses of 127.0.0.0/8 and for ::1.
int rg_gate_is_loopback(const char *address);

#endif
