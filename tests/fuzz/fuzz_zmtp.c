// The bytes of a tcp peer as the front sees them. They must mean the same however they are cut into pieces, and a
// hello is decided when RG__ZMTP_HELLO_MAX bytes are there. The first byte says how they are cut.
#include <stdlib.h>
#include <string.h>

#include "common/wire/zmtp.h"
#include "tests/fuzz/fuzz.h"

enum { EVENTS = 4096 };

// What was seen of a stream: sizes and first bytes of its frames.
typedef struct {
    uint64_t seen[EVENTS];
    size_t n;
} record_t;

static void note(record_t *record, const rg__zmtp_t *stream, enum rg__zmtp_event event)
{
    uint64_t name;
    memcpy(&name, stream->name, sizeof name);
    if (event == RG__ZMTP_END && stream->left > 0) abort();
    if (record->n + 2 > EVENTS) return;
    record->seen[record->n++] = event;
    record->seen[record->n++] = event == RG__ZMTP_BEGIN
                                    ? stream->size ^ (uint64_t)rg__zmtp_is_command(stream) << 63
                                    : name ^ (uint64_t)rg__zmtp_is_named(stream, "READY");
}

static void read_frames(record_t *record, const uint8_t *data, size_t size, size_t piece)
{
    rg__zmtp_t stream = {0};
    for (size_t at = 0; at < size; at += piece) {
        const unsigned char *from = data + at;
        size_t left = piece < size - at ? piece : size - at;
        enum rg__zmtp_event event;
        while ((event = rg__zmtp_next(&stream, &from, &left)) != RG__ZMTP_MORE) note(record, &stream, event);
        if (left > 0) abort();
    }
}

static void read_hello(int is_curve, const uint8_t *data, size_t size)
{
    int whole = rg__zmtp_hello(is_curve, data, size), before = 0;
    if (size >= RG__ZMTP_HELLO_MAX && whole == 0) abort();
    for (size_t n = 0; n <= size && n <= RG__ZMTP_HELLO_MAX; n++) {
        int now = rg__zmtp_hello(is_curve, data, n);
        if (before != 0 && now != before) abort(); // it changed its mind
        before = now;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static record_t whole, pieces;
    if (size < 1) return 0;
    whole.n = pieces.n = 0;
    read_frames(&whole, data + 1, size - 1, size);
    read_frames(&pieces, data + 1, size - 1, 1 + data[0] % 16);
    if (whole.n != pieces.n || memcmp(whole.seen, pieces.seen, whole.n * sizeof *whole.seen) != 0) abort();
    for (int is_curve = 0; is_curve < 2; is_curve++) read_hello(is_curve, data + 1, size - 1);
    return 0;
}

size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity)
{
    static const unsigned char hello[] = {4, 200, 5, 'H', 'E', 'L', 'L', 'O', 1},
                               ready[] = {4,   25,  5,   'R', 'E', 'A', 'D', 'Y', 11, 'S', 'o', 'c', 'k', 'e',
                                          't', '-', 'T', 'y', 'p', 'e', 0,   0,   0,  3,   'R', 'E', 'P'},
                               frames[] = {0, 3, 'a', 'b', 'c', 2, 0, 0, 0, 0, 0, 0, 0, 2, 'd', 'e', 1, 0};
    if (i > 2 || capacity < 512) return 0;
    memset(out, 0, 512);
    out[0] = (uint8_t)(3 + i);
    if (i == 2) {
        memcpy(out + 1, frames, sizeof frames);
        return 1 + sizeof frames;
    }
    rg__zmtp_greet(i == 0, out + 1);
    memcpy(out + 1 + RG__ZMTP_GREETING, i == 0 ? hello : ready, i == 0 ? sizeof hello : sizeof ready);
    return 1 + RG__ZMTP_GREETING + (i == 0 ? 202 : sizeof ready);
}
