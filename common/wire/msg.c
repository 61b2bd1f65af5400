#include "common/wire/msg.h"

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/hash.h"
#include "common/core/text.h"
#include "common/wire/bounds.h"

// Where the parts of a message lie
//
//                     built here (rg_msg_new)                 received (rg_msg_parse)
//     envelope        chunks of this message                  one allocation of protobuf-c
//     texts, arrays   chunks of this message                  the same
//     payloads        own copy, or memory of the caller       frames of ZeroMQ, borrowed; a copy if not aligned
//
// Chunks are freed together with the message, so fields are never freed one by one.
//
// Sending adds a reference per payload frame. ZeroMQ drops it on its I/O thread after the frame has left, so
// the reference count is atomic and everything else is not touched after the message was packed for the first
// time. Packing computes the checksums once (sealed); a message that is sent again gets only a new id.
enum { CHUNK_SIZE = 2048 };

typedef struct chunk {
    struct chunk *next;
    size_t used, size;
    alignas(max_align_t) char memory[];
} chunk_t;

// The bytes of one payload; its name, dtype and shape are the envelope's payload of the same position.
typedef struct {
    const void *data;
    size_t size;
    rg_free_fn *release; // NULL: borrowed
    void *hint;
} bytes_t;

struct rg_msg {
    atomic_int references; // ZeroMQ's I/O thread drops some
    Rg__V1__Envelope *envelope;
    int unpacked; // 1: protobuf-c allocated the envelope; 0: it lies in the chunks
    int sealed;   // 1: checksums are computed
    bytes_t bytes[RG_MSG_PAYLOADS_MAX];
    chunk_t *chunks;     // memory of rg_msg_alloc
    rg_free_fn *release; // of the frames a parsed message borrows
    void *hint;
    rg_free_fn *at_end; // of rg__msg_at_end
    void *at_end_hint;
};

// ---- life
static rg_msg_t *new_msg(void)
{
    rg_msg_t *msg = rg_alloc(sizeof *msg);
    atomic_init(&msg->references, 1);
    return msg;
}

// The descriptor of the envelope tells the type of the oneof member that has this tag.
static void init_body(rg_msg_t *msg, Rg__V1__Envelope__BodyCase kind)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(&rg__v1__envelope__descriptor, kind);
    assert(field && field->type == PROTOBUF_C_TYPE_MESSAGE);
    const ProtobufCMessageDescriptor *type = field->descriptor;
    void *body = rg_msg_alloc(msg, type->sizeof_message);
    protobuf_c_message_init(type, body);
    msg->envelope->body_case = kind;
    *(void **)((char *)msg->envelope + field->offset) = body;
}

rg_msg_t *rg_msg_new(Rg__V1__Envelope__BodyCase kind)
{
    rg_msg_t *msg = new_msg();
    msg->envelope = rg_msg_alloc(msg, sizeof *msg->envelope);
    rg__v1__envelope__init(msg->envelope);
    msg->envelope->version = RG_MSG_VERSION;
    init_body(msg, kind);
    return msg;
}

rg_msg_t *rg_msg_retain(const rg_msg_t *msg)
{
    rg_msg_t *shared = (rg_msg_t *)msg;
    atomic_fetch_add(&shared->references, 1);
    return shared;
}

