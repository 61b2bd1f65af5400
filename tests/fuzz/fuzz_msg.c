// Frames of a hostile peer. The input is a list of frames, each after a 2-byte little-endian length. An accepted
// message must pack and parse again to the same message.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/msg.h"
#include "tests/fuzz/fuzz.h"

enum { FRAMES_MAX = RG_MSG_PAYLOADS_MAX + 8 };

static size_t split(const uint8_t *data, size_t size, rg_frame_t frames[FRAMES_MAX])
{
    size_t count = 0;
    while (size >= 2 && count < FRAMES_MAX) {
        size_t length = (size_t)data[0] | (size_t)data[1] << 8;
        if (length > size - 2) length = size - 2;
        frames[count++] = (rg_frame_t){.data = data + 2, .size = length};
        data += 2 + length;
        size -= 2 + length;
    }
    return count;
}

// Reads every byte that a service could read.
static void touch(const rg_msg_t *msg)
{
    const Rg__V1__Envelope__BodyCase kind = rg_msg_kind(msg);
    volatile uint8_t byte;
    rg_frame_t frame;
    for (size_t i = 0; rg_msg_frame(msg, i, &frame); i++)
        for (size_t j = 0; j < frame.size; j++) byte = ((const uint8_t *)frame.data)[j];
    (void)byte;
    if (!rg_msg_body(msg) || kind == RG__V1__ENVELOPE__BODY__NOT_SET) abort();
    rg_msg_failed(msg, "peer");
}

static void parse_again(rg_msg_t *msg)
{
    rg_frame_t frames[1 + RG_MSG_PAYLOADS_MAX];
    rg_msg_t *again = NULL;
    unsigned char *envelope;
    size_t count = 1;
    if (rg_msg_pack(msg, rg_msg_id(msg), &envelope, &frames[0].size) != 0) abort();
    frames[0].data = envelope;
    while (rg_msg_frame(msg, count - 1, &frames[count])) count++;
    if (rg_msg_parse(&again, frames, count, NULL, NULL) == 0) {
        if (rg_msg_kind(again) != rg_msg_kind(msg) || rg_msg_id(again) != rg_msg_id(msg)) abort();
        rg_msg_destroy(&again);
    }
    free(envelope);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rg_frame_t frames[FRAMES_MAX];
    rg_msg_t *msg = NULL;
    uint64_t id;
    size_t count = split(data, size, frames);
    if (count) rg_msg_peek_id(&frames[0], &id);
    if (rg_msg_parse(&msg, frames, count, NULL, NULL) != 0) return 0;
    touch(msg);
    parse_again(msg);
    rg_msg_destroy(&msg);
    return 0;
}

// ---- seeds: every kind of body, with and without payloads
static size_t append(uint8_t *out, size_t at, size_t capacity, const void *data, size_t size)
{
    if (size > UINT16_MAX || at + 2 + size > capacity) return at;
    out[at] = (uint8_t)size;
    out[at + 1] = (uint8_t)(size >> 8);
    memcpy(out + at + 2, data, size);
    return at + 2 + size;
}

size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity)
{
    const ProtobufCMessageDescriptor *type = &rg__v1__envelope__descriptor;
    if (i >= type->n_fields) return 0;
    int is_body = (type->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
    rg_msg_t *msg = rg_msg_new(is_body ? type->fields[i].id : RG__V1__ENVELOPE__BODY_STATUS_REQUEST);
    if (i % 2) {
        rg_msg_copy(msg, "pixels", RG__V1__DTYPE__F32, 3, (uint32_t[]){1, 2, 3}, "twenty-four bytes of data");
        rg_msg_copy(msg, "0", RG__V1__DTYPE__U8, 1, (uint32_t[]){5}, "bytes");
    }
    unsigned char *envelope;
    size_t size, at = 0;
    rg_frame_t frame;
    if (rg_msg_pack(msg, i, &envelope, &size) != 0) abort();
    at = append(out, at, capacity, envelope, size);
    for (size_t j = 0; rg_msg_frame(msg, j, &frame); j++)
        at = append(out, at, capacity, frame.data, frame.size);
    free(envelope);
    rg_msg_destroy(&msg);
    return at;
}
