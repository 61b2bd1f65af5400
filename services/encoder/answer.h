// The conversations of the encoder (proto/encode.proto, ingest.proto, search.proto) without their sockets: a
// request goes in, and the reply or the next request comes out. Requests are borrowed, results are the
// caller's. Everything that comes from outside is checked before it is computed on. Networks may be NULL in
// all functions: nothing is trained yet, and RG_ENOENT says so.
#ifndef RG_ENCODER_ANSWER_H
#define RG_ENCODER_ANSWER_H

#include <stdatomic.h>

#include "common/model/inference.h"
#include "common/wire/edits.h"
#include "common/wire/wire.h"

// Images per request, and translations per request.
enum { RG_ANSWER_IMAGES_MAX = 128, RG_ANSWER_OUTPUTS_MAX = 2048 };

// ---- load

// LoadRequest -> *networks and LoadReply. NULL: load the newest at the start of an encoder; if that one is
// damaged, the one before it (logged as checkpoint-damaged). A request gets the checkpoint that it asks for or
// an error. The config is borrowed as long as the networks live. Errors of rg_inference_open.
int rg_answer_load(rg_inference_t **networks, const rg_config_t *config, const rg_msg_t *request,
                   rg_msg_t **reply);

// ServedReply -> *networks: of the checkpoint that is served, or where it names none of the newest. Errors of
// rg_inference_open; RG_EMODEL if that checkpoint does not have the model that is served.
int rg_answer_load_served(rg_inference_t **networks, const rg_config_t *config, const rg_msg_t *served);

// The ModelRequest that makes the networks' model the current or the next one of the retrieval service.
rg_msg_t *rg_answer_announcement(const rg_inference_t *networks);

// ---- add

// StoreRequest -> AddRequest for the retrieval service. The thumbnails are passed on without a copy.
int rg_answer_store(rg_inference_t *networks, const rg_msg_t *request, rg_msg_t **add);

// ListReply of the retrieval service -> AddRequest with its images, embedded anew from their thumbnails.
// Images that cannot be decoded are logged (bad-thumbnail) and left out; *add is NULL if no image is left.
int rg_answer_missing(rg_inference_t *networks, const rg_msg_t *list, rg_msg_t **add);

// ---- find, embed, translate

// FindRequest -> SearchRequest for the retrieval service, which checks what the search asks for.
int rg_answer_find(rg_inference_t *networks, const rg_msg_t *request, rg_msg_t **search);

// EmbedRequest -> EmbedReply.
int rg_answer_embed(rg_inference_t *networks, const rg_msg_t *request, rg_msg_t **reply);

// TranslateRequest -> TranslateReply. A stage 3 model asks the retrieval service over this link, unless the
// request is without guidance, and waits for it. The link may be NULL where nothing is asked. RG_ESTOPPED once
// *stop is nonzero.
int rg_answer_translate(rg_inference_t *networks, rg_link_t *retrieval, const atomic_int *stop,
                        const rg_msg_t *request, rg_msg_t **reply);

// ---- what they share: pixels, and edits of codes (rg-unit section 4)

// A payload u8 [n,S,S,3] with n in 1..RG_ANSWER_IMAGES_MAX. RG_ESHAPE, RG_ELIMIT.
int rg_answer_pixels(const rg_inference_t *networks, const rg_msg_t *request, const char *name,
                     rg_payload_t *pixels);

// Those pixels in -1..1; free() them.
float *rg_answer_floats(const rg_payload_t *pixels);

// The edits of a request. RG_ECONFIG for a name that is not in data.attributes, RG_EINVAL for one given twice.
int rg_answer_edits(rg_edits_t *edits, const rg_config_t *config, Rg__V1__Edit *const *asked, size_t n);

// code [Z] that shows the wanted values: the component means for sample 0, draws around them for the others.
// The draw for an attribute depends on seed and sample, not on which other attributes are wanted.
void rg_answer_draw_code(const rg_edits_t *edits, const rg_config_t *config, uint64_t seed, uint32_t sample,
                         float *code);

// Replaces the dimensions of the wanted attributes in code [Z] with those of from [Z]. The others stay as in
// the source.
void rg_answer_edit_code(const rg_edits_t *edits, const rg_config_t *config, const float *from, float *code);

#endif
