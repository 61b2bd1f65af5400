// Bytes to message and back: the only code that trusts nothing.
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/hash.h"
#include "common/wire/msg_private.h"

int rg_msg_peek_id(const rg_frame_t *envelope, uint64_t *id)
{
    if (envelope->size > RG_MSG_ENVELOPE_MAX) return 0;
    Rg__V1__Envelope *parsed = rg__v1__envelope__unpack(NULL, envelope->size, envelope->data);
    if (!parsed) return 0;
    *id = parsed->id;
    rg__v1__envelope__free_unpacked(parsed, NULL);
    return 1;
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
        return rg_fail(RG_EFORMAT, "message without a known body");
    if (envelope->n_payloads > RG_MSG_PAYLOADS_MAX)
        return rg_fail(RG_ELIMIT, "%zu payloads exceed the limit of %d", envelope->n_payloads,
                       RG_MSG_PAYLOADS_MAX);
    if (envelope->n_payloads != frames)
        return rg_fail(RG_EFORMAT, "%zu payloads announced, %zu frames came", envelope->n_payloads, frames);
    return 0;
}

// Visible ASCII, so that names can be put into sentences.
static int check_name(const Rg__V1__Envelope *envelope, size_t i)
{
    const char *name = envelope->payloads[i]->name;
    size_t length = strlen(name);
    if (length == 0 || length > RG_MSG_NAME_MAX)
        return rg_fail(RG_EFORMAT, "payload %zu has a name of %zu bytes", i, length);
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
    int rank = payload->n_shape > RG_MSG_RANK_MAX ? RG_MSG_RANK_MAX + 1 : (int)payload->n_shape;
    int err = check_name(envelope, i);
    if (err) return err;
    err = rg__payload_size(payload->dtype, rank, payload->shape, &size);
    if (err) return rg_fail(err, "payload '%s': %s", payload->name, rg_error());
    if (size != frame->size)
        return rg_fail(RG_ESHAPE, "payload '%s': shape asks for %zu bytes, %zu came", payload->name, size,
                       frame->size);
    if (rg_hash(frame->data, frame->size, 0) != payload->checksum)
        return rg_fail(RG_EFORMAT, "payload '%s': checksum differs", payload->name);
    return 0;
}

static void release_copy(void *data, void *hint)
{
    (void)hint;
    free(data);
}

static void take(rg__bytes_t *bytes, const rg_frame_t *frame)
{
    *bytes = (rg__bytes_t){.data = frame->data, .size = frame->size};
    if ((uintptr_t)frame->data % 8 == 0) return;
    void *copy = rg_alloc(frame->size);
    memcpy(copy, frame->data, frame->size);
    bytes->data = copy;
    bytes->release = release_copy;
}

int rg_msg_parse(rg_msg_t **out, const rg_frame_t *frames, size_t count, rg_free_fn *release, void *hint)
{
    if (count == 0) return rg_fail(RG_EFORMAT, "message without frames");
    if (frames[0].size > RG_MSG_ENVELOPE_MAX)
        return rg_fail(RG_ELIMIT, "an envelope of %zu bytes exceeds the limit of %d", frames[0].size,
                       RG_MSG_ENVELOPE_MAX);
    Rg__V1__Envelope *envelope = rg__v1__envelope__unpack(NULL, frames[0].size, frames[0].data);
    if (!envelope) return rg_fail(RG_EFORMAT, "envelope is not a valid protobuf message");
    int err = check_envelope(envelope, count - 1);
    for (size_t i = 0; !err && i < envelope->n_payloads; i++)
        err = check_payload(envelope, i, &frames[1 + i]);
    if (err) {
        rg__v1__envelope__free_unpacked(envelope, NULL);
        return err;
    }
    rg_msg_t *msg = rg__msg_new();
    msg->envelope = envelope;
    msg->unpacked = msg->sealed = 1;
    for (size_t i = 0; i < envelope->n_payloads; i++) take(&msg->bytes[i], &frames[1 + i]);
    msg->release = release;
    msg->hint = hint;
    *out = msg;
    return 0;
}
