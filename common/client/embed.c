#include "common/client/client_private.h"
#include "common/core/err.h"

static int make_edits(const rg_client_embed_t *embed, rg_msg_t *request)
{
    Rg__V1__EmbedRequest *body = rg_msg_body(request);
    int err = embed->n_edits ? rg__client_need("edits", embed->edits) : 0;
    if (err) return err;
    body->n_edits = embed->n_edits;
    body->edits = (Rg__V1__Edit **)rg_msg_array(request, &rg__v1__edit__descriptor, embed->n_edits);
    for (uint32_t i = 0; i < embed->n_edits && !err; i++) {
        err = rg__client_need("attribute", embed->edits[i].attribute);
        if (!err) body->edits[i]->attribute = rg_msg_text(request, "%s", embed->edits[i].attribute);
        body->edits[i]->value = embed->edits[i].value != 0;
    }
    return err;
}

// The embeddings lie in the message they came in; takes *reply.
static int read_embeddings(uint32_t n, rg_msg_t **reply, rg_client_embeddings_t **out)
{
    rg_payload_t values;
    int err = rg_msg_payload(*reply, "embeddings", RG__V1__DTYPE__F32, 2, (const uint32_t[]){n, 0}, &values);
    if (err) {
        rg_msg_destroy(reply);
        return err;
    }
    rg_client_embeddings_t *embeddings = rg_msg_alloc(*reply, sizeof *embeddings);
    *embeddings = (rg_client_embeddings_t){.model = ((Rg__V1__EmbedReply *)rg_msg_body(*reply))->model,
                                           .n = n,
                                           .dimension = values.shape[1],
                                           .values = values.data,
                                           .reply = *reply};
    *out = embeddings;
    return 0;
}

int rg_client_embed(rg_client_t *encoder, const rg_client_embed_t *embed, rg_client_embeddings_t **embeddings)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_EMBED_REQUEST), *reply = NULL;
    const uint32_t shape[] = {embed->n, embed->size, embed->size, 3};
    int err = make_edits(embed, request);
    if (!err) err = rg__client_put(encoder, request, "pixels", RG__V1__DTYPE__U8, 4, shape, embed->pixels);
    if (!err) err = rg__client_ask(encoder, &request, RG__V1__ENVELOPE__BODY_EMBED_REPLY, &reply);
    rg_msg_destroy(&request);
    return err ? err : read_embeddings(embed->n, &reply, embeddings);
}

void rg_client_embeddings_destroy(rg_client_embeddings_t **embeddings)
{
    rg_msg_t *reply = *embeddings ? (*embeddings)->reply : NULL;
    *embeddings = NULL;
    rg_msg_destroy(&reply);
}
