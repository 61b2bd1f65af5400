#include "common/client/client_private.h"

int rg_client_remove(rg_client_t *client, const unsigned char *ids, uint32_t n, uint32_t *removed)
{
    int err = rg__client_check_ids(client, "ids", ids, n);
    if (err) return err;
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_REMOVE_REQUEST), *reply = NULL;
    Rg__V1__RemoveRequest *body = rg_msg_body(request);
    body->n_ids = n;
    body->ids = rg__client_ids(request, ids, n);
    err = rg__client_ask(client, &request, RG__V1__ENVELOPE__BODY_REMOVE_REPLY, &reply);
    if (!err && removed) *removed = ((const Rg__V1__RemoveReply *)rg_msg_body(reply))->removed;
    rg_msg_destroy(&reply);
    return err;
}
