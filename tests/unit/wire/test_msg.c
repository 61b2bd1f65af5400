#include <stdlib.h>
#include <string.h>

#include "common/core/err.h"
#include "common/core/hash.h"
#include "common/wire/msg.h"
#include "tests/support/test.h"

// The frames of a message, each in memory of exactly its size, so that a sanitizer finds every read beyond
// it.
typedef struct {
    rg_frame_t frame[RG_MSG_PAYLOADS_MAX + 2];
    size_t count;
} frames_t;

static void copy_frame(frames_t *frames, const void *data, size_t size)
{
    void *copy = malloc(size ? size : 1);
    if (size) memcpy(copy, data, size);
    frames->frame[frames->count++] = (rg_frame_t){.data = copy, .size = size};
}

static void pack(frames_t *frames, rg_msg_t *msg, uint64_t id)
{
    unsigned char *envelope;
    size_t size;
    rg_frame_t frame;
    frames->count = 0;
    assert_int_equal(rg_msg_pack(msg, id, &envelope, &size), 0);
    copy_frame(frames, envelope, size);
    free(envelope);
    for (size_t i = 0; rg_msg_frame(msg, i, &frame); i++) copy_frame(frames, frame.data, frame.size);
}

static void drop(frames_t *frames)
{
    for (size_t i = 0; i < frames->count; i++) free((void *)frames->frame[i].data);
    frames->count = 0;
}

static int released;

static void count_release(void *data, void *hint)
{
    (void)data, (void)hint;
    released++;
}

// ---- good messages
static rg_msg_t *reply_with_everything(const float *pixels)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_SEARCH_REPLY);
    Rg__V1__SearchReply *reply = rg_msg_body(msg);
    reply->generation = 1ull << 60;
    reply->n_neighbours = 300; // more than one chunk of memory
    reply->neighbours =
        (Rg__V1__Neighbour **)rg_msg_array(msg, &rg__v1__neighbour__descriptor, reply->n_neighbours);
    for (unsigned i = 0; i < reply->n_neighbours; i++) {
        reply->neighbours[i]->name = rg_msg_text(msg, "%06u.jpg", i);
        reply->neighbours[i]->dist_l2sq = (float)i / 2;
        rg_msg_bytes(msg, &reply->neighbours[i]->id, &i, sizeof i);
    }
    rg_msg_attach(msg, "content", RG__V1__DTYPE__F32, 3, (uint32_t[]){2, 3, 4}, (void *)pixels, count_release,
                  NULL);
    rg_msg_copy(msg, "0", RG__V1__DTYPE__U8, 1, (uint32_t[]){3}, "abc");
    memset(rg_msg_reserve(msg, "half", RG__V1__DTYPE__F16, 2, (uint32_t[]){2, 2}), 7, 8);
    rg_msg_reserve(msg, "empty", RG__V1__DTYPE__U8, 2, (uint32_t[]){0, 16});
    return msg;
}

static void check_everything(const rg_msg_t *msg, const float *pixels)
{
    rg_payload_t payload;
    const Rg__V1__SearchReply *reply = rg_msg_body(msg);
    assert_int_equal(rg_msg_kind(msg), RG__V1__ENVELOPE__BODY_SEARCH_REPLY);
    assert_int_equal(rg_msg_id(msg), 77);
    assert_true(reply->generation == 1ull << 60);
    assert_int_equal(reply->n_neighbours, 300);
    assert_string_equal(reply->neighbours[299]->name, "000299.jpg");
    assert_true(reply->neighbours[3]->dist_l2sq == 1.5f);
    assert_int_equal(reply->neighbours[3]->id.len, 4);
    assert_int_equal(rg_msg_payload(msg, "content", RG__V1__DTYPE__F32, 3, (uint32_t[]){0, 3, 4}, &payload),
                     0);
    assert_int_equal(payload.shape[0], 2);
    assert_int_equal(payload.rank, 3);
    assert_int_equal(payload.size, 96);
    assert_int_equal((uintptr_t)payload.data % 8, 0);
    assert_memory_equal(payload.data, pixels, 96);
    assert_int_equal(rg_msg_payload(msg, "0", RG__V1__DTYPE__U8, 1, NULL, &payload), 0);
    assert_memory_equal(payload.data, "abc", 3);
    assert_int_equal(rg_msg_payload(msg, "half", RG__V1__DTYPE__F16, 2, NULL, &payload), 0);
    assert_int_equal(((const char *)payload.data)[7], 7);
    assert_int_equal(rg_msg_payload(msg, "empty", RG__V1__DTYPE__U8, 2, NULL, &payload), 0);
    assert_int_equal(payload.size, 0);
    assert_true(rg_msg_has(msg, "half"));
    assert_false(rg_msg_has(msg, "hal"));
}

