// Messages in the input of a fuzz target: a list of frames, each after a 2-byte little-endian length. The length
// 0xFFFF ends a message; another message may follow. The checksums of each message are corrected, so that the
// code behind the check is reached; fuzz_msg.c also parses messages with wrong ones.
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

// Splits off the frames of the next message and returns their number.
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

// Packs the envelope again with the checksums of the frames, and with the lengths of the frames that are plain
// bytes. free() it. NULL if the first frame is not an envelope.
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

// The next message of the input that parses, or NULL. The caller destroys it; its frames are those of the input.
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

static inline size_t frames_append(uint8_t *out, size_t at, size_t capacity, const void *data, size_t size)
{
    if (size >= FRAMES_END || at + 2 + size > capacity) return at;
    out[at] = (uint8_t)size;
    out[at + 1] = (uint8_t)(size >> 8);
    if (size) memcpy(out + at + 2, data, size);
    return at + 2 + size;
}

// Appends a message and destroys it.
static inline size_t frames_put(uint8_t *out, size_t at, size_t capacity, rg_msg_t *msg)
{
    unsigned char *envelope;
    size_t size;
    rg_frame_t frame;
    if (rg_msg_pack(msg, 1, &envelope, &size) != 0) abort();
    at = frames_append(out, at, capacity, envelope, size);
    for (size_t j = 0; rg_msg_frame(msg, j, &frame); j++)
        at = frames_append(out, at, capacity, frame.data, frame.size);
    free(envelope);
    rg_msg_destroy(&msg);
    if (at + 2 > capacity) return at;
    out[at] = out[at + 1] = 0xff;
    return at + 2;
}

#endif
