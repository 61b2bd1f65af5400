// The image that a request is about: the JPEG of its body, or a stored image that its parameter `image`
// names. It is decoded by a chore.
#ifndef RG_GATEWAY_SUBJECT_H
#define RG_GATEWAY_SUBJECT_H

#include <stdint.h>

#include "services/gateway/gateway.h"

typedef struct {
    rg_gateway_t *gateway;      // borrowed
    rg_http_request_t *request; // borrowed
    // Called once, from the loop, when pixels and id are there, or with err and rg_error().
    void (*fn)(void *self, int err);
    void *self;
    uint8_t *pixels; // [S,S,3], owned
    uint8_t id[16];
    // its own
    uint8_t *jpeg; // owned
    size_t size;
    int stored;
} rg_subject_t;

// The four fields on top are set. Errors that are known at once are returned, and fn is not called then:
// RG_EINVAL, RG_EBUSY, RG_ESTOPPED. Later: RG_ENOENT (no such image), RG_EFORMAT, RG_ELIMIT, or what the
// retrieval service says.
int rg_subject_load(rg_subject_t *subject);
void rg_subject_fini(rg_subject_t *subject);

#endif