static void a_message_survives_the_wire(void **state)
{
    (void)state;
    float pixels[24];
    frames_t frames;
    for (int i = 0; i < 24; i++) pixels[i] = (float)i;
    released = 0;
    rg_msg_t *msg = reply_with_everything(pixels), *got = NULL;
    pack(&frames, msg, 77);
    rg_msg_destroy(&msg);
    assert_null(msg);
    assert_int_equal(released, 1); // of the attached pixels
    assert_int_equal(frames.count, 5);
    assert_int_equal(rg_msg_parse(&got, frames.frame, frames.count, count_release, NULL), 0);
    check_everything(got, pixels);
    rg_msg_t *kept = rg_msg_retain(got);
    rg_msg_destroy(&got);
    assert_int_equal(released, 1);
    check_everything(kept, pixels);
    rg_msg_destroy(&kept);
    assert_int_equal(released, 2); // of the frames
    drop(&frames);
}

static void unaligned_payloads_are_copied_aligned_ones_are_not(void **state)
{
    (void)state;
    _Alignas(16) char memory[32] = "0123456789";
    for (size_t shift = 0; shift < 9; shift++) {
        frames_t frames;
        rg_payload_t payload;
        rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_EMBED_REQUEST), *got;
        rg_msg_copy(msg, "pixels", RG__V1__DTYPE__U8, 1, (uint32_t[]){10}, memory + shift);
        pack(&frames, msg, 1);
        rg_frame_t shifted[] = {frames.frame[0], {.data = memory + shift, .size = 10}};
        assert_int_equal(rg_msg_parse(&got, shifted, 2, NULL, NULL), 0);
        assert_int_equal(rg_msg_payload(got, "pixels", RG__V1__DTYPE__U8, 1, NULL, &payload), 0);
        assert_int_equal((uintptr_t)payload.data % 8, 0);
        assert_int_equal(payload.data == memory + shift, shift % 8 == 0);
        assert_memory_equal(payload.data, memory + shift, 10);
        rg_msg_destroy(&got);
        rg_msg_destroy(&msg);
        drop(&frames);
    }
}

static void every_kind_of_body_can_be_made(void **state)
{
    (void)state;
    const ProtobufCMessageDescriptor *type = &rg__v1__envelope__descriptor;
    int kinds = 0;
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)) continue;
        frames_t frames;
        rg_msg_t *msg = rg_msg_new(field->id), *got;
        pack(&frames, msg, i);
        assert_int_equal(rg_msg_parse(&got, frames.frame, 1, NULL, NULL), 0);
        assert_int_equal(rg_msg_kind(got), field->id);
        assert_int_equal(rg_msg_id(got), i);
        rg_msg_destroy(&got);
        rg_msg_destroy(&msg);
        drop(&frames);
        kinds++;
    }
    assert_true(kinds > 20);
}

