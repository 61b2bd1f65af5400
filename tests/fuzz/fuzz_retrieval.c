// The retrieval service's conversations with a hostile peer: the messages of the input one after the other,
// on a small set. Whatever they are, the set stays sound: what is stored is what can be found.
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/nn/linalg.h"
#include "services/retrieval/answers.h"
#include "services/retrieval/verify.h"
#include "tests/fuzz/frames.h"

enum { MAP_BYTES = 256 << 20, D = 4, C = 2, PAGE = 32 };

static const atomic_int GO = 0;

static rg_answers_t answers = {.k_max = 10, .batch_max = 40, .reply_max = 64 << 10, .effort = {1, 8}};
static char folder[256];

static void give_up(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, rg_error());
    abort();
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *position)
{
    (void)info, (void)type, (void)position;
    return remove(path);
}

static void close_set(void)
{
    rg_set_close(&answers.set);
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void open_set(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/rg-fuzz-XXXXXX", base && *base ? base : "/tmp");
    const rg_set_options_t options = {
        .path = folder, .index = "HNSW4", .embed_dim = D, .map_bytes = MAP_BYTES};
    rg_linalg_threads(1);
    if (!mkdtemp(folder) || rg_set_open(&answers.set, &options) != 0) give_up("open");
    atexit(close_set);
}

// Walks the list to its end.
static size_t list(uint64_t from, rg_store_image_t images[PAGE], uint64_t *next)
{
    rg_read_view_t read;
    size_t n;
    if (rg_read_view_begin(&read, answers.set) != 0) give_up("look");
    if (rg_read_view_list(&read, from, 0, images, PAGE, &n, next) != 0) give_up("list");
    rg_read_view_end(&read);
    return n;
}

// No images, and a model that no message has named.
static void empty_set(void)
{
    rg_store_image_t images[PAGE];
    uint64_t next, missing;
    for (size_t n; (n = list(0, images, &next)) > 0;) {
        uint8_t ids[PAGE * RG_ID_SIZE];
        size_t removed;
        for (size_t i = 0; i < n; i++) memcpy(ids + i * RG_ID_SIZE, images[i].id, RG_ID_SIZE);
        if (rg_set_remove(answers.set, ids, n, &removed) != 0 || removed != n) give_up("remove");
    }
    rg_store_model_t model = {.name = "\1a", .embed_dim = 1, .features_shape = {1, 1, 1}};
    while (rg_set_use_model(answers.set, &model, &missing) != 0 && model.name[1]++ < 'z') continue;
}

static void build(int from_store)
{
    rg_set_build_t *built = NULL;
    if (rg_set_build(answers.set, from_store, &GO, &built) != 0) give_up("build");
    rg_set_publish_build(answers.set, &built);
}

static int answer(const rg_msg_t *request, rg_msg_t **reply)
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
        build(((const Rg__V1__IndexRequest *)rg_msg_body(request))->action == RG__V1__INDEX_ACTION__REBUILD);
        return rg_answer_index(&answers, reply);
    default:
        return RG_EINVAL;
    }
}

// A reply that is given can be sent, and is not over the limit by more than its envelope and embeddings.
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
    if (rg_read_view_begin(&read, answers.set) != 0) give_up("look");
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
        int err = answer(request, &reply);
        if ((err != 0) != (reply == NULL)) give_up("neither a reply nor an error");
        if (reply) check_reply(reply);
        rg_msg_destroy(&request);
    }
    check_set();
    return 0;
}

// ---- seeds

static rg_msg_t *model_request(const char *model, uint32_t dim)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_MODEL_REQUEST);
    Rg__V1__ModelRequest *body = rg_msg_body(msg);
    body->model = rg_msg_text(msg, "%s", model);
    body->embed_dim = dim;
    body->n_features_shape = 3;
    body->features_shape = rg_msg_alloc(msg, 3 * sizeof(uint32_t));
    for (int i = 0; i < 3; i++) body->features_shape[i] = i < 2 ? 1 : C;
    return msg;
}

static void make_id(rg_msg_t *msg, ProtobufCBinaryData *field, unsigned n)
{
    uint8_t id[RG_ID_SIZE] = {(uint8_t)n, 1, 2};
    rg_msg_bytes(msg, field, id, sizeof id);
}

static rg_msg_t *add_request(const char *model, uint32_t first, uint32_t n)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_ADD_REQUEST);
    Rg__V1__AddRequest *body = rg_msg_body(msg);
    body->model = rg_msg_text(msg, "%s", model);
    body->n_items = n;
    body->items = (Rg__V1__Item **)rg_msg_array(msg, &rg__v1__item__descriptor, n);
    float *embeddings = rg_msg_room(msg, "embeddings", RG__V1__DTYPE__F32, 2, (const uint32_t[]){n, D});
    rg_msg_room(msg, "features", RG__V1__DTYPE__F16, 4, (const uint32_t[]){n, 1, 1, C});
    for (uint32_t i = 0; i < n; i++) {
        char name[16];
        embeddings[i * D] = (float)(first + i);
        body->items[i]->name = rg_msg_text(msg, "%u.jpg", first + i);
        body->items[i]->annotated = i % 2;
        make_id(msg, &body->items[i]->id, first + i);
        snprintf(name, sizeof name, "%u", (unsigned)i);
        rg_msg_copy(msg, name, RG__V1__DTYPE__U8, 1, (const uint32_t[]){4}, "jpeg");
    }
    return msg;
}

