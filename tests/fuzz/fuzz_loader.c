// What the loader reads from a hostile peer: images to ingest, the encoder's answers, and requests for
// training batches of a small data set.
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "common/core/err.h"
#include "common/core/file.h"
#include "services/loader/batch.h"
#include "services/loader/ingest.h"
#include "tests/fuzz/frames.h"

enum { SIDE = 16 };

static rg_config_t config;
static rg_dataset_t set;
static rg_batcher_t *batcher;
static char path[256];

static void close_data_set(void)
{
    rg_batcher_destroy(&batcher);
    rg_dataset_close(&set);
    unlink(path);
}

static void give_up(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, rg_error());
    abort();
}

// A data set of the four JPEGs of tests/unit/data/fixtures.
static void open_data_set(void)
{
    static const char list[] = "baseline.jpg\t00\nprogressive.jpg\t01\ngrey.jpg\t10\ncmyk.jpg\t11\n";
    const char *base = getenv("TMPDIR");
    rg_config_init(&config);
    snprintf(path, sizeof path, "%s/rg-fuzz-list-%d", base && *base ? base : "/tmp", (int)getpid());
    snprintf(config.data.root, sizeof config.data.root, "tests/unit/data/fixtures");
    snprintf(config.data.list, sizeof config.data.list, "%s", path);
    config.data.attributes = (rg_names_t){.count = 2, .name = {"Young", "Male"}};
    config.data.exclusive.count = 0;
    config.data.annotated = 1;
    config.data.img_size = SIDE;
    config.limits.message_max_mib = 1;
    if (rg_file_write(path, list, sizeof list - 1) != 0) give_up("list");
    if (rg_dataset_open(&set, &config) != 0) give_up("data set");
    rg_batcher_new(&batcher, &config, &set);
    atexit(close_data_set);
}

// An ingest request. The next message of the input is taken as the encoder's answer to it.
static void ingest(const rg_msg_t *request, frames_input_t *input)
{
    rg_msg_t *reply = NULL, *store = NULL, *outcomes;
    if (rg_ingest_decode(&config, request, &reply, &store) != 0) {
        if (reply || store) abort();
        return;
    }
    if (!reply) abort();
    if (store && (outcomes = frames_next(input)) != NULL) {
        if (rg_msg_kind(outcomes) == RG__V1__ENVELOPE__BODY_INGEST_REPLY) rg_ingest_merge(reply, outcomes);
        rg_msg_destroy(&outcomes);
    }
    rg_ingest_count(reply, RG__V1__FATE__REFUSED);
    rg_msg_destroy(&reply);
    rg_msg_destroy(&store);
}

static void draw_batch(const rg_msg_t *request)
{
    rg_msg_t *reply = NULL;
    int err = rg_batcher_answer(batcher, request, &reply);
    if ((err != 0) != (reply == NULL)) give_up("neither a reply nor an error");
    rg_msg_destroy(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    frames_input_t input = {data, size};
    rg_msg_t *request;
    if (!batcher) open_data_set();
    while ((request = frames_next(&input)) != NULL) {
        if (rg_msg_kind(request) == RG__V1__ENVELOPE__BODY_INGEST_REQUEST)
            ingest(request, &input);
        else if (rg_msg_kind(request) == RG__V1__ENVELOPE__BODY_BATCH_REQUEST)
            draw_batch(request);
        rg_msg_destroy(&request);
    }
    return 0;
}

// ---- seeds

static rg_msg_t *ingest_request(void)
{
    static const char *const names[] = {"baseline", "grey", "cmyk"};
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_INGEST_REQUEST);
    Rg__V1__IngestRequest *body = rg_msg_body(msg);
    body->n_items = 3;
    body->items = (Rg__V1__Item **)rg_msg_array(msg, &rg__v1__item__descriptor, 3);
    for (unsigned i = 0; i < 3; i++) {
        char file[64], name[16];
        unsigned char *jpeg;
        size_t size;
        snprintf(file, sizeof file, "tests/unit/data/fixtures/%s.jpg", names[i]);
        snprintf(name, sizeof name, "%u", i);
        body->items[i]->name = rg_msg_text(msg, "%s.jpg", names[i]);
        if (rg_file_read(file, 1 << 20, &jpeg, &size) != 0) give_up("seed");
        rg_msg_copy(msg, name, RG__V1__DTYPE__U8, 1, (const uint32_t[]){(uint32_t)size}, jpeg);
        free(jpeg);
    }
    return msg;
}

static rg_msg_t *ingest_reply(unsigned n)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_INGEST_REPLY);
    Rg__V1__IngestReply *body = rg_msg_body(msg);
    body->n_outcomes = n;
    body->outcomes = (Rg__V1__Outcome **)rg_msg_array(msg, &rg__v1__outcome__descriptor, n);
    for (unsigned i = 0; i < n; i++) {
        body->outcomes[i]->fate = RG__V1__FATE__ADDED;
        body->outcomes[i]->reason = rg_msg_text(msg, "%s", "for a reason");
    }
    return msg;
}

static rg_msg_t *batch_request(uint64_t index)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_BATCH_REQUEST);
    Rg__V1__BatchRequest *body = rg_msg_body(msg);
    body->stream = rg_msg_text(msg, "%s", "stage1");
    body->index = index;
    body->images = 2;
    body->references = 1;
    body->flipped = index & 1;
    return msg;
}

size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity)
{
    size_t at = 0;
    if (i > 3) return 0;
    if (i < 3) at = frames_put(out, at, capacity, ingest_request());
    if (i < 2) at = frames_put(out, at, capacity, ingest_reply(2 + (unsigned)i));
    if (i == 3)
        for (unsigned j = 0; j < 3; j++) at = frames_put(out, at, capacity, batch_request(j << 20 | j));
    return at;
}