static void payloads_are_asked_for_by_shape(void **state)
{
    (void)state;
    rg_payload_t payload;
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_BATCH_REPLY);
    rg_msg_reserve(msg, "labels", RG__V1__DTYPE__U8, 2, (uint32_t[]){4, 5});
    assert_int_equal(rg_msg_payload(msg, "label", RG__V1__DTYPE__U8, 2, NULL, &payload), RG_ESHAPE);
    assert_string_equal(rg_error(), "payload 'label' is missing");
    assert_int_equal(rg_msg_payload(msg, "labels", RG__V1__DTYPE__F32, 2, NULL, &payload), RG_ESHAPE);
    assert_string_equal(rg_error(), "payload 'labels' has element type 1, not 3");
    assert_int_equal(rg_msg_payload(msg, "labels", RG__V1__DTYPE__U8, 3, NULL, &payload), RG_ESHAPE);
    assert_string_equal(rg_error(), "payload 'labels' has rank 2, not 3");
    assert_int_equal(rg_msg_payload(msg, "labels", RG__V1__DTYPE__U8, 2, (uint32_t[]){0, 6}, &payload),
                     RG_ESHAPE);
    assert_string_equal(rg_error(), "payload 'labels' has 5 in dim 1, not 6");
    rg_msg_destroy(&msg);
}

static void text_of_messages_is_utf8(void **state)
{
    (void)state;
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REQUEST);
    assert_string_equal(rg_msg_text(msg, "%s", "caf\xe9\n\xc3\xa9"), "caf%E9\n\xc3\xa9");
    assert_string_equal(rg_msg_text(msg, "%s %d", "\xff", 7), "%FF 7");
    rg_msg_destroy(&msg);
}

static void errors_travel_with_code_and_sentence(void **state)
{
    (void)state;
    rg_msg_t *msg = rg_msg_error(RG_EMODEL, "the set holds model a, not b\n\x1b[31m");
    assert_int_equal(rg_msg_failed(msg, "retrieval"), RG_EMODEL);
    assert_string_equal(rg_error(), "retrieval: the set holds model a, not b%0A%1B[31m");
    ((Rg__V1__Error *)rg_msg_body(msg))->code = 5; // no code of ours
    assert_int_equal(rg_msg_failed(msg, "retrieval"), RG_EREMOTE);
    rg_msg_destroy(&msg);
    msg = rg_msg_error(RG_EBUSY, "");
    assert_int_equal(rg_msg_failed(msg, "trainer"), RG_EBUSY);
    assert_string_equal(rg_error(), "trainer: busy");
    rg_msg_destroy(&msg);
    msg = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REPLY);
    assert_int_equal(rg_msg_failed(msg, "trainer"), 0);
    rg_msg_destroy(&msg);
}

static void an_envelope_beyond_the_limit_is_not_sent(void **state)
{
    (void)state;
    unsigned char *data;
    size_t size, large = RG_MSG_ENVELOPE_MAX + 1;
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_TRAIN_REPLY);
    char *report = rg_msg_alloc(msg, large + 1);
    memset(report, ' ', large);
    ((Rg__V1__TrainReply *)rg_msg_body(msg))->report = report;
    assert_int_equal(rg_msg_pack(msg, 1, &data, &size), RG_ELIMIT);
    rg_msg_destroy(&msg);
}

// ---- hostile frames
// An envelope with a body and one payload "x" u8 [2,3]; each test spoils it.
typedef struct {
    Rg__V1__Envelope envelope;
    Rg__V1__StatusRequest body;
    Rg__V1__Payload payload[2], *payloads[RG_MSG_PAYLOADS_MAX + 1];
    uint32_t shape[6];
} hostile_t;

static void hostile_init(hostile_t *h)
{
    rg__v1__envelope__init(&h->envelope);
    rg__v1__status_request__init(&h->body);
    h->envelope.version = RG_MSG_VERSION;
    h->envelope.id = 5;
    h->envelope.body_case = RG__V1__ENVELOPE__BODY_STATUS_REQUEST;
    h->envelope.status_request = &h->body;
    h->envelope.n_payloads = 1;
    h->envelope.payloads = h->payloads;
    memcpy(h->shape, (uint32_t[]){2, 3, 1, 1, 1, 1}, sizeof h->shape);
    for (int i = 0; i < 2; i++) {
        rg__v1__payload__init(&h->payload[i]);
        h->payload[i].name = (char *)(i ? "y" : "x");
        h->payload[i].dtype = RG__V1__DTYPE__U8;
        h->payload[i].n_shape = 2;
        h->payload[i].shape = h->shape;
        h->payload[i].checksum = rg_hash("123456", 6, 0);
        h->payloads[i] = &h->payload[i];
    }
}

