// Searches of the retrieval service over ipc beside FAISS's own in this process, on the same vectors and in
// the same rounds: throughput of batches, and how long single queries take. The service must be running with
// an empty store (retrieval.sh starts it). Prints the table; the last line is the least ratio of the
// throughputs.
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/rng.h"
#include "common/wire/wire.h"
#include "services/retrieval/index.h"
#include "tests/bench/timing.h"

enum { D = 100, K = 10, ADD_BATCH = 250, ROUNDS = 9, SINGLES = 200, VECTORS = 200000 };
static const int BATCHES[] = {32, 256};
static const char MODEL[] = "bench";

typedef struct {
    rg_link_t *link;
    rg_index_t *index;
    float *vectors; // [VECTORS,D]
    float *queries; // [SINGLES,D]
} bench_t;

static float *normal(size_t n, uint64_t index)
{
    float *x = rg_alloc(n * sizeof *x);
    rg_rng_t rng;
    rg_rng_init(&rng, 1, RG_RNG_SEARCH, index);
    for (size_t i = 0; i < n; i++) x[i] = rg_rng_normal(&rng);
    return x;
}

// ---- filling

static int use_model(bench_t *b)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_MODEL_REQUEST), *reply = NULL;
    Rg__V1__ModelRequest *body = rg_msg_body(request);
    body->model = rg_msg_text(request, "%s", MODEL);
    body->embed_dim = D;
    body->n_content_shape = 3;
    body->content_shape = rg_msg_alloc(request, 3 * sizeof *body->content_shape);
    for (int i = 0; i < 3; i++) body->content_shape[i] = 1;
    int err = rg_link_ask(b->link, &request, &reply, -1);
    rg_msg_destroy(&reply);
    return err;
}

static int add(bench_t *b, uint32_t first)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_ADD_REQUEST), *reply = NULL;
    Rg__V1__AddRequest *body = rg_msg_body(request);
    const uint32_t n = ADD_BATCH;
    const uint16_t contents[ADD_BATCH] = {0};
    body->model = rg_msg_text(request, "%s", MODEL);
    body->n_items = n;
    body->items = (Rg__V1__Item **)rg_msg_array(request, &rg__v1__item__descriptor, n);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t id[RG_ID_SIZE] = {0};
        char payload[16];
        uint32_t number = first + i;
        memcpy(id, &number, sizeof number);
        body->items[i]->name = rg_msg_text(request, "%u.jpg", number);
        rg_msg_bytes(request, &body->items[i]->id, id, sizeof id);
        snprintf(payload, sizeof payload, "%u", i);
        rg_msg_copy(request, payload, RG__V1__DTYPE__U8, 1, (const uint32_t[]){4}, "JPEG");
    }
    rg_msg_copy(request, "embeddings", RG__V1__DTYPE__F32, 2, (const uint32_t[]){n, D},
                b->vectors + (size_t)first * D);
    rg_msg_copy(request, "content", RG__V1__DTYPE__F16, 4, (const uint32_t[]){n, 1, 1, 1}, contents);
    int err = rg_link_ask(b->link, &request, &reply, -1);
    rg_msg_destroy(&reply);
    return err;
}

static int fill(bench_t *b)
{
    int64_t *labels = rg_alloc(VECTORS * sizeof *labels);
    for (int i = 0; i < VECTORS; i++) labels[i] = i;
    int err = rg_index_new(&b->index, "Flat", D);
    if (!err) err = rg_index_add(b->index, b->vectors, labels, VECTORS);
    if (!err) err = use_model(b);
    double start = rg_timing_ms();
    for (uint32_t i = 0; i < VECTORS && !err; i += ADD_BATCH) err = add(b, i);
    fprintf(stderr, "%d vectors added durably, %.0f per second\n", VECTORS,
            VECTORS / (rg_timing_ms() - start) * 1e3);
    free(labels);
    return err;
}

// ---- searching

static int ask(bench_t *b, const float *queries, uint32_t n, int64_t *found)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_SEARCH_REQUEST), *reply = NULL;
    Rg__V1__SearchRequest *body = rg_msg_body(request);
    body->model = rg_msg_text(request, "%s", MODEL);
    body->k = K;
    rg_msg_copy(request, "queries", RG__V1__DTYPE__F32, 2, (const uint32_t[]){n, D}, queries);
    int err = rg_link_ask(b->link, &request, &reply, -1);
    if (err) return err;
    const Rg__V1__SearchReply *answer = rg_msg_body(reply);
    for (size_t i = 0; i < answer->n_neighbours && i < (size_t)n * K; i++) {
        uint32_t number = 0;
        memcpy(&number, answer->neighbours[i]->id.data, sizeof number);
        found[i] = number;
    }
    rg_msg_destroy(&reply);
    return 0;
}