static rg_msg_t *search_request(const char *model, int filtered, int random)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_SEARCH_REQUEST);
    Rg__V1__SearchRequest *body = rg_msg_body(msg);
    body->model = rg_msg_text(msg, "%s", model);
    body->k = 3;
    body->features = body->thumbnails = 1;
    body->random = random;
    body->queries = 2;
    body->nprobe = 4;
    body->ef_search = 16;
    if (!random) rg_msg_room(msg, "queries", RG__V1__DTYPE__F32, 2, (const uint32_t[]){2, D});
    rg_msg_room(msg, "exclude", RG__V1__DTYPE__U8, 2, (const uint32_t[]){2, RG_ID_SIZE});
    if (filtered) {
        body->filter = (Rg__V1__Filter *)*rg_msg_array(msg, &rg__v1__filter__descriptor, 1);
        body->filter->name_prefix = rg_msg_text(msg, "1");
        body->filter->annotation = RG__V1__ANNOTATION__ANNOTATED;
        body->filter->added_from_ms = 1;
        body->filter->added_until_ms = UINT64_MAX;
        body->filter->n_exclude = 1;
        body->filter->exclude = rg_msg_alloc(msg, sizeof *body->filter->exclude);
        make_id(msg, body->filter->exclude, 1);
    }
    return msg;
}

static rg_msg_t *remove_request(unsigned first, size_t n)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_REMOVE_REQUEST);
    Rg__V1__RemoveRequest *body = rg_msg_body(msg);
    body->n_ids = n;
    body->ids = rg_msg_alloc(msg, n * sizeof *body->ids);
    for (size_t i = 0; i < n; i++) make_id(msg, &body->ids[i], first + (unsigned)i);
    return msg;
}

static rg_msg_t *list_request(int missing)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_LIST_REQUEST);
    Rg__V1__ListRequest *body = rg_msg_body(msg);
    body->limit = 5;
    body->missing = missing;
    body->thumbnails = body->embeddings = 1;
    return msg;
}

static rg_msg_t *named_request(unsigned first, size_t n)
{
    rg_msg_t *msg = list_request(0);
    Rg__V1__ListRequest *body = rg_msg_body(msg);
    body->n_ids = n;
    body->ids = rg_msg_alloc(msg, n * sizeof *body->ids);
    for (size_t i = 0; i < n; i++) make_id(msg, &body->ids[i], first + (unsigned)i);
    return msg;
}

static rg_msg_t *index_request(Rg__V1__IndexAction action)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_INDEX_REQUEST);
    ((Rg__V1__IndexRequest *)rg_msg_body(msg))->action = action;
    return msg;
}

// What a peer does, as a text: m, n announce a model; a, b add with it; r removes; s, f, x search plainly,
// filtered, at random; t searches with the second model; l, L, d list all, the missing, by ids; i, I build,
// rebuild.
static rg_msg_t *step(char what, unsigned i)
{
    switch (what) {
    case 'm':
        return model_request("m", D);
    case 'n':
        return model_request("n", D);
    case 'o':
        return model_request("o", D + 1);
    case 'a':
        return add_request("m", 2 * i, 6);
    case 'b':
        return add_request("n", 2 * i, 12);
    case 'r':
        return remove_request(i, 3);
    case 's':
        return search_request("m", 0, 0);
    case 't':
        return search_request("n", 1, 0);
    case 'f':
        return search_request("m", 1, 0);
    case 'x':
        return search_request("m", 1, 1);
    case 'l':
        return list_request(0);
    case 'L':
        return list_request(1);
    case 'd':
        return named_request(i, 4);
    case 'i':
        return index_request(RG__V1__INDEX_ACTION__COMPACT);
    default:
        return index_request(RG__V1__INDEX_ACTION__REBUILD);
    }
}

size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t room)
{
    static const char *const peers[] = {"m",          "mas",          "masflr", "maxrx",
                                        "manLbs",     "manbbbtL",     "maisr",  "maIarsif",
                                        "manbrrrrrt", "masnobamabbt", "amsm",   "mardnd"};
    size_t at = 0;
    if (i >= sizeof peers / sizeof *peers) return 0;
    for (unsigned j = 0; peers[i][j]; j++) at = frames_put(out, at, room, step(peers[i][j], j % 4));
    return at;
}
