#include "common/client/client_private.h"
#include "common/core/err.h"

static int read_images(rg_msg_t *reply, int thumbnails, rg_client_image_t *images)
{
    const Rg__V1__ListReply *body = rg_msg_body(reply);
    int err = 0;
    for (size_t i = 0; i < body->n_images && !err; i++) {
        const Rg__V1__Listed *listed = body->images[i];
        images[i] = (rg_client_image_t){.annotated = listed->annotated,
                                        .name = listed->name,
                                        .generation = listed->generation,
                                        .added_ms = listed->added_ms};
        err = rg__client_read_image(reply, &listed->id, i, thumbnails, &images[i]);
    }
    return err;
}

static int read_embeddings(rg_msg_t *reply, rg_client_listing_t *listing)
{
    rg_payload_t embeddings;
    int err = rg_msg_payload(reply, "embeddings", RG__V1__DTYPE__F32, 2, (const uint32_t[]){listing->n, 0},
                             &embeddings);
    if (err) return err;
    listing->embeddings = embeddings.data;
    listing->dimension = embeddings.shape[1];
    return 0;
}

// The listing lies in the message it was made from; takes *reply.
static int read_listing(const rg_client_list_t *list, rg_msg_t **reply, rg_client_listing_t **out)
{
    rg_msg_t *msg = *reply;
    const Rg__V1__ListReply *body = rg_msg_body(msg);
    rg_client_listing_t *listing = rg_msg_alloc(msg, sizeof *listing);
    rg_client_image_t *images = rg_msg_alloc(msg, body->n_images * sizeof *images);
    *listing = (rg_client_listing_t){.n = (uint32_t)body->n_images,
                                     .images = images,
                                     .next = body->next,
                                     .missing = body->missing,
                                     .model = body->model,
                                     .reply = msg};
    int err = read_images(msg, list->thumbnails, images);
    if (!err && list->embeddings && listing->n) err = read_embeddings(msg, listing);
    if (err)
        rg_msg_destroy(reply);
    else
        *out = listing;
    return err;
}

int rg_client_list(rg_client_t *client, const rg_client_list_t *list, rg_client_listing_t **listing)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_LIST_REQUEST), *reply = NULL;
    Rg__V1__ListRequest *body = rg_msg_body(request);
    body->from = list->from;
    body->limit = list->limit;
    body->missing = list->missing != 0;
    body->thumbnails = list->thumbnails != 0;
    body->embeddings = list->embeddings != 0;
    int err = rg__client_ask(client, &request, RG__V1__ENVELOPE__BODY_LIST_REPLY, &reply);
    return err ? err : read_listing(list, &reply, listing);
}

void rg_client_listing_destroy(rg_client_listing_t **listing)
{
    rg_msg_t *reply = *listing ? (*listing)->reply : NULL;
    *listing = NULL;
    rg_msg_destroy(&reply);
}