typedef struct {
    double own_ms, faiss_ms;
} times_t;

static int once(bench_t *b, const float *queries, int n, times_t *times)
{
    int64_t *own = rg_alloc((size_t)(n * K) * sizeof *own),
            *faiss = rg_alloc((size_t)(n * K) * sizeof *faiss);
    float *distances = rg_alloc((size_t)(n * K) * sizeof *distances);
    double start = rg_timing_ms();
    int err = ask(b, queries, (uint32_t)n, own);
    double middle = rg_timing_ms();
    if (!err) err = rg_index_search(b->index, faiss, distances, queries, (size_t)n, K);
    *times = (times_t){middle - start, rg_timing_ms() - middle};
    if (!err && memcmp(own, faiss, (size_t)(n * K) * sizeof *own) != 0)
        err = rg_fail(RG_ENUMERIC, "the service finds other neighbours than FAISS");
    free(own);
    free(faiss);
    free(distances);
    return err;
}

static double throughput(bench_t *b, int n, int *err)
{
    double own[ROUNDS], faiss[ROUNDS];
    times_t times;
    float *queries = normal((size_t)n * D, (uint64_t)n);
    for (int r = -1; r < ROUNDS && !*err; r++) {
        *err = once(b, queries, n, &times);
        if (r >= 0) own[r] = times.own_ms, faiss[r] = times.faiss_ms;
    }
    free(queries);
    if (*err) return 0;
    double own_ms = rg_timing_median(own, ROUNDS), faiss_ms = rg_timing_median(faiss, ROUNDS);
    printf("| %d queries, queries/s | %.0f | %.0f | %.2f |\n", n, n / own_ms * 1e3, n / faiss_ms * 1e3,
           faiss_ms / own_ms);
    return faiss_ms / own_ms;
}

static int singles(bench_t *b)
{
    double own[SINGLES], faiss[SINGLES];
    times_t times;
    int err = 0;
    for (int i = 0; i < SINGLES && !err; i++) {
        err = once(b, b->queries + (size_t)i * D, 1, &times);
        own[i] = times.own_ms;
        faiss[i] = times.faiss_ms;
    }
    if (err) return err;
    double median = rg_timing_median(own, SINGLES), faiss_median = rg_timing_median(faiss, SINGLES);
    printf("| one query, median ms | %.2f | %.2f | +%.2f ms |\n", median, faiss_median,
           median - faiss_median);
    int p99 = SINGLES * 99 / 100; // sorted by the medians
    printf("| one query, p99 ms | %.2f | %.2f | +%.2f ms |\n", own[p99], faiss[p99], own[p99] - faiss[p99]);
    return 0;
}

int main(int argc, char **argv)
{
    rg_config_t config;
    bench_t b = {.vectors = normal((size_t)VECTORS * D, 0), .queries = normal((size_t)SINGLES * D, 1)};
    double least = 1e9;
    rg_timing_config(
        argc, argv,
        "Searches of a running retrieval service beside FAISS's own.\vretrieval.sh starts the service.",
        &config);
    int err = rg_link_new(&b.link, &config, "retrieval", config.endpoints.retrieval, NULL);
    if (!err) err = fill(&b);
    if (!err)
        printf("%d vectors of %d, k = %d, %d threads each, medians of %d\n\n| | service over ipc | FAISS in "
               "process | |\n"
               "|---|---:|---:|---:|\n",
               VECTORS, D, K, omp_get_max_threads(), ROUNDS);
    for (size_t i = 0; i < sizeof BATCHES / sizeof *BATCHES && !err; i++) {
        double ratio = throughput(&b, BATCHES[i], &err);
        if (ratio < least) least = ratio;
    }
    if (!err) err = singles(&b);
    rg_link_destroy(&b.link);
    if (err) return fprintf(stderr, "retrieval: %s\n", rg_error()), 1;
    printf("\nratio %.2f\n", least);
    return 0;
}
