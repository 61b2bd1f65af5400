// The retrieval service over ipc compared with FAISS in this process, on the same vectors, in alternating
// rounds:
//   - queries per second of batches, and latency of single queries (median and 99th percentile)
//   - latency of single queries while vectors are added
//   - recall of the approximate index after building, adding, removing and building again
// retrieval.sh starts the services, with empty stores. Prints tables; the last line is the least ratio of the
// queries per second.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/core/rng.h"
#include "tests/bench/adder.h"
#include "tests/bench/retrieval_client.h"
#include "tests/bench/faiss_peer.h"
#include "tests/bench/timing.h"

// Like embeddings of images, the vectors have few degrees of freedom (LATENT) and some noise.
enum { D = CLIENT_D, LATENT = 16, K = 10, ROUNDS = 9, SINGLES = 800, BLOCK = 50, SAMPLE = 1000 };
enum { VECTORS = 200000, MORE = 100000, RATE = 5000, GROWN = 20000, REMOVED = 10000 };
static const int BATCHES[] = {32, 256};
static const double FLOOR = 0.98; // of recall

typedef struct {
    rg_config_t config;
    rg_link_t *link;
    float *vectors; // [VECTORS+MORE,D]
    float *queries; // [SAMPLE,D]
    double least;   // ratio of throughputs so far
} bench_t;

// ---- data

static void fill_normal(float *x, size_t n, uint64_t index)
{
    rg_rng_t rng;
    rg_rng_init(&rng, 1, RG_RNG_SEARCH, index);
    for (size_t i = 0; i < n; i++) x[i] = rg_rng_normal(&rng);
}

static float *draw(size_t n, uint64_t index)
{
    static float mix[LATENT * D];
    float *x = rg_alloc(n * D * sizeof *x), *latent = rg_alloc(n * LATENT * sizeof *latent);
    fill_normal(mix, LATENT * D, 0);
    fill_normal(latent, n * LATENT, 2 * index + 1);
    fill_normal(x, n * D, 2 * index + 2);
    for (size_t i = 0; i < n; i++)
        for (int d = 0; d < D; d++) {
            float sum = 0.3F * x[i * D + (size_t)d];
            for (int l = 0; l < LATENT; l++) sum += latent[i * LATENT + (size_t)l] * mix[l * D + d];
            x[i * D + (size_t)d] = sum / 4;
        }
    free(latent);
    return x;
}

static int fill(bench_t *b)
{
    int err = client_announce(b->link);
    double start = rg_clock_ms();
    for (uint32_t i = 0; i < VECTORS && !err; i += CLIENT_BATCH)
        err = client_add(b->link, b->vectors + (size_t)i * D, i, CLIENT_BATCH);
    if (!err)
        printf("%d vectors added durably, %.0f per second\n", VECTORS,
               VECTORS / (rg_clock_ms() - start) * 1e3);
    return err;
}

// ---- the two sides

// The share of the neighbours in `right` [n,k] that `found` [n,k] holds, too.
static double recall(const int64_t *found, const int64_t *right, size_t n)
{
    size_t same = 0;
    for (size_t i = 0; i < n * K; i++)
        for (size_t j = i / K * K; j < (i / K + 1) * K; j++) same += found[j] == right[i];
    return (double)same / (double)(n * K);
}

typedef struct {
    const char *name;
    peer_t *peer;
    peer_way_t ways[4]; // of FAISS; the fastest one counts
    int n_ways;
    uint32_t ef_search; // of the service
    double agreement;   // least share of common neighbours so far
} match_t;

// One search by the service and one by each way of FAISS. Writes the times in ms.
static int search_once(bench_t *b, match_t *match, const float *queries, size_t n, double *own,
                       double *theirs)
{
    int64_t *found = rg_alloc(n * K * sizeof *found), *peers = rg_alloc(n * K * sizeof *peers);
    double start = rg_clock_ms();
    int err = client_search(b->link, found, queries, (uint32_t)n, (client_search_t){K, match->ef_search, 0});
    *own = rg_clock_ms() - start;
    for (int w = 0; w < match->n_ways; w++) {
        start = rg_clock_ms();
        peer_search(match->peer, peers, queries, n, K, match->ways[w]);
        theirs[w] = rg_clock_ms() - start;
    }
    double agreement = err ? 0 : recall(found, peers, n);
    if (agreement < match->agreement) match->agreement = agreement;
    free(found);
    free(peers);
    return err;
}