void rg_msg_destroy(rg_msg_t **out)
{
    rg_msg_t *msg = *out;
    *out = NULL;
    if (!msg || atomic_fetch_sub(&msg->references, 1) > 1) return;
    for (size_t i = 0; i < RG_MSG_PAYLOADS_MAX; i++)
        if (msg->bytes[i].release) msg->bytes[i].release((void *)msg->bytes[i].data, msg->bytes[i].hint);
    if (msg->unpacked) rg__v1__envelope__free_unpacked(msg->envelope, NULL);
    if (msg->release) msg->release(NULL, msg->hint);
    if (msg->at_end) msg->at_end(NULL, msg->at_end_hint);
    for (chunk_t *chunk = msg->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(msg);
}

void rg__msg_at_end(rg_msg_t *msg, rg_free_fn *release, void *hint)
{
    assert(!msg->at_end);
    msg->at_end = release;
    msg->at_end_hint = hint;
}

rg_free_fn *rg__msg_take_end(rg_msg_t *msg, void **hint)
{
    rg_free_fn *release = msg->at_end;
    *hint = msg->at_end_hint;
    msg->at_end = NULL;
    return release;
}

// ---- memory
void *rg_msg_alloc(rg_msg_t *msg, size_t size)
{
    size_t rounded = (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    if (!msg->chunks || msg->chunks->size - msg->chunks->used < rounded) {
        size_t capacity = rounded > CHUNK_SIZE ? rounded : CHUNK_SIZE;
        chunk_t *chunk = rg_alloc(sizeof *chunk + capacity);
        *chunk = (chunk_t){.next = msg->chunks, .size = capacity};
        msg->chunks = chunk;
    }
    void *memory = msg->chunks->memory + msg->chunks->used;
    msg->chunks->used += rounded;
    return memory;
}

// Messages hold UTF-8 only: other languages refuse a whole message for one byte that is not.
static char *keep_utf8(rg_msg_t *msg, char *text)
{
    if (rg_text_is_utf8(text)) return text;
    char *repaired = rg_text_repair(text), *kept = rg_msg_alloc(msg, strlen(repaired) + 1);
    memcpy(kept, repaired, strlen(repaired) + 1);
    free(repaired);
    return kept;
}

char *rg_msg_text(rg_msg_t *msg, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    if (strcmp(fmt, "%s") == 0) { // fast path: a reply may have thousands of texts
        const char *given = va_arg(args, const char *);
        va_end(args);
        return keep_utf8(msg, memcpy(rg_msg_alloc(msg, strlen(given) + 1), given, strlen(given) + 1));
    }
    va_copy(again, args);
    size_t size = (size_t)vsnprintf(NULL, 0, fmt, args) + 1;
    char *text = rg_msg_alloc(msg, size);
    vsnprintf(text, size, fmt, again);
    va_end(again);
    va_end(args);
    return keep_utf8(msg, text);
}

void rg_msg_bytes(rg_msg_t *msg, ProtobufCBinaryData *field, const void *data, size_t size)
{
    field->data = rg_msg_alloc(msg, size);
    field->len = size;
    if (size) memcpy(field->data, data, size);
}

void **rg_msg_array(rg_msg_t *msg, const ProtobufCMessageDescriptor *type, size_t count)
{
    void **items = rg_msg_alloc(msg, count * sizeof *items);
    for (size_t i = 0; i < count; i++) {
        items[i] = rg_msg_alloc(msg, type->sizeof_message);
        protobuf_c_message_init(type, items[i]);
    }
    return items;
}

// ---- payloads
static int payload_size(Rg__V1__Dtype dtype, int rank, const uint32_t *shape, size_t *size)
{
    static const size_t widths[] = {
        [RG__V1__DTYPE__U8] = 1, [RG__V1__DTYPE__F16] = 2, [RG__V1__DTYPE__F32] = 4};
    if (dtype < RG__V1__DTYPE__U8 || dtype > RG__V1__DTYPE__F32)
        return rg_fail(RG_EFORMAT, "unknown element type %d", (int)dtype);
    if (rank < 1 || rank > RG_MSG_RANK_MAX)
        return rg_fail(RG_ESHAPE, "rank %d is not 1 to %d", rank, RG_MSG_RANK_MAX);
    size_t product = widths[dtype];
    int empty = 0, overflow = 0;
    for (int i = 0; i < rank; i++) {
        empty |= shape[i] == 0;
        overflow |= __builtin_mul_overflow(product, (size_t)shape[i], &product);
    }
    if (overflow && !empty) return rg_fail(RG_ELIMIT, "the shape has more bytes than memory can address");
    *size = empty ? 0 : product;
    return 0;
}

// Adds a payload to the envelope and gives the entry for its bytes.
static bytes_t *add_payload(rg_msg_t *msg, const char *name, Rg__V1__Dtype dtype, int rank,
                            const uint32_t *shape)
{
    Rg__V1__Envelope *envelope = msg->envelope;
    size_t position = envelope->n_payloads++, size = 0;
    assert(!msg->unpacked && !msg->sealed && position < RG_MSG_PAYLOADS_MAX);
    assert(strlen(name) <= RG_MSG_NAME_MAX);
    if (payload_size(dtype, rank, shape, &size) != 0) assert(!"a payload's dtype and shape are valid");
    if (!envelope->payloads)
        envelope->payloads = rg_msg_alloc(msg, RG_MSG_PAYLOADS_MAX * sizeof *envelope->payloads);
    Rg__V1__Payload *payload = rg_msg_alloc(msg, sizeof *payload);
    rg__v1__payload__init(payload);
    payload->name = rg_msg_text(msg, "%s", name);
    payload->dtype = dtype;
    payload->n_shape = (size_t)rank;
    payload->shape = rg_msg_alloc(msg, (size_t)rank * sizeof *shape);
    memcpy(payload->shape, shape, (size_t)rank * sizeof *shape);
    envelope->payloads[position] = payload;
    msg->bytes[position].size = size;
    return &msg->bytes[position];
}

void rg_msg_attach(rg_msg_t *msg, const char *name, Rg__V1__Dtype dtype, int rank, const uint32_t *shape,
                   void *data, rg_free_fn *release, void *hint)
{
    bytes_t *bytes = add_payload(msg, name, dtype, rank, shape);
    bytes->data = data;
    bytes->release = release;
    bytes->hint = hint;
}

static void release_heap(void *data, void *hint)
{
    (void)hint;
    free(data);
}

void *rg_msg_reserve(rg_msg_t *msg, const char *name, Rg__V1__Dtype dtype, int rank, const uint32_t *shape)
{
    bytes_t *bytes = add_payload(msg, name, dtype, rank, shape);
    size_t rounded = (bytes->size + 64) / 64 * 64;
    void *memory = aligned_alloc(64, rounded);
    if (!memory) abort(); // out of memory, as in rg_alloc
    memset(memory, 0, rounded);
    bytes->data = memory;
    bytes->release = release_heap;
    return memory;
}

void rg_msg_copy(rg_msg_t *msg, const char *name, Rg__V1__Dtype dtype, int rank, const uint32_t *shape,
                 const void *data)
{
    void *memory = rg_msg_reserve(msg, name, dtype, rank, shape);
    size_t size = msg->bytes[msg->envelope->n_payloads - 1].size;
    if (size) memcpy(memory, data, size);
}

// ---- reading
void *rg_msg_body(const rg_msg_t *msg)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(&rg__v1__envelope__descriptor, msg->envelope->body_case);
    return *(void **)((char *)msg->envelope + field->offset);
}

Rg__V1__Envelope__BodyCase rg_msg_kind(const rg_msg_t *msg)
{
    return msg->envelope->body_case;
}

uint64_t rg_msg_id(const rg_msg_t *msg)
{
    return msg->envelope->id;
}

static int find_payload(const rg_msg_t *msg, const char *name)
{
    for (size_t i = 0; i < msg->envelope->n_payloads; i++)
        if (strcmp(msg->envelope->payloads[i]->name, name) == 0) return (int)i;
    return -1;
}

int rg_msg_has(const rg_msg_t *msg, const char *name)
{
    return find_payload(msg, name) >= 0;
}

int rg_msg_payload(const rg_msg_t *msg, const char *name, Rg__V1__Dtype dtype, int rank, const uint32_t *want,
                   rg_payload_t *out)
{
    int position = find_payload(msg, name);
    if (position < 0) return rg_fail(RG_ESHAPE, "payload '%s' is missing", name);
    const Rg__V1__Payload *payload = msg->envelope->payloads[position];
    if (payload->dtype != dtype)
        return rg_fail(RG_ESHAPE, "payload '%s' has element type %d, not %d", name, payload->dtype, dtype);
    if (payload->n_shape != (size_t)rank)
        return rg_fail(RG_ESHAPE, "payload '%s' has rank %zu, not %d", name, payload->n_shape, rank);
    for (int i = 0; i < rank; i++)
        if (want && want[i] && payload->shape[i] != want[i])
            return rg_fail(RG_ESHAPE, "payload '%s' has %u in dim %d, not %u", name, payload->shape[i], i,
                           want[i]);
    *out = (rg_payload_t){.data = msg->bytes[position].data, .size = msg->bytes[position].size, .rank = rank};
    memcpy(out->shape, payload->shape, (size_t)rank * sizeof *payload->shape);
    return 0;
}

int rg_msg_frame(const rg_msg_t *msg, size_t i, rg_frame_t *frame)
{
    if (i >= msg->envelope->n_payloads) return 0;
    *frame = (rg_frame_t){.data = msg->bytes[i].data, .size = msg->bytes[i].size};
    return 1;
}

size_t rg_msg_size(const rg_msg_t *msg)
{
    size_t size = rg__v1__envelope__get_packed_size(msg->envelope);
    for (size_t i = 0; i < msg->envelope->n_payloads; i++) size += msg->bytes[i].size;
    return size;
}

// ---- errors
rg_msg_t *rg_msg_error(int err, const char *sentence)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_ERROR);
    Rg__V1__Error *error = rg_msg_body(msg);
    error->code = err;
    error->sentence = rg_msg_text(msg, "%s", *sentence ? sentence : rg_strerror(err));
    return msg;
}

