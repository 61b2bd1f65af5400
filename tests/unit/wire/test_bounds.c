// The limits of an envelope, on bytes that a hostile peer writes by hand.
#include "common/wire/bounds.h"

#include <sys/resource.h>

#include "common/wire/msg.h"
#include "tests/support/test.h"

enum { ID = 77, MILLION = 1000000, BYTES = 5 * MILLION };

// Bytes of a message that is being written.
typedef struct {
    size_t size;
    uint8_t at[BYTES];
} bytes_t;

static void put_varint(bytes_t *bytes, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) bytes->at[bytes->size++] = (uint8_t)(value | 0x80);
    bytes->at[bytes->size++] = (uint8_t)value;
}

static void put_number(bytes_t *bytes, uint32_t tag, uint64_t value)
{
    put_varint(bytes, (uint64_t)tag << 3);
    put_varint(bytes, value);
}

static void put_range(bytes_t *bytes, uint32_t tag, const void *data, size_t size)
{
    put_varint(bytes, (uint64_t)tag << 3 | 2);
    put_varint(bytes, size);
    if (size) memcpy(bytes->at + bytes->size, data, size);
    bytes->size += size;
}

static int make(void **state)
{
    bytes_t *bytes = calloc(1, sizeof *bytes);
    put_number(bytes, 1, RG_MSG_VERSION);
    put_number(bytes, 2, ID);
    *state = bytes;
    return 0;
}

static int end(void **state)
{
    free(*state);
    return 0;
}

static const ProtobufCFieldDescriptor *field_of(const ProtobufCMessageDescriptor *message, const char *name)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(message, name);
    if (!field) fail_msg("%s has no field %s", message->name, name);
    return field;
}

// An envelope whose body of this kind consists of these bytes.
static int check_body(const char *kind, const bytes_t *body)
{
    void *envelope;
    make(&envelope);
    put_range(envelope, field_of(&rg__v1__envelope__descriptor, kind)->id, body->at, body->size);
    int err = rg__bounds_check(((bytes_t *)envelope)->at, ((bytes_t *)envelope)->size);
    end(&envelope);
    return err;
}

static int check_number(const char *kind, const char *name, uint64_t value)
{
    bytes_t *body = calloc(1, sizeof *body);
    const ProtobufCMessageDescriptor *message = field_of(&rg__v1__envelope__descriptor, kind)->descriptor;
    put_number(body, field_of(message, name)->id, value);
    int err = check_body(kind, body);
    free(body);
    return err;
}

static void numbers_are_bounded(void **state)
{
    static const struct {
        const char *kind, *field, *sentence;
        uint64_t most;
    } rows[] = {
        {"search_request", "ef_search", "SearchRequest.ef_search is 4097: the limit is 4096", 4096},
        {"search_request", "nprobe", "SearchRequest.nprobe is 65537", 65536},
        {"search_request", "k", "SearchRequest.k is 10001", 10000},
        {"search_request", "pool", "SearchRequest.pool is 10001", 10000},
        {"search_request", "queries", "SearchRequest.queries is 65537", 65536},
        {"list_request", "limit", "ListRequest.limit is 65537", 65536},
        {"index_request", "action", "IndexRequest.action is 6", 5},
        {"translate_request", "samples", "TranslateRequest.samples is 65537", 65536},
        {"translate_request", "guidance", "TranslateRequest.guidance is 2", 1},
        {"model_request", "embed_dim", "ModelRequest.embed_dim is 65537", 65536},
        {"batch_request", "index", "BatchRequest.index is 2147483648", INT32_MAX},
        {"batch_request", "images", "BatchRequest.images is 65537", 65536},
        {"batch_request", "references", "BatchRequest.references is 65537", 65536},
        {"batch_request", "parts", "BatchRequest.parts is 65537", 65536},
        {"batch_request", "part", "BatchRequest.part is 65537", 65536},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_ok(check_number(rows[i].kind, rows[i].field, rows[i].most));
        assert_fails(check_number(rows[i].kind, rows[i].field, rows[i].most + 1), RG_ELIMIT,
                     rows[i].sentence);
        assert_fails(check_number(rows[i].kind, rows[i].field, UINT64_MAX), RG_ELIMIT, rows[i].field);
    }
}

static int check_repeated(const char *kind, const char *name, size_t n)
{
    bytes_t *body = calloc(1, sizeof *body);
    const ProtobufCMessageDescriptor *message = field_of(&rg__v1__envelope__descriptor, kind)->descriptor;
    for (size_t i = 0; i < n; i++) put_range(body, field_of(message, name)->id, "", 0);
    int err = check_body(kind, body);
    free(body);
    return err;
}