// Returns the way with the least median of `rounds` times.
static int best_way(double theirs[][SINGLES], int n_ways, int rounds)
{
    int best = 0;
    for (int w = 0; w < n_ways; w++)
        if (rg_timing_median(theirs[w], rounds) < rg_timing_median(theirs[best], rounds)) best = w;
    return best;
}

static const char *describe(peer_way_t way, char text[32])
{
    snprintf(text, 32, "%d thread%s%s", way.threads, way.threads > 1 ? "s" : "", way.blas ? ", BLAS" : "");
    return text;
}

static int throughput(bench_t *b, match_t *match, size_t n)
{
    static double own[SINGLES], theirs[4][SINGLES];
    char text[32];
    int err = 0;
    for (int r = -1; r < ROUNDS && !err; r++) {
        double one[4];
        err = search_once(b, match, b->queries, n, &own[r < 0 ? 0 : r], one);
        for (int w = 0; w < match->n_ways; w++) theirs[w][r < 0 ? 0 : r] = one[w];
    }
    if (err) return err;
    int best = best_way(theirs, match->n_ways, ROUNDS);
    double own_ms = rg_timing_median(own, ROUNDS), peer_ms = rg_timing_median(theirs[best], ROUNDS);
    printf("| %s, batches of %zu, queries/s | %.0f | %.0f | %.2f | %s |\n", match->name, n,
           (double)n / own_ms * 1e3, (double)n / peer_ms * 1e3, peer_ms / own_ms,
           describe(match->ways[best], text));
    if (peer_ms / own_ms < b->least) b->least = peer_ms / own_ms;
    return 0;
}

// Times a block of single queries: all of them by the service, then all by each way of FAISS. Blocks, because
// a client that sends one query usually sends more.
static int time_block(bench_t *b, match_t *match, int first, double *own, double theirs[][SINGLES])
{
    int64_t found[K], peers[K];
    for (int i = first; i < first + BLOCK; i++) {
        double start = rg_clock_ms();
        int err = client_search(b->link, found, b->queries + (size_t)i * D, 1,
                                (client_search_t){K, match->ef_search, 0});
        own[i] = rg_clock_ms() - start;
        if (err) return err;
    }
    for (int w = 0; w < match->n_ways; w++)
        for (int i = first; i < first + BLOCK; i++) {
            double start = rg_clock_ms();
            peer_search(match->peer, peers, b->queries + (size_t)i * D, 1, K, match->ways[w]);
            theirs[w][i] = rg_clock_ms() - start;
        }
    return 0;
}

static int singles(bench_t *b, match_t *match)
{
    static double own[SINGLES], theirs[4][SINGLES];
    char text[32];
    int err = 0;
    for (int i = 0; i < SINGLES && !err; i += BLOCK) err = time_block(b, match, i, own, theirs);
    if (err) return err;
    int best = best_way(theirs, match->n_ways, SINGLES);
    const int at[] = {SINGLES / 2, SINGLES * 99 / 100};
    rg_timing_median(own, SINGLES); // sorts
    for (int i = 0; i < 2; i++)
        printf("| %s, one query, %s ms | %.2f | %.2f | %+.2f ms | %s |\n", match->name, i ? "p99" : "median",
               own[at[i]], theirs[best][at[i]], own[at[i]] - theirs[best][at[i]],
               describe(match->ways[best], text));
    return 0;
}

static int compare_all(bench_t *b, match_t *match)
{
    int err = 0;
    for (size_t i = 0; i < sizeof BATCHES / sizeof *BATCHES && !err; i++)
        err = throughput(b, match, (size_t)BATCHES[i]);
    if (!err) err = singles(b, match);
    if (!err) printf("| %s, common neighbours | %.4f | | | |\n", match->name, match->agreement);
    return err;
}