int rg_msg_failed(const rg_msg_t *msg, const char *peer)
{
    if (rg_msg_kind(msg) != RG__V1__ENVELOPE__BODY_ERROR) return 0;
    const Rg__V1__Error *error = rg_msg_body(msg);
    int known = error->code < 0 && strcmp(rg_errname(error->code), "RG_EUNKNOWN") != 0;
    return rg_fail(known ? error->code : RG_EREMOTE, "%s: %.400s", peer, error->sentence);
}

// ---- packing and parsing
// Parsing and bounds.c are the only places that read untrusted bytes: nothing in a message is used before it
// is checked here.
int rg_msg_peek_id(const rg_frame_t *envelope, uint64_t *id)
{
    return envelope->size <= RG_MSG_ENVELOPE_MAX && rg__bounds_id(envelope->data, envelope->size, id);
}

int rg_msg_pack(rg_msg_t *msg, uint64_t id, unsigned char **data, size_t *size)
{
    Rg__V1__Envelope *envelope = msg->envelope;
    for (size_t i = 0; !msg->sealed && i < envelope->n_payloads; i++)
        envelope->payloads[i]->checksum = rg_hash(msg->bytes[i].data, msg->bytes[i].size, 0);
    msg->sealed = 1;
    envelope->id = id;
    size_t needed = rg__v1__envelope__get_packed_size(envelope);
    if (needed > RG_MSG_ENVELOPE_MAX)
        return rg_fail(RG_ELIMIT, "an envelope of %zu bytes exceeds the limit of %d", needed,
                       RG_MSG_ENVELOPE_MAX);
    *data = rg_alloc(needed);
    *size = rg__v1__envelope__pack(envelope, *data);
    return 0;
}

