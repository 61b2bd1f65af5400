// The conversations of the encoder (proto/encode.proto, ingest.proto, search.proto) without their sockets: a
// request comes in, what follows from it goes out. Requests are borrowed; results are the caller's.
// Everything that comes from outside is checked before it is computed on.
#ifndef RG_ENCODER_ANSWER_H
#define RG_ENCODER_ANSWER_H

#include <stdatomic.h>

#include "common/wire/wire.h"
#include "common/model/inference.h"

// Images per request, translations of them, and images computed at a time.
enum { RG_ANSWER_IMAGES_MAX = 128, RG_ANSWER_OUTPUTS_MAX = 2048, RG_ANSWER_BATCH = 16 };

// Networks may be NULL in all of these: nothing is trained yet, RG_ENOENT says so.

// pixels u8 [n,S,S,3], with n in 1..RG_ANSWER_IMAGES_MAX. RG_ESHAPE, RG_ELIMIT.
int rg_answer_pixels(const rg_inference_t *networks, const rg_msg_t *request, const char *name,
                     rg_payload_t *pixels);

// Those pixels in -1..1; free() them.
float *rg_answer_floats(const rg_payload_t *pixels);

// LoadRequest (NULL: load the newest) -> *networks and LoadReply. Errors of rg_inference_open. The config is
// borrowed as long as the networks live.
int rg_answer_load(rg_inference_t **networks, const rg_config_t *config, const rg_msg_t *request,
                   rg_msg_t **reply);

// ServedReply -> *networks: what is served, or without a checkpoint the newest. Errors of rg_inference_open,
// RG_EMODEL if that is of another model than the one that is served.
int rg_answer_served(rg_inference_t **networks, const rg_config_t *config, const rg_msg_t *served);

// The ModelRequest that makes the networks' model the current or the next one of the retrieval service.
rg_msg_t *rg_answer_announcement(const rg_inference_t *networks);

// StoreRequest -> AddRequest for the retrieval service; the thumbnails are passed on as they are.
int rg_answer_store(rg_inference_t *networks, const rg_msg_t *request, rg_msg_t **add);

// ListReply of the retrieval service -> AddRequest with its images, computed anew from their thumbnails.
// Those that cannot be decoded are logged and left out; *add is NULL if none is left.
int rg_answer_missing(rg_inference_t *networks, const rg_msg_t *list, rg_msg_t **add);

// FindRequest -> SearchRequest for the retrieval service. What the search may ask for is checked there.
int rg_answer_find(rg_inference_t *networks, const rg_msg_t *request, rg_msg_t **search);

// EmbedRequest -> EmbedReply.
int rg_answer_embed(rg_inference_t *networks, const rg_msg_t *request, rg_msg_t **reply);

// TranslateRequest -> TranslateReply. A stage 3 model that shall be guided asks the retrieval service over
// this link (NULL will do for the others) and waits for it; RG_ESTOPPED once *stop is nonzero.
int rg_answer_translate(rg_inference_t *networks, rg_link_t *retrieval, const atomic_int *stop,
                        const rg_msg_t *request, rg_msg_t **reply);

#endif
