// The image of a request and the attributes that are wanted of it (parameter `attributes`). The image is the
// file (JPEG, PNG or WebP) in the body, or the stored image that the parameter `image` names. It is decoded
// on the job's thread.
#ifndef RG_GATEWAY_REQUEST_IMAGE_H
#define RG_GATEWAY_REQUEST_IMAGE_H

#include <stdint.h>

#include "common/wire/edits.h"
#include "services/gateway/gateway.h"

typedef struct {
    // set by the caller
    rg_gateway_t *gateway;      // borrowed
    rg_http_request_t *request; // borrowed
    // Called once, on the loop's thread: the result is there, or err and rg_error() say why not.
    void (*fn)(void *self, int err);
    void *self;
    // the result
    uint8_t *pixels; // [S,S,3], owned
    uint8_t id[16];
    rg_edits_t edits;
    // private
    uint8_t *jpeg; // [size], owned
    size_t size;
    int stored;
} rg_request_image_t;

// Begins to load the image. Returns errors of the parameters at once, and does not call fn then: RG_EINVAL,
// RG_EBUSY, RG_ESTOPPED. fn may get RG_ENOENT (no such image), RG_EFORMAT, RG_ELIMIT, or an error of the
// retrieval service.
int rg_request_image_load(rg_request_image_t *image);
void rg_request_image_fini(rg_request_image_t *image);

// Whether the body of a request may be an image: RG_EINVAL if there is none, RG_EFORMAT with the right call
// if it is a form or text, as from curl -F or without the @.
int rg_request_image_check_body(const rg_http_request_t *request);

// Adds the pixels to a message to the encoder and returns the edits for its body, [*n_edits], owned by the
// message.
Rg__V1__Edit **rg_request_image_put(const rg_request_image_t *image, rg_msg_t *msg, size_t *n_edits);

#endif
