// Hostile requests to the retrieval service. The input is a sequence of messages, answered one after the
// other by a small set. Afterwards the set must be sound: searches find exactly what is stored (rg_verify).
#include <stdio.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/nn/linalg.h"
#include "services/retrieval/answers.h"
#include "services/retrieval/verify.h"
#include "tests/fuzz/frames.h"
#include "tests/fuzz/scratch.h"
#include "tests/support/retrieval_requests.h"

enum { MAP_BYTES = 256 << 20, D = 4, C = 2, PAGE = 32 };

static rg_work_t GO;

static rg_answers_t answers = {.k_max = 10, .batch_max = 40, .reply_max = 64 << 10, .effort = {1, 8}};

static void give_up(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, rg_error());
    abort();
}

static void close_set(void)
{
    rg_set_close(&answers.set);
}

static void open_set(void)
{
    const rg_set_options_t options = {.path = scratch_open(), .index = "HNSW4", .map_bytes = MAP_BYTES};
    rg_linalg_threads(1);
    if (rg_set_open(&answers.set, &options) != 0) give_up("open");
    atexit(close_set);
}

// Lists up to PAGE images from label `from` on.
static size_t list_page(uint64_t from, rg_store_image_t images[PAGE], uint64_t *next)
{
    rg_read_view_t read;
    size_t n;
    if (rg_read_view_begin(&read, answers.set) != 0) give_up("begin to read");
    if (rg_read_view_list(&read, from, 0, images, PAGE, &n, next) != 0) give_up("list");
    rg_read_view_end(&read);
    return n;
}

// Empties the set: no images, and a current model that no seed names.
static void empty_set(void)
{
    rg_store_image_t images[PAGE];
    uint64_t next, missing;
    for (size_t n; (n = list_page(0, images, &next)) > 0;) {
        uint8_t ids[PAGE * RG_ID_SIZE];
        rg_set_removal_t removal;
        for (size_t i = 0; i < n; i++) memcpy(ids + i * RG_ID_SIZE, images[i].id, RG_ID_SIZE);
        if (rg_set_remove(answers.set, ids, n, UINT64_MAX, &removal) != 0 || removal.removed != n)
            give_up("remove");
    }
    rg_store_model_t model = {.name = "\1a", .embed_dim = 1, .features_shape = {1, 1, 1}};
    while (rg_set_use_model(answers.set, &model, &missing) != 0 && model.name[1]++ < 'z') continue;
}

static void build_index(int from_store)
{
    rg_set_build_t *built = NULL;
    if (rg_set_build(answers.set, from_store, &GO, &built) != 0) give_up("build");
    rg_set_publish_build(answers.set, &built);
}

static int answer_request(const rg_msg_t *request, rg_msg_t **reply)
{
    switch (rg_msg_kind(request)) {
    case RG__V1__ENVELOPE__BODY_MODEL_REQUEST:
        return rg_answer_model(&answers, request, reply);
    case RG__V1__ENVELOPE__BODY_ADD_REQUEST:
        return rg_answer_add(&answers, request, reply);
    case RG__V1__ENVELOPE__BODY_REMOVE_REQUEST:
        return rg_answer_remove(&answers, request, reply);
    case RG__V1__ENVELOPE__BODY_SEARCH_REQUEST:
        return rg_answer_search(&answers, request, reply);
    case RG__V1__ENVELOPE__BODY_LIST_REQUEST:
        return rg_answer_list(&answers, request, reply);
    case RG__V1__ENVELOPE__BODY_INDEX_REQUEST:
        build_index(((const Rg__V1__IndexRequest *)rg_msg_body(request))->action ==
                    RG__V1__INDEX_ACTION__REBUILD);
        return rg_answer_index(&answers, reply);
    default:
        return RG_EINVAL;
    }
}

// A reply can be packed, and its payloads stay below the limit.
static void check_reply(rg_msg_t *reply)
{
    unsigned char *envelope;
    size_t size, bytes = 0;
    rg_frame_t frame;
    if (rg_msg_pack(reply, 1, &envelope, &size) != 0) give_up("pack");
    for (size_t i = 0; rg_msg_frame(reply, i, &frame); i++) bytes += frame.size;
    if (bytes > answers.reply_max) give_up("the reply is over the limit");
    free(envelope);
    rg_msg_destroy(&reply);
}