static void elements_are_bounded(void **state)
{
    static const struct {
        const char *kind, *field;
        size_t most;
    } rows[] = {
        {"remove_request", "ids", 65536},    {"list_request", "ids", 65536},
        {"add_request", "items", 65536},     {"ingest_request", "items", 256},
        {"store_request", "items", 256},     {"find_request", "edits", 64},
        {"translate_request", "edits", 64},  {"embed_request", "edits", 64},
        {"dataset_reply", "attributes", 64},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_ok(check_repeated(rows[i].kind, rows[i].field, rows[i].most));
        assert_fails(check_repeated(rows[i].kind, rows[i].field, rows[i].most + 1), RG_ELIMIT, rows[i].field);
    }
    assert_ok(check_repeated("search_reply", "neighbours", 100000));
    assert_fails(check_repeated("search_reply", "neighbours", 200000), RG_ELIMIT,
                 "the message has more than 131072 elements");
}

// A packed field has several numbers in one range of bytes.
static void packed_numbers_are_counted(void **state)
{
    bytes_t *body = calloc(1, sizeof *body);
    const uint32_t tag = field_of(&rg__v1__model_request__descriptor, "features_shape")->id;
    (void)state;
    put_range(body, tag, "\x80\x01\x02\x03", 4);
    assert_ok(check_body("model_request", body));
    put_number(body, tag, 4);
    assert_fails(check_body("model_request", body), RG_ELIMIT, "ModelRequest.features_shape has 4 elements");
    free(body);
}

static void the_ids_of_a_filter_are_bounded(void **state)
{
    bytes_t *filter = calloc(1, sizeof *filter), *body = calloc(1, sizeof *body);
    (void)state;
    for (int i = 0; i < 4097; i++)
        put_range(filter, field_of(&rg__v1__filter__descriptor, "exclude")->id, "0123456789abcdef", 16);
    put_range(body, field_of(&rg__v1__search_request__descriptor, "filter")->id, filter->at, filter->size);
    assert_fails(check_body("search_request", body), RG_ELIMIT, "Filter.exclude has 4097 elements");
    free(filter);
    free(body);
}

static long memory_peak_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

// 4 MiB of empty elements would take 180 MiB if they were unpacked.
static void expect_refused_without_memory(const bytes_t *bytes, int err, const char *sentence)
{
    rg_msg_t *msg = NULL;
    rg_frame_t frame = {.data = bytes->at, .size = bytes->size};
    uint64_t id = 0;
    long before = memory_peak_kib();
    assert_fails(rg_msg_parse(&msg, &frame, 1, NULL, NULL), err, sentence);
    assert_int_equal(rg_msg_peek_id(&frame, &id), 1);
    assert_int_equal(id, ID);
    assert_true(memory_peak_kib() - before < 16 << 10);
}

static void two_million_payloads_are_refused(void **state)
{
    bytes_t *bytes = *state;
    const uint32_t tag = field_of(&rg__v1__envelope__descriptor, "payloads")->id;
    for (int i = 0; i < 2 * MILLION; i++) put_range(bytes, tag, "", 0);
    expect_refused_without_memory(bytes, RG_ELIMIT, "Envelope.payloads has 257 elements: the limit is 256");
}

// protobuf-c keeps fields that it does not know.
static void two_million_unknown_fields_are_refused(void **state)
{
    bytes_t *bytes = *state;
    for (int i = 0; i < 2 * MILLION; i++) put_number(bytes, 15, 0);
    expect_refused_without_memory(bytes, RG_ELIMIT, "the message has more than 131072 elements");
}

static void a_field_comes_once(void **state)
{
    bytes_t *bytes = *state;
    put_number(bytes, 1, RG_MSG_VERSION);
    expect_refused_without_memory(bytes, RG_EFORMAT, "the field version comes twice");
}

static void what_is_not_protobuf_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {
        {"\x80", 1},                                              // a key that is cut off
        {"\x00\x00", 2},                                          // field 0
        {"\x1b\x1c", 2},                                          // a group
        {"\x0e\x00", 2},                                          // wire type 6
        {"\x1a\x05\x00", 3},                                      // longer than what is left
        {"\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},     // longer than memory
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12}, // a number of 11 bytes
        {"\x18\x01", 2},                                          // a message that is a number
        {"\x09\x00", 2},                                          // 8 bytes that are cut off
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_fails(rg__bounds_check(bad[i].bytes, bad[i].size), RG_EFORMAT,
                     "envelope is not a valid protobuf message");
    assert_ok(rg__bounds_check("", 0));
}

#define WITH_ENVELOPE(test) cmocka_unit_test_setup_teardown(test, make, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ENVELOPE(two_million_payloads_are_refused), // first: they look at the peak of the memory
        WITH_ENVELOPE(two_million_unknown_fields_are_refused),
        WITH_ENVELOPE(a_field_comes_once),
        cmocka_unit_test(numbers_are_bounded),
        cmocka_unit_test(elements_are_bounded),
        cmocka_unit_test(packed_numbers_are_counted),
        cmocka_unit_test(the_ids_of_a_filter_are_bounded),
        cmocka_unit_test(what_is_not_protobuf_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