static int check_envelope(const Rg__V1__Envelope *envelope, size_t frames)
{
    if (envelope->version != RG_MSG_VERSION)
        return rg_fail(RG_EVERSION, "message version %u, this program speaks %d", envelope->version,
                       RG_MSG_VERSION);
    if (envelope->body_case == RG__V1__ENVELOPE__BODY__NOT_SET)
        return rg_fail(RG_EFORMAT, "the message has no body of a known kind");
    if (envelope->n_payloads != frames)
        return rg_fail(RG_EFORMAT, "the envelope announces %zu payloads, %zu frames came",
                       envelope->n_payloads, frames);
    return 0;
}

// Names are visible ASCII, so that error sentences can quote them.
static int check_name(const Rg__V1__Envelope *envelope, size_t i)
{
    const char *name = envelope->payloads[i]->name;
    if (!*name) return rg_fail(RG_EFORMAT, "payload %zu has no name", i);
    for (const char *c = name; *c; c++)
        if (*c <= ' ' || *c > '~') return rg_fail(RG_EFORMAT, "payload %zu has a name that is not text", i);
    for (size_t j = 0; j < i; j++)
        if (strcmp(envelope->payloads[j]->name, name) == 0)
            return rg_fail(RG_EFORMAT, "two payloads are named '%s'", name);
    return 0;
}

static int check_payload(const Rg__V1__Envelope *envelope, size_t i, const rg_frame_t *frame)
{
    const Rg__V1__Payload *payload = envelope->payloads[i];
    size_t size = 0;
    int err = check_name(envelope, i);
    if (err) return err;
    err = payload_size(payload->dtype, (int)payload->n_shape, payload->shape, &size);
    if (err) return rg_fail(err, "payload '%s': %s", payload->name, rg_error());
    if (size != frame->size)
        return rg_fail(RG_ESHAPE, "payload '%s': shape asks for %zu bytes, %zu came", payload->name, size,
                       frame->size);
    if (rg_hash(frame->data, frame->size, 0) != payload->checksum)
        return rg_fail(RG_EFORMAT, "payload '%s': checksum differs", payload->name);
    return 0;
}

static void take_frame(bytes_t *bytes, const rg_frame_t *frame)
{
    *bytes = (bytes_t){.data = frame->data, .size = frame->size};
    if ((uintptr_t)frame->data % 8 == 0) return;
    void *copy = rg_alloc(frame->size);
    memcpy(copy, frame->data, frame->size);
    bytes->data = copy;
    bytes->release = release_heap;
}

int rg_msg_parse(rg_msg_t **out, const rg_frame_t *frames, size_t count, rg_free_fn *release, void *hint)
{
    if (count == 0) return rg_fail(RG_EFORMAT, "the message has no frames");
    if (frames[0].size > RG_MSG_ENVELOPE_MAX)
        return rg_fail(RG_ELIMIT, "an envelope of %zu bytes exceeds the limit of %d", frames[0].size,
                       RG_MSG_ENVELOPE_MAX);
    int err = rg__bounds_check(frames[0].data, frames[0].size);
    if (err) return err;
    Rg__V1__Envelope *envelope = rg__v1__envelope__unpack(NULL, frames[0].size, frames[0].data);
    if (!envelope) return rg_fail(RG_EFORMAT, "envelope is not a valid protobuf message");
    err = check_envelope(envelope, count - 1);
    for (size_t i = 0; !err && i < envelope->n_payloads; i++)
        err = check_payload(envelope, i, &frames[1 + i]);
    if (err) {
        rg__v1__envelope__free_unpacked(envelope, NULL);
        return err;
    }
    rg_msg_t *msg = new_msg();
    msg->envelope = envelope;
    msg->unpacked = msg->sealed = 1;
    for (size_t i = 0; i < envelope->n_payloads; i++) take_frame(&msg->bytes[i], &frames[1 + i]);
    msg->release = release;
    msg->hint = hint;
    *out = msg;
    return 0;
}
