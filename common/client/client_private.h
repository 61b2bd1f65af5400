// The inside of a client, for the files of this folder only.
#ifndef RG_CLIENT_PRIVATE_H
#define RG_CLIENT_PRIVATE_H

#include <sys/queue.h>

#include "common/client/rg_client.h"
#include "common/wire/wire.h"

typedef struct rg__sent rg__sent_t; // a search that was sent and whose result was not taken yet

struct rg_client {
    rg_link_t *link;
    char *endpoint;
    int timeout_ms;
    size_t array_max;             // bytes
    STAILQ_HEAD(, rg__sent) sent; // in the order of sending
};

enum { RG__CLIENT_INDEX_TEXT = 12 }; // "0", "1", ...: payload names

// Sends *request (takes it) and waits for the reply, which must be of this kind. Destroy *reply.
int rg__client_ask(rg_client_t *client, rg_msg_t **request, Rg__V1__Envelope__BodyCase kind,
                   rg_msg_t **reply);
int rg__client_check_kind(const rg_msg_t *reply, Rg__V1__Envelope__BodyCase kind);

// RG_EINVAL if an argument of this name is NULL.
int rg__client_need(const char *name, const void *argument);

// Adds a payload to a request: zeroed memory to fill (reserve), or a copy of data (put). RG_EINVAL if data is
// NULL or a dimension is 0, RG_ELIMIT if it is larger than message_max_mib.
int rg__client_reserve(const rg_client_t *client, rg_msg_t *request, const char *name, Rg__V1__Dtype dtype,
                       int rank, const uint32_t *shape, void **memory);
int rg__client_put(const rg_client_t *client, rg_msg_t *request, const char *name, Rg__V1__Dtype dtype,
                   int rank, const uint32_t *shape, const void *data);

// check_ids: RG_EINVAL, RG_ELIMIT as above. ids: ids [n,16] as a `repeated bytes` field in the memory of the
// request.
int rg__client_check_ids(const rg_client_t *client, const char *name, const unsigned char *ids, uint32_t n);
ProtobufCBinaryData *rg__client_ids(rg_msg_t *request, const unsigned char *ids, uint32_t n);

// Drops the searches that were sent.
void rg__client_forget(rg_client_t *client);

// Reads the id and, if wanted, the thumbnail of image i of a reply.
int rg__client_read_image(const rg_msg_t *reply, const ProtobufCBinaryData *id, size_t i, int thumbnails,
                          rg_client_image_t *image);

#endif