static void expect(const hostile_t *h, size_t payload_frames, int want, const char *sentence)
{
    frames_t frames = {.count = 0};
    rg_msg_t *msg = NULL;
    uint64_t id = 0;
    size_t size = rg__v1__envelope__get_packed_size(&h->envelope);
    unsigned char *bytes = malloc(size + 1);
    rg__v1__envelope__pack(&h->envelope, bytes);
    copy_frame(&frames, bytes, size);
    free(bytes);
    for (size_t i = 0; i < payload_frames; i++) copy_frame(&frames, "123456", 6);
    int err = rg_msg_parse(&msg, frames.frame, frames.count, count_release, NULL);
    if (err != want || (err && !strstr(rg_error(), sentence)))
        fail_msg("%s: %s, not %s: %s", rg_errname(err), rg_error(), rg_errname(want), sentence);
    assert_true(err == 0 || msg == NULL);
    assert_int_equal(rg_msg_peek_id(&frames.frame[0], &id), 1);
    assert_int_equal(id, 5);
    rg_msg_destroy(&msg);
    drop(&frames);
}

static void every_check_refuses(void **state)
{
    (void)state;
    static char long_name[RG_MSG_NAME_MAX + 2];
    hostile_t h;
    memset(long_name, 'n', sizeof long_name - 1);
#define SPOIL(change, frames, err, sentence)                                                                 \
    do {                                                                                                     \
        hostile_init(&h);                                                                                    \
        change;                                                                                              \
        expect(&h, frames, err, sentence);                                                                   \
    } while (0)
    SPOIL((void)0, 1, 0, "");
    SPOIL(h.envelope.version = 2, 1, RG_EVERSION, "message version 2, this program speaks 1");
    SPOIL(h.envelope.version = 0, 1, RG_EVERSION, "message version 0");
    SPOIL(h.envelope.body_case = RG__V1__ENVELOPE__BODY__NOT_SET, 1, RG_EFORMAT,
          "has no body of a known kind");
    SPOIL((void)0, 0, RG_EFORMAT, "announces 1 payloads, 0 frames came");
    SPOIL((void)0, 2, RG_EFORMAT, "announces 1 payloads, 2 frames came");
    SPOIL(h.payload[0].name = (char *)"", 1, RG_EFORMAT, "payload 0 has no name");
    SPOIL(h.payload[0].name = long_name, 1, RG_ELIMIT, "Payload.name has 64 bytes: the limit is 63");
    SPOIL(h.payload[0].name = (char *)"a\nb", 1, RG_EFORMAT, "a name that is not text");
    SPOIL(h.payload[0].name = (char *)"\xc3\xa9", 1, RG_EFORMAT, "a name that is not text");
    SPOIL((h.envelope.n_payloads = 2, h.payload[1].name = (char *)"x"), 2, RG_EFORMAT,
          "two payloads are named 'x'");
    SPOIL(h.payload[0].dtype = RG__V1__DTYPE__DTYPE_UNSPECIFIED, 1, RG_EFORMAT,
          "'x': unknown element type 0");
    SPOIL(h.payload[0].dtype = (Rg__V1__Dtype)4, 1, RG_EFORMAT, "unknown element type 4");
    SPOIL(h.payload[0].dtype = (Rg__V1__Dtype)-1, 1, RG_EFORMAT, "unknown element type -1");
    SPOIL(h.payload[0].n_shape = 0, 1, RG_ESHAPE, "rank 0 is not 1 to 4");
    SPOIL(h.payload[0].n_shape = 5, 1, RG_ELIMIT, "Payload.shape has 5 elements: the limit is 4");
    SPOIL(h.shape[0] = 3, 1, RG_ESHAPE, "'x': shape asks for 9 bytes, 6 came");
    SPOIL(h.shape[0] = 1, 1, RG_ESHAPE, "shape asks for 3 bytes, 6 came");
    SPOIL(h.shape[0] = 0, 1, RG_ESHAPE, "shape asks for 0 bytes, 6 came");
    SPOIL(h.payload[0].dtype = RG__V1__DTYPE__F16, 1, RG_ESHAPE, "shape asks for 12 bytes, 6 came");
    SPOIL((h.payload[0].n_shape = 4, memset(h.shape, 0xff, sizeof h.shape)), 1, RG_ELIMIT,
          "more bytes than memory can address");
    SPOIL((h.payload[0].n_shape = 4, memset(h.shape, 0xff, sizeof h.shape), h.shape[3] = 0), 1, RG_ESHAPE,
          "for 0 bytes");
    SPOIL(h.payload[0].checksum ^= 1, 1, RG_EFORMAT, "'x': checksum differs");
#undef SPOIL
}