static void check_set(void)
{
    static rg_verify_report_t report;
    rg_read_view_t read;
    if (rg_read_view_begin(&read, answers.set) != 0) give_up("begin to read");
    if (rg_verify(&report, &read, &GO) != 0) give_up("verify");
    if (report.problems) {
        fprintf(stderr, "%s\n", report.problem[0]);
        abort();
    }
    rg_read_view_end(&read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    frames_input_t input = {data, size};
    rg_msg_t *request;
    if (!answers.set) open_set();
    empty_set();
    while ((request = frames_next(&input)) != NULL) {
        rg_msg_t *reply = NULL;
        int err = answer_request(request, &reply);
        if ((err != 0) != (reply == NULL)) give_up("neither a reply nor an error");
        if (reply) check_reply(reply);
        rg_msg_destroy(&request);
    }
    check_set();
    return 0;
}

// ---- seeds

static rg_msg_t *seed_model(const char *name, uint32_t dim)
{
    const rg_store_model_t sizes = {.embed_dim = dim, .features_shape = {1, 1, C}};
    return model_request(name, &sizes, 3);
}

static void fill_id(uint8_t id[RG_ID_SIZE], unsigned n)
{
    memset(id, 0, RG_ID_SIZE);
    memcpy(id, (const uint8_t[]){(uint8_t)n, 1, 2}, 3);
}

static rg_msg_t *seed_add(const char *name, unsigned first, uint32_t n)
{
    enum { MOST = 12 };
    rg_store_model_t model = {.embed_dim = D, .features_shape = {1, 1, C}};
    uint8_t ids[MOST][RG_ID_SIZE];
    char names[MOST][16];
    float embeddings[MOST][D] = {{0}};
    const uint16_t features[C] = {0};
    rg_set_item_t items[MOST];
    snprintf(model.name, sizeof model.name, "%s", name);
    for (uint32_t i = 0; i < n; i++) {
        fill_id(ids[i], first + i);
        snprintf(names[i], sizeof names[i], "%u.jpg", first + i);
        embeddings[i][0] = (float)(first + i);
        items[i] = (rg_set_item_t){.id = ids[i],
                                   .name = names[i],
                                   .embedding = embeddings[i],
                                   .features = features,
                                   .thumbnail = {"jpeg", 4},
                                   .annotated = i % 2};
    }
    return add_request(&model, items, n);
}

static rg_msg_t *seed_known(unsigned first)
{
    rg_msg_t *msg = seed_add("", first, 4);
    Rg__V1__AddRequest *body = rg_msg_body(msg);
    body->known = 1;
    body->asked_us = first;
    return msg;
}

static rg_msg_t *seed_search(const char *model, int filtered, int random)
{
    const float queries[2 * D] = {0};
    rg_msg_t *msg = search_request(model, random ? NULL : queries, 2, D, 3);
    Rg__V1__SearchRequest *body = rg_msg_body(msg);
    body->features = body->thumbnails = 1;
    body->nprobe = 4;
    body->ef_search = 16;
    rg_msg_reserve(msg, "exclude", RG__V1__DTYPE__U8, 2, (const uint32_t[]){2, RG_ID_SIZE});
    if (filtered) {
        Rg__V1__Filter *filter = add_filter(msg);
        uint8_t id[RG_ID_SIZE];
        fill_id(id, 1);
        filter->name_prefix = rg_msg_text(msg, "1");
        filter->annotation = RG__V1__ANNOTATION__ANNOTATED;
        filter->added_from_ms = 1;
        filter->added_until_ms = UINT64_MAX;
        put_ids(msg, &filter->n_exclude, &filter->exclude, id, 1, RG_ID_SIZE);
    }
    return msg;
}

static rg_msg_t *seed_ids(rg_msg_t *(*request)(const uint8_t *, size_t, size_t), unsigned first, size_t n)
{
    uint8_t ids[4 * RG_ID_SIZE];
    for (size_t i = 0; i < n; i++) fill_id(ids + i * RG_ID_SIZE, first + (unsigned)i);
    return request(ids, n, RG_ID_SIZE);
}

static rg_msg_t *seed_list(int missing)
{
    rg_msg_t *msg = list_request(0, 5);
    Rg__V1__ListRequest *body = rg_msg_body(msg);
    body->missing = missing;
    body->embeddings = 1;
    return msg;
}

// The steps of a client as letters: m, n, o announce a model; a, b add with model m, n; k asks what is known; r
// removes; s, f, x search with model m plainly, filtered, at random; t searches with model n; l, L, d list all
// images, missing ones, some by their ids; i compacts, I rebuilds.
static rg_msg_t *seed_step(char letter, unsigned i)
{
    switch (letter) {
    case 'm':
        return seed_model("m", D);
    case 'n':
        return seed_model("n", D);
    case 'o':
        return seed_model("o", D + 1);
    case 'a':
        return seed_add("m", 2 * i, 6);
    case 'b':
        return seed_add("n", 2 * i, 12);
    case 'k':
        return seed_known(i);
    case 'r':
        return seed_ids(remove_request, i, 3);
    case 's':
        return seed_search("m", 0, 0);
    case 't':
        return seed_search("n", 1, 0);
    case 'f':
        return seed_search("m", 1, 0);
    case 'x':
        return seed_search("m", 1, 1);
    case 'l':
        return seed_list(0);
    case 'L':
        return seed_list(1);
    case 'd':
        return seed_ids(list_ids_request, i, 4);
    case 'i':
        return index_request(RG__V1__INDEX_ACTION__COMPACT);
    default:
        return index_request(RG__V1__INDEX_ACTION__REBUILD);
    }
}

size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity)
{
    static const char *const clients[] = {"m",        "mas",    "masflr",   "maxrx",      "manLbs",
                                          "manbbbtL", "maisr",  "maIarsif", "manbrrrrrt", "masnobamabbt",
                                          "amsm",     "mardnd", "kmakrk"};
    size_t at = 0;
    if (i >= sizeof clients / sizeof *clients) return 0;
    for (unsigned j = 0; clients[i][j]; j++)
        at = frames_put(out, at, capacity, seed_step(clients[i][j], j % 4));
    return at;
}
