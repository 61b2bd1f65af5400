// The inside of a message, shared by msg.c (building, reading) and parse.c (bytes). Nobody else includes
// this.
#ifndef RG_WIRE_MSG_PRIVATE_H
#define RG_WIRE_MSG_PRIVATE_H

#include <stdatomic.h>

#include "common/wire/msg.h"

typedef struct rg__chunk rg__chunk_t;

// The bytes of one payload; its name, dtype and shape are the envelope's payload of the same position.
typedef struct {
    const void *data;
    size_t size;
    rg_free_fn *release; // NULL: borrowed
    void *hint;
} rg__bytes_t;

struct rg_msg {
    atomic_int references; // the io thread drops some
    Rg__V1__Envelope *envelope;
    int unpacked; // the envelope is protobuf-c's; else it lies in the chunks
    int sealed;   // checksums are computed
    rg__bytes_t bytes[RG_MSG_PAYLOADS_MAX];
    rg__chunk_t *chunks; // memory of rg_msg_alloc
    rg_free_fn *release; // of the frames a parsed message borrows
    void *hint;
    rg_free_fn *at_end; // of rg__msg_at_end; a reply that a service passes on has both
    void *at_end_hint;
};

// Calls release(NULL, hint) when the message is destroyed. At most once for each message.
void rg__msg_at_end(rg_msg_t *msg, rg_free_fn *release, void *hint);

rg_msg_t *rg__msg_new(void); // one reference, no envelope

// Bytes of a payload of this dtype and shape; 0 in *size if a dim is 0. RG_ESHAPE, RG_ELIMIT if beyond
// size_t.
int rg__payload_size(Rg__V1__Dtype dtype, int rank, const uint32_t *shape, size_t *size);

#endif
