// Replies of a hostile server to librg_client. The input names a call and what it asks for; messages follow, which
// answer it. In place of a link (common/wire/link.c) there are functions that take the next message of the input.
// Whatever a reply holds, the call fails, or all of its result can be read.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/client/rg_client.h"
#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/wire/wire.h"
#include "tests/fuzz/frames.h"

enum { N = 2, K = 3, D = 4, SIDE = 2 };
enum { STATUS, INDEX, LIST, ADD, REMOVE, MODEL, SEARCH, SEND, EMBED, CALLS };
enum { THUMBNAILS = 1, VALUES = 2 }; // of the second byte: embeddings, or features

// ---- a link whose replies are those of the input
struct rg_link {
    frames_input_t *input;
    rg_reply_fn *fn; // of the request that was sent and is not answered yet
    void *self;
};

static frames_input_t *input; // of the link that is opened next

int rg_link_new(rg_link_t **link, const rg_wire_options_t *options, const char *peer, const char *endpoint,
                const atomic_int *stop)
{
    (void)options, (void)peer, (void)endpoint, (void)stop;
    *link = rg_alloc(sizeof **link);
    (*link)->input = input;
    return 0;
}

void rg_link_destroy(rg_link_t **link)
{
    free(*link);
    *link = NULL;
}

static int take_reply(rg_link_t *link, rg_msg_t **reply)
{
    *reply = frames_next(link->input);
    int err = *reply ? rg_msg_failed(*reply, "server") : rg_fail(RG_ETIMEOUT, "no answer");
    if (err) rg_msg_destroy(reply);
    return err;
}

int rg_link_ask(rg_link_t *link, rg_msg_t **request, rg_msg_t **reply, int timeout_ms)
{
    (void)timeout_ms;
    rg_msg_destroy(request);
    return take_reply(link, reply);
}

void rg_link_send(rg_link_t *link, rg_msg_t **message, int timeout_ms, rg_reply_fn *fn, void *self)
{
    (void)timeout_ms;
    rg_msg_destroy(message);
    link->fn = fn;
    link->self = self;
}

int rg_link_pending(const rg_link_t *link)
{
    return link->fn != NULL;
}

int rg_link_poll(rg_link_t *link, int timeout_ms)
{
    rg_msg_t *reply = NULL;
    (void)timeout_ms;
    int err = take_reply(link, &reply);
    link->fn(link->self, err, reply);
    link->fn = NULL;
    rg_msg_destroy(&reply);
    return 0;
}

// ---- reading results
static uint64_t sum; // so that nothing is left out

static void read_bytes(const void *data, size_t size)
{
    for (size_t i = 0; i < size; i++) sum += ((const unsigned char *)data)[i];
}

static void read_images(const rg_client_image_t *images, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        read_bytes(&images[i], sizeof images[i]);
        read_bytes(images[i].name, strlen(images[i].name));
        read_bytes(images[i].jpeg, images[i].jpeg_size);
    }
}

static void read_result(rg_client_result_t *result)
{
    read_images(result->images, (size_t)result->n * result->k);
    size_t map = 1;
    for (int i = 0; i < 3; i++) map *= result->features_shape[i];
    if (result->features)
        read_bytes(result->features, (size_t)result->n * result->k * map * sizeof(uint16_t));
    rg_client_result_destroy(&result);
}

// ---- calls
static void call_list(rg_client_t *client, unsigned options)
{
    const rg_client_list_t list = {
        .limit = N, .thumbnails = options & THUMBNAILS, .embeddings = options & VALUES};
    rg_client_listing_t *listing;
    if (rg_client_list(client, &list, &listing) != 0) return;
    read_images(listing->images, listing->n);
    read_bytes(listing->model, strlen(listing->model));
    if (listing->embeddings)
        read_bytes(listing->embeddings, (size_t)listing->n * listing->dimension * sizeof(float));
    rg_client_listing_destroy(&listing);
}