static int compare_exact(bench_t *b)
{
    const int threads = b->config.threads;
    match_t match = {.name = "exact",
                     .peer = peer_flat(b->vectors, VECTORS, D),
                     .ways = {{1, 0, 0}, {threads, 0, 0}, {1, 1, 0}, {threads, 1, 0}},
                     .n_ways = 4,
                     .agreement = 1};
    int err = compare_all(b, &match);
    peer_destroy(match.peer);
    return err;
}

// ---- searches while vectors are added

static void copy_vectors(void *self, float *out, uint32_t first, uint32_t n)
{
    const bench_t *b = self;
    memcpy(out, b->vectors + (size_t)first * D, (size_t)n * D * sizeof *out);
}

static int time_singles(bench_t *b, double *times)
{
    int64_t found[K];
    int err = 0;
    for (int i = 0; i < SINGLES && !err; i++) {
        double start = rg_clock_ms();
        err = client_search(b->link, found, b->queries + (size_t)i * D, 1, (client_search_t){K, 0, 0});
        times[i] = rg_clock_ms() - start;
    }
    rg_timing_median(times, SINGLES); // sorts
    return err;
}

static int search_while_adding(bench_t *b)
{
    static double idle[SINGLES], busy[SINGLES];
    const adder_plan_t plan = {&b->config, VECTORS, VECTORS + MORE, RATE, copy_vectors, b};
    adder_t *adder;
    uint32_t added;
    double rate;
    int p99 = SINGLES * 99 / 100, err = time_singles(b, idle);
    if (!err) err = adder_start(&adder, &plan);
    if (err) return err;
    err = time_singles(b, busy);
    int adding = adder_stop(&adder, &added, &rate);
    if (err || adding) return err ? err : adding;
    printf("| one query while %.0f/s are added, p99 ms | %.2f | %.2f idle | %.2f times | |\n", rate,
           busy[p99], idle[p99], busy[p99] / idle[p99]);
    return 0;
}

// ---- the approximate index

static int measure_recall(bench_t *b, uint32_t ef_search, double *out)
{
    int64_t *found = rg_alloc(SAMPLE * K * sizeof *found), *right = rg_alloc(SAMPLE * K * sizeof *right);
    int err = 0;
    for (uint32_t i = 0; i < SAMPLE && !err; i += CLIENT_BATCH) {
        const float *queries = b->queries + (size_t)i * D;
        err =
            client_search(b->link, found + i * K, queries, CLIENT_BATCH, (client_search_t){K, ef_search, 0});
        if (!err)
            err = client_search(b->link, right + i * K, queries, CLIENT_BATCH, (client_search_t){K, 0, 1});
    }
    *out = recall(found, right, SAMPLE);
    free(found);
    free(right);
    return err;
}

static int print_recall(bench_t *b, uint32_t ef_search, const char *when)
{
    double value;
    int err = measure_recall(b, ef_search, &value);
    if (!err) printf("| recall at %d %s | %.4f | | | |\n", K, when, value);
    return err;
}

// Finds the least efSearch whose recall reaches FLOOR.
static int choose_effort(bench_t *b, uint32_t *ef_search)
{
    double value = 0;
    int err = 0;
    for (*ef_search = 16; !err && *ef_search < 4096; *ef_search = *ef_search * 5 / 4) {
        err = measure_recall(b, *ef_search, &value);
        if (!err && value >= FLOOR) return 0;
    }
    return err ? err : rg_fail(RG_ENUMERIC, "recall stays at %.3f", value);
}

