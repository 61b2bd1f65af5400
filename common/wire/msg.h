// A message: one protobuf Envelope (proto/envelope.proto) and its raw payload frames.
//
// Only common/wire calls protobuf-c and CZMQ. Services read and fill the generated structs (Rg__V1__...) as
// plain C structs, so the .proto files are the only definition of a message.
//
// A message is built once and then sent. It is reference counted: ZeroMQ gets payloads without a copy, so the
// message must live until its last frame has left the process.
#ifndef RG_WIRE_MSG_H
#define RG_WIRE_MSG_H

#include <stddef.h>
#include <stdint.h>

#include "envelope.pb-c.h"

enum { RG_MSG_VERSION = 1, RG_MSG_PAYLOADS_MAX = 256, RG_MSG_RANK_MAX = 4, RG_ID_SIZE = 16 };
enum { RG_MSG_NAME_MAX = 63, RG_MSG_ENVELOPE_MAX = 4 << 20 };

typedef struct rg_msg rg_msg_t;

typedef struct {
    const void *data; // aligned to 8 bytes, lives as long as the message
    size_t size;      // bytes
    uint32_t shape[RG_MSG_RANK_MAX];
    int rank;
} rg_payload_t;

typedef void rg_free_fn(void *data, void *hint);

// ---- building

// A new message with an initialised body of the given kind (RG__V1__ENVELOPE__BODY_...). Never fails.
rg_msg_t *rg_msg_new(Rg__V1__Envelope__BodyCase kind);
void rg_msg_destroy(rg_msg_t **msg);          // drops one reference
rg_msg_t *rg_msg_retain(const rg_msg_t *msg); // adds a reference, to keep a borrowed message

// The body, to fill before sending or to read after receiving. Its type follows from the kind.
void *rg_msg_body(const rg_msg_t *msg);
Rg__V1__Envelope__BodyCase rg_msg_kind(const rg_msg_t *msg);

// Zeroed memory, text and initialised sub-messages that live as long as the message, for pointer fields. Text
// gets %XX for bytes that are not UTF-8.
void *rg_msg_alloc(rg_msg_t *msg, size_t size);
char *rg_msg_text(rg_msg_t *msg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// Fills *field with a copy of size bytes.
void rg_msg_bytes(rg_msg_t *msg, ProtobufCBinaryData *field, const void *data, size_t size);

// An array of count initialised sub-messages of the given type, for `repeated` message fields.
void **rg_msg_array(rg_msg_t *msg, const ProtobufCMessageDescriptor *type, size_t count);

// Adds a payload. Names are unique within the message and at most RG_MSG_NAME_MAX bytes. shape has 1 to
// RG_MSG_RANK_MAX entries; the number of bytes follows from shape and dtype.
//   attach   takes data and calls release(data, hint) when the last frame has left, on any thread
//            (release NULL: data is static or outlives the message)
//   copy     copies data
//   reserve  gives zeroed memory, aligned to 64 bytes, to fill before sending
void rg_msg_attach(rg_msg_t *msg, const char *name, Rg__V1__Dtype dtype, int rank, const uint32_t *shape,
                   void *data, rg_free_fn *release, void *hint);
void rg_msg_copy(rg_msg_t *msg, const char *name, Rg__V1__Dtype dtype, int rank, const uint32_t *shape,
                 const void *data);
void *rg_msg_reserve(rg_msg_t *msg, const char *name, Rg__V1__Dtype dtype, int rank, const uint32_t *shape);

// ---- reading

// The payload of that name. RG_ESHAPE unless it has this dtype and rank, and its shape equals the nonzero
// entries of want (NULL: any shape).
int rg_msg_payload(const rg_msg_t *msg, const char *name, Rg__V1__Dtype dtype, int rank, const uint32_t *want,
                   rg_payload_t *out);

// 1 if the message has a payload of that name.
int rg_msg_has(const rg_msg_t *msg, const char *name);

// ---- bytes (used by the sockets, the fuzz target and the tests)

// Parses and checks untrusted frames: the limits of every field (bounds.c), version, known body, number of
// payloads, and of each payload name, rank, dtype, length against shape, and checksum. frames[0] is the
// envelope. The message borrows the frames and calls release(NULL, hint) when it is destroyed. Frames that
// are not aligned to 8 bytes are copied; ZeroMQ aligns large ones. RG_EFORMAT, RG_EVERSION, RG_ESHAPE, RG_ELIMIT:
// the frames stay the caller's.
typedef struct {
    const void *data;
    size_t size;
} rg_frame_t;
int rg_msg_parse(rg_msg_t **out, const rg_frame_t *frames, size_t count, rg_free_fn *release, void *hint);

// The request id of an envelope that rg_msg_parse refuses, to answer it. 0 if even the id cannot be read.
int rg_msg_peek_id(const rg_frame_t *envelope, uint64_t *id);

// The envelope frame of a message, with its id and the payloads' checksums; free() *data. RG_ELIMIT.
int rg_msg_pack(rg_msg_t *msg, uint64_t id, unsigned char **data, size_t *size);

// The request id of a received message.
uint64_t rg_msg_id(const rg_msg_t *msg);

// Payload i as a frame, in sending order. 0: there is no payload i.
int rg_msg_frame(const rg_msg_t *msg, size_t i, rg_frame_t *frame);

// Bytes of all frames, as last packed or received.
size_t rg_msg_size(const rg_msg_t *msg);

// A message that carries an error code and sentence.
rg_msg_t *rg_msg_error(int err, const char *sentence);
// 0 if the message is not an error; else its code, with rg_error() "PEER: SENTENCE". A code that this program
// does not know becomes RG_EREMOTE.
int rg_msg_failed(const rg_msg_t *msg, const char *peer);

// For unread.c: calls release(NULL, hint) when the message is freed. At most once per message.
void rg__msg_at_end(rg_msg_t *msg, rg_free_fn *release, void *hint);

// For socket.c: takes that call over. NULL: there is none.
rg_free_fn *rg__msg_take_end(rg_msg_t *msg, void **hint);

#endif