static void call_add(rg_client_t *client)
{
    static const float embedding[D];
    static const unsigned char jpeg[4];
    const rg_client_model_t model = {.name = "m", .dimension = D, .features_shape = {1, 1, 1}};
    const rg_client_item_t item = {
        .name = "a.jpg", .embedding = embedding, .jpeg = jpeg, .jpeg_size = sizeof jpeg};
    const rg_client_item_t items[N] = {item, item};
    rg_client_outcome_t outcomes[N];
    uint64_t generation;
    if (rg_client_add(client, &model, items, N, outcomes, &generation) == 0)
        read_bytes(outcomes, sizeof outcomes);
}

static void call_model(rg_client_t *client)
{
    const rg_client_model_t model = {.name = "m", .dimension = D, .features_shape = {1, 1, 1}};
    uint64_t missing;
    if (rg_client_use_model(client, &model, &missing) == 0) sum += missing;
}

static void call_search(rg_client_t *client, unsigned options, int send)
{
    static const float queries[N * D];
    const rg_client_search_t search = {.model = "m",
                                       .n = N,
                                       .k = K,
                                       .dimension = D,
                                       .queries = queries,
                                       .thumbnails = options & THUMBNAILS,
                                       .features = options & VALUES};
    rg_client_result_t *result;
    int err = send ? rg_client_search_send(client, &search) : rg_client_search(client, &search, &result);
    if (!err && send) err = rg_client_search_take(client, &result);
    if (!err) read_result(result);
}

static void call_embed(rg_client_t *client)
{
    static const unsigned char pixels[N * SIDE * SIDE * 3];
    const rg_client_embed_t embed = {.n = N, .size = SIDE, .pixels = pixels};
    rg_client_embeddings_t *embeddings;
    if (rg_client_embed(client, &embed, &embeddings) != 0) return;
    read_bytes(embeddings->values, (size_t)embeddings->n * embeddings->dimension * sizeof(float));
    read_bytes(embeddings->model, strlen(embeddings->model));
    rg_client_embeddings_destroy(&embeddings);
}

static void call_remove(rg_client_t *client)
{
    static const unsigned char ids[N * RG_CLIENT_ID_SIZE];
    uint32_t removed;
    if (rg_client_remove(client, ids, N, &removed) == 0) sum += removed;
}

static void call_index(rg_client_t *client)
{
    char *report;
    if (rg_client_index(client, 1, &report) != 0) return;
    read_bytes(report, strlen(report));
    free(report);
}

static void call(rg_client_t *client, unsigned number, unsigned options)
{
    rg_client_status_t status;
    switch (number % CALLS) {
    case STATUS:
        if (rg_client_status(client, &status) == 0) read_bytes(&status, sizeof status);
        break;
    case INDEX:
        call_index(client);
        break;
    case LIST:
        call_list(client, options);
        break;
    case ADD:
        call_add(client);
        break;
    case REMOVE:
        call_remove(client);
        break;
    case MODEL:
        call_model(client);
        break;
    case EMBED:
        call_embed(client);
        break;
    default:
        call_search(client, options, number % CALLS == SEND);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rg_client_t *client;
    if (size < 2) return 0;
    frames_input_t rest = {data + 2, size - 2};
    input = &rest;
    if (rg_client_open(&client, "ipc:///tmp/none", NULL) != 0) abort();
    call(client, data[0], data[1]);
    rg_client_close(&client);
    return 0;
}

// ---- seeds
static ProtobufCBinaryData seed_id(rg_msg_t *msg)
{
    ProtobufCBinaryData id;
    rg_msg_bytes(msg, &id, "0123456789abcdef", RG_CLIENT_ID_SIZE);
    return id;
}

static void add_thumbnails(rg_msg_t *msg, int n)
{
    for (int i = 0; i < n; i++) {
        char name[12];
        snprintf(name, sizeof name, "%d", i);
        rg_msg_copy(msg, name, RG__V1__DTYPE__U8, 1, (const uint32_t[]){4}, "jpeg");
    }
}

static rg_msg_t *seed_list(void)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_LIST_REPLY);
    Rg__V1__ListReply *body = rg_msg_body(msg);
    body->model = rg_msg_text(msg, "m");
    body->n_images = N;
    body->images = (Rg__V1__Listed **)rg_msg_array(msg, &rg__v1__listed__descriptor, N);
    for (int i = 0; i < N; i++) {
        body->images[i]->id = seed_id(msg);
        body->images[i]->name = rg_msg_text(msg, "%d.jpg", i);
    }
    rg_msg_reserve(msg, "embeddings", RG__V1__DTYPE__F32, 2, (const uint32_t[]){N, D});
    add_thumbnails(msg, N);
    return msg;
}