static void too_many_payloads_are_refused(void **state)
{
    (void)state;
    hostile_t h;
    hostile_init(&h);
    h.envelope.n_payloads = RG_MSG_PAYLOADS_MAX + 1;
    for (size_t i = 0; i < h.envelope.n_payloads; i++) h.payloads[i] = &h.payload[0];
    expect(&h, RG_MSG_PAYLOADS_MAX + 1, RG_ELIMIT, "Envelope.payloads has 257 elements: the limit is 256");
}

static void a_frame_that_is_not_an_envelope_is_refused(void **state)
{
    (void)state;
    rg_msg_t *msg = NULL;
    uint64_t id;
    rg_frame_t garbage = {.data = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", .size = 11};
    rg_frame_t empty = {.data = "", .size = 0};
    rg_frame_t huge = {.data = calloc(1, RG_MSG_ENVELOPE_MAX + 1), .size = RG_MSG_ENVELOPE_MAX + 1};
    assert_int_equal(rg_msg_parse(&msg, NULL, 0, NULL, NULL), RG_EFORMAT);
    assert_string_equal(rg_error(), "the message has no frames");
    assert_int_equal(rg_msg_parse(&msg, &garbage, 1, NULL, NULL), RG_EFORMAT);
    assert_string_equal(rg_error(), "envelope is not a valid protobuf message");
    assert_int_equal(rg_msg_peek_id(&garbage, &id), 0);
    assert_int_equal(rg_msg_parse(&msg, &empty, 1, NULL, NULL), RG_EVERSION);
    assert_int_equal(rg_msg_parse(&msg, &huge, 1, NULL, NULL), RG_ELIMIT);
    assert_int_equal(rg_msg_peek_id(&huge, &id), 0);
    free((void *)huge.data);
}

static void every_cut_of_a_message_is_survived(void **state)
{
    (void)state;
    float pixels[24] = {0};
    frames_t frames;
    rg_msg_t *msg = reply_with_everything(pixels);
    pack(&frames, msg, 1);
    rg_msg_destroy(&msg);
    for (size_t size = 0; size < frames.frame[0].size; size += 3) {
        frames_t cut = {.count = 0};
        copy_frame(&cut, frames.frame[0].data, size);
        for (size_t i = 1; i < frames.count; i++)
            copy_frame(&cut, frames.frame[i].data, frames.frame[i].size);
        assert_int_not_equal(rg_msg_parse(&msg, cut.frame, cut.count, NULL, NULL), 0);
        drop(&cut);
    }
    drop(&frames);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_survives_the_wire),
        cmocka_unit_test(unaligned_payloads_are_copied_aligned_ones_are_not),
        cmocka_unit_test(every_kind_of_body_can_be_made),
        cmocka_unit_test(payloads_are_asked_for_by_shape),
        cmocka_unit_test(text_of_messages_is_utf8),
        cmocka_unit_test(errors_travel_with_code_and_sentence),
        cmocka_unit_test(an_envelope_beyond_the_limit_is_not_sent),
        cmocka_unit_test(every_check_refuses),
        cmocka_unit_test(too_many_payloads_are_refused),
        cmocka_unit_test(a_frame_that_is_not_an_envelope_is_refused),
        cmocka_unit_test(every_cut_of_a_message_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
