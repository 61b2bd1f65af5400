// The image of a request: the JPEG in its body, or the stored image that its parameter `image` names. It is
// decoded on the job's thread.
#ifndef RG_GATEWAY_REQUEST_IMAGE_H
#define RG_GATEWAY_REQUEST_IMAGE_H

#include <stdint.h>

#include "services/gateway/gateway.h"

typedef struct {
    // set by the caller
    rg_gateway_t *gateway;      // borrowed
    rg_http_request_t *request; // borrowed
    // Called once, on the loop's thread: pixels and id are set, or err and rg_error() say why not.
    void (*fn)(void *self, int err);
    void *self;
    // the result
    uint8_t *pixels; // [S,S,3], owned
    uint8_t id[16];
    // private
    uint8_t *jpeg; // [size], owned
    size_t size;
    int stored;
} rg_request_image_t;

// Begins to load the image. Returns errors that are known at once, and does not call fn then: RG_EINVAL,
// RG_EBUSY, RG_ESTOPPED. fn may get RG_ENOENT (no such image), RG_EFORMAT, RG_ELIMIT, or an error of the
// retrieval service.
int rg_request_image_load(rg_request_image_t *image);
void rg_request_image_fini(rg_request_image_t *image);

#endif
