// Messages in a fuzz target's input: a list of frames, each behind a 2-byte little-endian length; the length
// 0xFFFF ends a message, another one may follow. A message whose checksums are wrong is given right ones, so
// that what lies behind them is reached too.
#ifndef RG_TESTS_FUZZ_FRAMES_H
#define RG_TESTS_FUZZ_FRAMES_H

#include <stdlib.h>
#include <string.h>

#include "common/core/hash.h"
#include "common/wire/msg.h"
#include "tests/fuzz/fuzz.h"

enum { FRAMES_MAX = RG_MSG_PAYLOADS_MAX + 8, FRAMES_END = UINT16_MAX };

typedef struct {
    const uint8_t *data;
    size_t size;
} frames_input_t;

// The frames of the next message: how many.
static inline size_t frames_split(frames_input_t *input, rg_frame_t frames[FRAMES_MAX])
{
    size_t count = 0;
    while (input->size >= 2) {
        size_t length = (size_t)input->data[0] | (size_t)input->data[1] << 8;
        input->data += 2;
        input->size -= 2;
        if (length == FRAMES_END || count == FRAMES_MAX) break;
        if (length > input->size) length = input->size;
        frames[count++] = (rg_frame_t){.data = input->data, .size = length};
        input->data += length;
        input->size -= length;
    }
    return count;
}

// The envelope with the checksums of the frames behind it, and the lengths of those that are plain bytes, or
// NULL; free() it.
static inline uint8_t *frames_seal(const rg_frame_t *frames, size_t count, size_t *size)
{
    Rg__V1__Envelope *envelope = rg__v1__envelope__unpack(NULL, frames[0].size, frames[0].data);
    if (!envelope) return NULL;
    for (size_t i = 0; i < envelope->n_payloads && i + 1 < count; i++) {
        Rg__V1__Payload *payload = envelope->payloads[i];
        payload->checksum = rg_hash(frames[i + 1].data, frames[i + 1].size, 0);
        if (payload->dtype == RG__V1__DTYPE__U8 && payload->n_shape == 1)
            payload->shape[0] = (uint32_t)frames[i + 1].size;
    }
    *size = rg__v1__envelope__get_packed_size(envelope);
    uint8_t *sealed = malloc(*size + 1);
    rg__v1__envelope__pack(envelope, sealed);
    rg__v1__envelope__free_unpacked(envelope, NULL);
    return sealed;
}

static inline void frames_free(void *data, void *hint)
{
    (void)data;
    free(hint);
}

// The next message of the input that can be read, or NULL; destroy it. Frames are the input's.
static inline rg_msg_t *frames_next(frames_input_t *input)
{
    while (input->size >= 2) {
        rg_frame_t frames[FRAMES_MAX];
        rg_msg_t *msg = NULL;
        size_t count = frames_split(input, frames);
        if (!count) continue;
        uint8_t *sealed = frames_seal(frames, count, &frames[0].size);
        if (!sealed) continue;
        frames[0].data = sealed;
        if (rg_msg_parse(&msg, frames, count, frames_free, sealed) == 0) return msg;
        free(sealed);
    }
    return NULL;
}

// ---- seeds

static inline size_t frames_append(uint8_t *out, size_t at, size_t room, const void *data, size_t size)
{
    if (size >= FRAMES_END || at + 2 + size > room) return at;
    out[at] = (uint8_t)size;
    out[at + 1] = (uint8_t)(size >> 8);
    if (size) memcpy(out + at + 2, data, size);
    return at + 2 + size;
}

// Appends a message and destroys it.
static inline size_t frames_put(uint8_t *out, size_t at, size_t room, rg_msg_t *msg)
{
    unsigned char *envelope;
    size_t size;
    rg_frame_t frame;
    if (rg_msg_pack(msg, 1, &envelope, &size) != 0) abort();
    at = frames_append(out, at, room, envelope, size);
    for (size_t j = 0; rg_msg_frame(msg, j, &frame); j++)
        at = frames_append(out, at, room, frame.data, frame.size);
    free(envelope);
    rg_msg_destroy(&msg);
    if (at + 2 > room) return at;
    out[at] = out[at + 1] = 0xff;
    return at + 2;
}

#endif
