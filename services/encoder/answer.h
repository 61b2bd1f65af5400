// The conversations of the encoder (proto/encode.proto, ingest.proto, search.proto) without their sockets: a
// request comes in, what follows from it goes out. Requests are borrowed; results are the caller's.
// Everything that comes from outside is checked before it is computed on.
#ifndef RG_ENCODER_ANSWER_H
#define RG_ENCODER_ANSWER_H

#include <stdatomic.h>

#include "common/wire/wire.h"
#include "services/encoder/engine.h"

// Images per request, and translations of them.
enum { RG_ANSWER_IMAGES_MAX = 128, RG_ANSWER_OUTPUTS_MAX = 2048 };

// pixels u8 [n,S,S,3], with n in 1..RG_ANSWER_IMAGES_MAX. RG_ESHAPE, RG_ELIMIT.
int rg_answer_pixels(const rg_engine_t *engine, const rg_msg_t *request, const char *name,
                     rg_payload_t *pixels);

// LoadRequest (NULL: load the newest) -> LoadReply. Errors of rg_engine_load.
int rg_answer_load(rg_engine_t *engine, const rg_msg_t *request, rg_msg_t **reply);

// ServedReply: loads what is served, or without a checkpoint the newest. Errors of rg_engine_load, RG_EMODEL
// if that is of another model than the one that is served.
int rg_answer_served(rg_engine_t *engine, const rg_msg_t *served);

// The ModelRequest that makes the engine's model the current or the next one of the retrieval service.
rg_msg_t *rg_answer_announcement(const rg_engine_t *engine);

// StoreRequest -> AddRequest for the retrieval service; the thumbnails are passed on as they are.
int rg_answer_store(rg_engine_t *engine, const rg_msg_t *request, rg_msg_t **add);

// ListReply of the retrieval service -> AddRequest with its images, computed anew from their thumbnails.
// Those that cannot be decoded are logged and left out; *add is NULL if none is left.
int rg_answer_missing(rg_engine_t *engine, const rg_msg_t *list, rg_msg_t **add);

// EmbedRequest -> EmbedReply.
int rg_answer_embed(rg_engine_t *engine, const rg_msg_t *request, rg_msg_t **reply);

// TranslateRequest -> TranslateReply. A stage 3 model that shall be guided asks the retrieval service over
// this link (NULL will do for the others) and waits for it; RG_ESTOPPED once *stop is nonzero.
int rg_answer_translate(rg_engine_t *engine, rg_link_t *retrieval, const atomic_int *stop,
                        const rg_msg_t *request, rg_msg_t **reply);

#endif