// Reads the index of the service from its snapshot; the offset follows from the head (snapshot.c).
static peer_t *read_snapshot(const bench_t *b)
{
    char *path = rg_format("%s/index.snapshot", b->config.retrieval.path);
    uint32_t lengths[2];
    uint64_t rows[3]; // number of the file of rows, rows in it, all rows
    FILE *file = fopen(path, "r");
    peer_t *peer = NULL;
    if (file && fseek(file, 16, SEEK_SET) == 0 && fread(lengths, sizeof lengths, 1, file) == 1 &&
        fread(rows, sizeof rows, 1, file) == 1)
        peer = peer_read(path, (long)(64 + lengths[0] + lengths[1] + (rows[2] - rows[1]) * sizeof(int64_t)));
    if (file) fclose(file);
    free(path);
    return peer;
}

static int change_and_measure(bench_t *b, uint32_t ef_search)
{
    int err = print_recall(b, ef_search, "after building");
    for (uint32_t i = 0; i < GROWN && !err; i += CLIENT_BATCH)
        err = client_add(b->link, b->vectors + (size_t)(VECTORS + i) * D, VECTORS + i, CLIENT_BATCH);
    if (!err) err = print_recall(b, ef_search, "after adding 20,000");
    for (uint32_t i = 0; i < REMOVED && !err; i += CLIENT_BATCH)
        err = client_remove(b->link, i * 7, CLIENT_BATCH);
    if (!err) err = print_recall(b, ef_search, "after removing 10,000");
    if (!err) err = client_index(b->link, RG__V1__INDEX_ACTION__REBUILD);
    return err ? err : print_recall(b, ef_search, "after building again");
}

static int compare_hnsw(bench_t *b)
{
    const int threads = b->config.threads;
    match_t match = {.name = "HNSW32", .n_ways = 2, .agreement = 1};
    double start = rg_clock_ms();
    int err = client_index(b->link, RG__V1__INDEX_ACTION__REBUILD);
    if (!err) err = client_index(b->link, RG__V1__INDEX_ACTION__SNAPSHOT);
    if (!err)
        printf("| HNSW32, seconds to build, beside everything else | %.0f | | | |\n",
               (rg_clock_ms() - start) / 1e3);
    if (!err) err = choose_effort(b, &match.ef_search);
    if (err) return err;
    match.ways[0] = (peer_way_t){1, 0, (int)match.ef_search};
    match.ways[1] = (peer_way_t){threads, 0, (int)match.ef_search};
    match.peer = read_snapshot(b);
    if (!match.peer) return rg_fail(RG_EFORMAT, "%s: no snapshot", b->config.retrieval.path);
    printf("| HNSW32, efSearch for a recall of %.2f | %u | %u | | |\n", FLOOR, match.ef_search,
           match.ef_search);
    err = compare_all(b, &match);
    peer_destroy(match.peer);
    return err ? err : change_and_measure(b, match.ef_search);
}

// ---- start

static int run_bench(bench_t *b)
{
    int exact = strcmp(b->config.retrieval.index, "Flat") == 0;
    const rg_wire_options_t wire = rg_wire_options(&b->config);
    int err = rg_link_new(&b->link, &wire, "retrieval", b->config.endpoints.retrieval, NULL);
    if (!err) err = fill(b);
    if (err) return err;
    printf("%d vectors of %d, k = %d, medians of %d\n\n| | service over ipc | FAISS in process | | FAISS's "
           "best way |\n"
           "|---|---:|---:|---:|---|\n",
           VECTORS, D, K, ROUNDS);
    err = exact ? compare_exact(b) : compare_hnsw(b);
    if (!err && exact) err = search_while_adding(b);
    return err;
}

int main(int argc, char **argv)
{
    bench_t b = {.least = 1e9};
    rg_timing_config(
        argc, argv,
        "Searches of a running retrieval service beside FAISS's own.\vretrieval.sh starts the service.",
        &b.config);
    b.vectors = draw(VECTORS + MORE, 0);
    b.queries = draw(SAMPLE, 1);
    setvbuf(stdout, NULL, _IOLBF, 0);
    int err = run_bench(&b);
    rg_link_destroy(&b.link);
    if (err) return fprintf(stderr, "retrieval: %s\n", rg_error()), 1;
    printf("\nratio %.2f\n", b.least);
    return 0;
}
