#include "services/gateway/ask.h"

#include "common/core/err.h"

int rg_ask(rg_gateway_t *gateway, const char *service, rg_msg_t **request, Rg__V1__Envelope__BodyCase answer,
           rg_ask_fn *fn, void *self)
{
    const rg_question_t question = {.service = rg_services_find(service),
                                    .answer = answer,
                                    .timeout_ms = gateway->config.limits.timeout_ms,
                                    .fn = fn,
                                    .self = self};
    return rg_peers_ask(gateway->peers, &question, request);
}

int rg_ask_image(rg_gateway_t *gateway, const uint8_t id[16], rg_ask_fn *fn, void *self)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_LIST_REQUEST);
    Rg__V1__ListRequest *body = rg_msg_body(request);
    body->ids = rg_msg_alloc(request, sizeof *body->ids);
    body->n_ids = 1;
    rg_msg_bytes(request, &body->ids[0], id, RG_ID_SIZE);
    body->limit = 1;
    body->thumbnails = 1;
    return rg_ask(gateway, "retrieval", &request, RG__V1__ENVELOPE__BODY_LIST_REPLY, fn, self);
}

int rg_ask_image_taken(const rg_msg_t *reply, rg_payload_t *jpeg)
{
    const Rg__V1__ListReply *body = rg_msg_body(reply);
    if (body->n_images == 0) return rg_fail(RG_ENOENT, "there is no image of this id");
    int err = rg_msg_payload(reply, "0", RG__V1__DTYPE__U8, 1, NULL, jpeg);
    return err ? rg_fail(RG_EIO, "retrieval: %s", rg_error()) : 0;
}