static rg_msg_t *seed_search(void)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_SEARCH_REPLY);
    Rg__V1__SearchReply *body = rg_msg_body(msg);
    body->n_neighbours = N * K;
    body->neighbours = (Rg__V1__Neighbour **)rg_msg_array(msg, &rg__v1__neighbour__descriptor, N * K);
    for (int i = 0; i < N * K; i++) {
        body->neighbours[i]->id = seed_id(msg);
        body->neighbours[i]->name = rg_msg_text(msg, "%d.jpg", i);
    }
    rg_msg_reserve(msg, "features", RG__V1__DTYPE__F16, 4, (const uint32_t[]){N * K, 1, 1, 2});
    add_thumbnails(msg, N * K);
    return msg;
}

static rg_msg_t *seed_outcomes(void)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_INGEST_REPLY);
    Rg__V1__IngestReply *body = rg_msg_body(msg);
    body->n_outcomes = N;
    body->outcomes = (Rg__V1__Outcome **)rg_msg_array(msg, &rg__v1__outcome__descriptor, N);
    body->outcomes[1]->reason = rg_msg_text(msg, "a reason");
    return msg;
}

static Rg__V1__Field **seed_fields(rg_msg_t *msg, const char *const (*pairs)[2], size_t n)
{
    Rg__V1__Field **fields = (Rg__V1__Field **)rg_msg_array(msg, &rg__v1__field__descriptor, n);
    for (size_t i = 0; i < n; i++) {
        fields[i]->key = rg_msg_text(msg, "%s", pairs[i][0]);
        fields[i]->value = rg_msg_text(msg, "%s", pairs[i][1]);
    }
    return fields;
}

static rg_msg_t *seed_status(void)
{
    static const char *const pairs[][2] = {
        {"generation", "7"}, {"images", "3"}, {"dimension", "4"}, {"model", "m"}};
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REPLY);
    Rg__V1__StatusReply *body = rg_msg_body(msg);
    body->service = rg_msg_text(msg, "retrieval");
    body->n_fields = sizeof pairs / sizeof *pairs;
    body->fields = seed_fields(msg, pairs, body->n_fields);
    return msg;
}

static rg_msg_t *seed_index(void)
{
    static const char *const pairs[][2] = {{"index", "Flat"}, {"problems", "0"}};
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_INDEX_REPLY);
    Rg__V1__IndexReply *body = rg_msg_body(msg);
    body->n_report = sizeof pairs / sizeof *pairs;
    body->report = seed_fields(msg, pairs, body->n_report);
    return msg;
}

static rg_msg_t *seed_embeddings(void)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_EMBED_REPLY);
    ((Rg__V1__EmbedReply *)rg_msg_body(msg))->model = rg_msg_text(msg, "m");
    rg_msg_reserve(msg, "embeddings", RG__V1__DTYPE__F32, 2, (const uint32_t[]){N, D});
    return msg;
}

static rg_msg_t *seed_reply(size_t number)
{
    switch (number) {
    case STATUS:
        return seed_status();
    case INDEX:
        return seed_index();
    case LIST:
        return seed_list();
    case ADD:
        return seed_outcomes();
    case REMOVE:
        return rg_msg_new(RG__V1__ENVELOPE__BODY_REMOVE_REPLY);
    case MODEL:
        return rg_msg_new(RG__V1__ENVELOPE__BODY_MODEL_REPLY);
    case EMBED:
        return seed_embeddings();
    default:
        return seed_search();
    }
}

// Each call with the reply that fits, and the last one with an error.
size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity)
{
    if (i > CALLS || capacity < 2) return 0;
    out[0] = (uint8_t)(i % CALLS);
    out[1] = THUMBNAILS | VALUES;
    return frames_put(out, 2, capacity, i < CALLS ? seed_reply(i) : rg_msg_error(RG_EINVAL, "a sentence"));
}
