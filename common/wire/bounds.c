// How an envelope is read without unpacking it
//
//     bytes ──read_field──► number of the field, and its value: a varint, or a range of bytes
//                              │
//                              ├─ not in the descriptor ──► counts as an element: protobuf-c would keep it
//                              ├─ a message ──► its own fields, in the same way
//                              └─ limits of this field: value, length or count
//
// Messages do not contain themselves (proto/), so the depth is that of the descriptors: four.
#include "common/wire/bounds.h"

#include <assert.h>
#include <string.h>

#include "common/core/err.h"
#include "common/wire/msg.h"

// ELEMENTS_MAX: messages, repeated values and unknown fields of an envelope in all. A search reply with
// 25,600 neighbours, the most that the default limits allow, has a fifth of it.
enum { ELEMENTS_MAX = 1 << 17, FIELDS_MAX = 64, WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

// ---- the table
// most: the largest value of a number, the longest text in bytes, or the largest number of elements of a
// repeated field. A service may allow less (retrieval.k_max, retrieval.batch_max). Numbers that are not here
// are not used as sizes or indices: ids, seeds, times, counts of a reply.
typedef struct {
    const ProtobufCMessageDescriptor *message;
    const char *field;
    uint64_t most;
} bound_t;

#define OF(message) &rg__v1__##message##__descriptor

static const bound_t bounds[] = {
    {OF(envelope), "payloads", RG_MSG_PAYLOADS_MAX},
    {OF(payload), "name", RG_MSG_NAME_MAX},
    {OF(payload), "shape", RG_MSG_RANK_MAX},
    {OF(batch_request), "index", INT32_MAX},
    {OF(batch_request), "images", 65536},
    {OF(batch_request), "references", 65536},
    {OF(batch_request), "parts", 65536},
    {OF(batch_request), "part", 65536},
    {OF(batch_request), "stream", 64},
    {OF(dataset_reply), "attributes", 64},
    {OF(ingest_request), "items", RG_MSG_PAYLOADS_MAX}, // each has a payload
    {OF(store_request), "items", RG_MSG_PAYLOADS_MAX},
    {OF(find_request), "edits", 64},
    {OF(embed_request), "edits", 64},
    {OF(translate_request), "edits", 64},
    {OF(translate_request), "samples", 65536},
    {OF(translate_request), "guidance", RG__V1__GUIDANCE__NONE},
    {OF(load_request), "checkpoint", 4096},
    {OF(model_request), "model", 4096},
    {OF(model_request), "embed_dim", 65536},
    {OF(model_request), "features_shape", 3},
    {OF(model_request), "checkpoint", 4096},
    {OF(add_request), "items", 65536},
    {OF(search_request), "model", 4096},
    {OF(search_request), "k", 10000},
    {OF(search_request), "queries", 65536},
    {OF(search_request), "nprobe", 65536},
    {OF(search_request), "ef_search", 4096},
    {OF(search_request), "pool", 10000},
    {OF(filter), "name_prefix", 4096},
    {OF(filter), "annotation", RG__V1__ANNOTATION__UNANNOTATED},
    {OF(filter), "exclude", 4096},
    {OF(remove_request), "ids", 65536},
    {OF(list_request), "limit", 65536},
    {OF(list_request), "ids", 65536},
    {OF(index_request), "action", RG__V1__INDEX_ACTION__COMPACT},
    {OF(train_request), "stage", 64},
    {OF(evaluate_request), "stage", 64},
};

// ---- bytes
typedef struct {
    const uint8_t *at, *end;
} range_t;

// A field as it lies in the bytes.
typedef struct {
    uint32_t tag;
    int wire;       // WIRE_...
    uint64_t value; // of WIRE_VARINT
    range_t bytes;  // of the others
} field_t;

static int read_varint(range_t *range, uint64_t *value)
{
    *value = 0;
    for (int shift = 0; shift < 64 && range->at < range->end; shift += 7) {
        uint8_t byte = *range->at++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return 1;
    }
    return 0;
}

// Returns 0 if the bytes are not a field.
static int read_field(range_t *range, field_t *field)
{
    uint64_t key, size = 0;
    if (!read_varint(range, &key) || key >> 3 == 0 || key > UINT32_MAX) return 0;
    *field = (field_t){.tag = (uint32_t)(key >> 3), .wire = (int)(key & 7)};
    if (field->wire == WIRE_VARINT) return read_varint(range, &field->value);
    if (field->wire == WIRE_BYTES && !read_varint(range, &size)) return 0;
    if (field->wire == WIRE_64) size = 8;
    if (field->wire == WIRE_32) size = 4;
    if (size > (uint64_t)(range->end - range->at) || field->wire == 3 || field->wire == 4 || field->wire > 5)
        return 0;
    field->bytes = (range_t){range->at, range->at + size};
    range->at += size;
    return 1;
}

static int fail_bytes(void)
{
    return rg_fail(RG_EFORMAT, "envelope is not a valid protobuf message");
}

// ---- fields
// What is left of ELEMENTS_MAX.
typedef struct {
    size_t elements;
} budget_t;

static int take_elements(budget_t *budget, size_t n)
{
    if (n > budget->elements)
        return rg_fail(RG_ELIMIT, "the message has more than %d elements", ELEMENTS_MAX);
    budget->elements -= n;
    return 0;
}

// A repeated number may come as one range of bytes that holds several (packed).
static size_t count_values(const ProtobufCFieldDescriptor *type, const field_t *field)
{
    const size_t size = (size_t)(field->bytes.end - field->bytes.at);
    size_t n = 0;
    if (field->wire != WIRE_BYTES || type->type == PROTOBUF_C_TYPE_MESSAGE ||
        type->type == PROTOBUF_C_TYPE_STRING || type->type == PROTOBUF_C_TYPE_BYTES)
        return 1;
    for (size_t i = 0; i < size; i++) n += field->bytes.at[i] < 0x80; // the last byte of a varint
    return n;
}

static const bound_t *find_bound(const bound_t *first, const char *name)
{
    const bound_t *end = bounds + sizeof bounds / sizeof *bounds;
    for (const bound_t *bound = first; bound && bound < end && bound->message == first->message; bound++)
        if (strcmp(bound->field, name) == 0) return bound;
    return NULL;
}

// The first row of a message, or NULL. The rows of a message lie together.
static const bound_t *first_bound(const ProtobufCMessageDescriptor *message)
{
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (bounds[i].message == message) return &bounds[i];
    return NULL;
}

// count: how many elements of a repeated field have come.
static int check_bound(const bound_t *bound, const ProtobufCFieldDescriptor *type, const field_t *field,
                       size_t count)
{
    const int repeated = type->label == PROTOBUF_C_LABEL_REPEATED, text = field->wire == WIRE_BYTES;
    const uint64_t size = (uint64_t)(field->bytes.end - field->bytes.at);
    const uint64_t found = repeated ? count : text ? size : field->value;
    if (found <= bound->most) return 0;
    return rg_fail(RG_ELIMIT, "%s.%s %s %llu%s: the limit is %llu", bound->message->short_name, bound->field,
                   repeated || text ? "has" : "is", (unsigned long long)found,
                   repeated ? " elements"
                   : text   ? " bytes"
                            : "",
                   (unsigned long long)bound->most);
}

static int check_message(const ProtobufCMessageDescriptor *message, range_t range, budget_t *budget);

// counts: how often each field of the message has come, by its position in the descriptor.
static int check_field(const ProtobufCFieldDescriptor *type, const field_t *field, const bound_t *first,
                       size_t *count, budget_t *budget)
{
    const int repeated = type->label == PROTOBUF_C_LABEL_REPEATED;
    const int message = type->type == PROTOBUF_C_TYPE_MESSAGE;
    const size_t n = repeated ? count_values(type, field) : 1;
    const bound_t *bound = find_bound(first, type->name);
    if (message && field->wire != WIRE_BYTES) return fail_bytes();
    if (*count > 0 && !repeated) return rg_fail(RG_EFORMAT, "the field %s comes twice", type->name);
    *count += n;
    int err = repeated || message ? take_elements(budget, n) : 0;
    if (!err && bound) err = check_bound(bound, type, field, *count);
    return !err && message ? check_message(type->descriptor, field->bytes, budget) : err;
}

static int check_message(const ProtobufCMessageDescriptor *message, range_t range, budget_t *budget)
{
    const bound_t *first = first_bound(message);
    size_t counts[FIELDS_MAX];
    field_t field;
    int err = 0;
    assert(message->n_fields <= FIELDS_MAX);
    memset(counts, 0, message->n_fields * sizeof *counts);
    while (range.at < range.end && !err) {
        if (!read_field(&range, &field)) return fail_bytes();
        const ProtobufCFieldDescriptor *type = protobuf_c_message_descriptor_get_field(message, field.tag);
        err = type ? check_field(type, &field, first, &counts[type - message->fields], budget)
                   : take_elements(budget, 1);
    }
    return err;
}

// ---- envelopes
int rg__bounds_check(const void *envelope, size_t size)
{
    const uint8_t *bytes = envelope;
    budget_t budget = {ELEMENTS_MAX};
    return check_message(&rg__v1__envelope__descriptor, (range_t){bytes, bytes + size}, &budget);
}

int rg__bounds_id(const void *envelope, size_t size, uint64_t *id)
{
    const uint8_t *bytes = envelope;
    const ProtobufCFieldDescriptor *type =
        protobuf_c_message_descriptor_get_field_by_name(&rg__v1__envelope__descriptor, "id");
    range_t range = {bytes, bytes + size};
    for (field_t field; range.at < range.end && read_field(&range, &field);) {
        if (field.tag != type->id || field.wire != WIRE_VARINT) continue;
        *id = field.value;
        return 1;
    }
    return 0;
}
