// One step of scale.sh, which starts the service. Environment:
//   STEP    fill, first, search, grow, add, or one of scale_upkeep.c
//   N       vectors in the set
//   BASE    file of embeddings to draw from (scale_vectors.h), or nothing
//   FAISS   index_factory string to compare with, or nothing
//   READY   file that the step `first` makes before it asks
//   UNTIL   file that ends the step `add`
// Prints rows of a table: measure, service, FAISS in this process.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "tests/bench/adder.h"
#include "tests/bench/scale.h"

enum {
    D = CLIENT_D,
    K = SCALE_K,
    SAMPLE = SCALE_SAMPLE,
    SINGLES = 1000,
    SLICE = 50,
    BATCH = 32,
    ROUNDS = 15
};
enum { RATE = 10000, NPROBE_MAX = 1024 };
static const double NEARLY = 0.005;
static const uint64_t QUERIES = (uint64_t)1 << 40; // number of the first query: no vector of the set

void scale_print_row(const char *measure, double own, double peer, int digits)
{
    printf("| %s | %.*f |", measure, digits, own);
    if (peer > 0) printf(" %.*f", digits, peer);
    printf(" |\n");
}

// ---- fill

static int fill(scale_t *b)
{
    float vectors[CLIENT_BATCH * D];
    double ms = 0;
    int err = client_announce(b->link);
    for (uint32_t i = 0; i < b->n && !err; i += CLIENT_BATCH) {
        uint32_t m = b->n - i < CLIENT_BATCH ? b->n - i : CLIENT_BATCH;
        scale_vectors_draw(b->vectors, vectors, i, m);
        double start = rg_clock_ms();
        err = client_add(b->link, vectors, i, m);
        ms += rg_clock_ms() - start;
    }
    if (!err) scale_print_row("durable adds/s", b->n / ms * 1e3, 0, 0);
    return err;
}

// ---- the first right answer after a start

static int first(scale_t *b)
{
    float query[D];
    int64_t found[K];
    const uint32_t number = b->n / 2;
    const char *ready = getenv("READY");
    scale_vectors_draw(b->vectors, query, number, 1);
    int err = ready ? rg_file_write(ready, "", 0) : 0;
    if (!err) err = client_search(b->link, found, query, 1, (client_search_t){.k = K});
    if (err || found[0] == number) return err;
    return rg_fail(RG_ENUMERIC, "vector %u was asked for, and %lld was found", number, (long long)found[0]);
}

// ---- search

double scale_recall(const int64_t *found, const int64_t *right, size_t n)
{
    size_t same = 0;
    for (size_t i = 0; i < n * K; i++)
        for (size_t j = i / K * K; j < (i / K + 1) * K; j++) same += found[j] == right[i];
    return (double)same / (double)(n * K);
}

static int search_all(scale_t *b, int64_t *found, int exact)
{
    int err = 0;
    for (uint32_t i = 0; i < SAMPLE && !err; i += CLIENT_BATCH)
        err = client_search(b->link, found + i * K, b->queries + (size_t)i * D, CLIENT_BATCH,
                            (client_search_t){.k = K, .exact = exact});
    return err;
}

static peer_way_t way_of(const scale_t *b, size_t n)
{
    return (peer_way_t){.threads = n > 1 ? b->config.threads : 1, .nprobe = b->nprobe};
}

static int build_peer(scale_t *b, const char *factory)
{
    float *vectors = rg_alloc((size_t)b->n * D * sizeof *vectors);
    scale_vectors_draw(b->vectors, vectors, 0, b->n);
    double start = rg_clock_ms();
    b->peer = peer_factory(factory, vectors, b->n, D);
    free(vectors);
    if (!b->peer) return rg_fail(RG_EINVAL, "FAISS cannot make %s", factory);
    printf("| build of FAISS's %s, s | | %.1f |\n", factory, (rg_clock_ms() - start) / 1e3);
    return 0;
}

// Finds the least nprobe with which FAISS comes within NEARLY of the recall of the service, whose candidates are
// compared exactly, and prints both.
static int compare_recall(scale_t *b)
{
    int64_t *right = rg_alloc(SAMPLE * K * sizeof *right), *found = rg_alloc(SAMPLE * K * sizeof *found);
    double own = 0, peer = 0;
    int err = search_all(b, right, 1);
    if (!err) err = search_all(b, found, 0);
    if (!err) own = scale_recall(found, right, SAMPLE);
    for (b->nprobe = 1; !err && b->peer && b->nprobe < NPROBE_MAX; b->nprobe *= 2) {
        peer_search(b->peer, found, b->queries, SAMPLE, K, way_of(b, SAMPLE));
        peer = scale_recall(found, right, SAMPLE);
        if (peer >= own - NEARLY) break;
    }
    free(right);
    free(found);
    if (!err) scale_print_row("recall at 10", own, peer, 4);
    return err;
}

// Times searches of n queries in turns, `slice` by the service, then as many by FAISS. Writes ms [rounds].
static int time_searches(scale_t *b, size_t n, int rounds, int slice, double *own, double *peer)
{
    int64_t found[BATCH * K];
    int err = 0;
    for (int r = 0; r < rounds; r += slice) {
        for (int i = r; i < r + slice && !err; i++) {
            const float *queries = b->queries + (size_t)i * n % (SAMPLE - n + 1) * D;
            double start = rg_clock_ms();
            err = client_search(b->link, found, queries, (uint32_t)n, (client_search_t){.k = K});
            own[i] = rg_clock_ms() - start;
        }
        for (int i = r; i < r + slice && !err && b->peer; i++) {
            const float *queries = b->queries + (size_t)i * n % (SAMPLE - n + 1) * D;
            double start = rg_clock_ms();
            peer_search(b->peer, found, queries, n, K, way_of(b, n));
            peer[i] = rg_clock_ms() - start;
        }
        if (err) return err;
    }
    return 0;
}

static int search(scale_t *b)
{
    static double own[SINGLES], peer[SINGLES];
    const char *factory = getenv("FAISS");
    int err = factory && *factory ? build_peer(b, factory) : 0;
    if (!err) err = compare_recall(b);
    if (!err) err = time_searches(b, BATCH, ROUNDS, 1, own, peer);
    if (err) return err;
    double own_ms = rg_timing_median(own, ROUNDS), peer_ms = rg_timing_median(peer, ROUNDS);
    scale_print_row("queries/s, batches of 32", BATCH / own_ms * 1e3, b->peer ? BATCH / peer_ms * 1e3 : 0, 0);
    err = time_searches(b, 1, SINGLES, SLICE, own, peer);
    if (err) return err;
    own_ms = rg_timing_median(own, SINGLES), peer_ms = rg_timing_median(peer, SINGLES);
    scale_print_row("queries/s, one after the other", 1e3 / own_ms, b->peer ? 1e3 / peer_ms : 0, 0);
    scale_print_row("one query, p50, ms", own_ms, peer_ms, 2);
    scale_print_row("one query, p99, ms", own[SINGLES * 99 / 100], peer[SINGLES * 99 / 100], 2);
    return 0;
}

// ---- searches while vectors are added

static void draw_vectors(void *self, float *out, uint32_t first, uint32_t n)
{
    scale_vectors_draw(((scale_t *)self)->vectors, out, first, n);
}

// FIRST: how many vectors the set has by now.
static int start_adder(scale_t *b, adder_t **adder)
{
    const char *first = getenv("FIRST");
    return adder_start(adder, &(adder_plan_t){&b->config, first ? (uint32_t)strtoul(first, NULL, 10) : b->n,
                                              UINT32_MAX, RATE, draw_vectors, b});
}

// WHEN: a word for the row.
static int grow(scale_t *b)
{
    static double busy[SINGLES];
    const char *when = getenv("WHEN");
    adder_t *adder;
    uint32_t added;
    double rate;
    char text[128];
    int err = start_adder(b, &adder);
    if (err) return err;
    err = time_searches(b, 1, SINGLES, SINGLES, busy, busy);
    int adding = adder_stop(&adder, &added, &rate);
    if (err || adding) return err ? err : adding;
    const double median = rg_timing_median(busy, SINGLES); // sorts
    snprintf(text, sizeof text, "durable adds/s %s", when);
    scale_print_row(text, rate, 0, 0);
    snprintf(text, sizeof text, "one query %s, p50, ms", when);
    scale_print_row(text, median, 0, 2);
    snprintf(text, sizeof text, "one query %s, p99, ms", when);
    scale_print_row(text, busy[SINGLES * 99 / 100], 0, 2);
    return 0;
}

// Adds RATE vectors per second until the file UNTIL is there, while another process is measured. Prints how many per
// second it was, and the processor time of this process per second in ms.
static int add(scale_t *b)
{
    const char *until = getenv("UNTIL");
    const double start_ms = rg_clock_ms(), start_busy_ms = rg_timing_busy_ms();
    adder_t *adder;
    uint32_t added;
    double rate;
    int err = start_adder(b, &adder);
    if (err) return err;
    while (until && access(until, F_OK) != 0) usleep(50000);
    err = adder_stop(&adder, &added, &rate);
    if (!err)
        printf("%u %.0f %.0f\n", added, rate,
               1e3 * (rg_timing_busy_ms() - start_busy_ms) / (rg_clock_ms() - start_ms));
    return err;
}

// ---- start

static int run_step(scale_t *b)
{
    static const struct {
        const char *name;
        int (*run)(scale_t *);
    } steps[] = {{"fill", fill},           {"first", first},     {"search", search},
                 {"grow", grow},           {"add", add},         {"filters", scale_filters},
                 {"remove", scale_remove}, {"list", scale_list}, {"reindex", scale_reindex},
                 {"watch", scale_watch}};
    const char *step = getenv("STEP");
    const rg_wire_options_t wire = rg_wire_options(&b->config);
    int err = rg_link_new(&b->link, &wire, "retrieval", b->config.endpoints.retrieval, NULL);
    if (err) return err;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (step && strcmp(step, steps[i].name) == 0) return steps[i].run(b);
    return rg_fail(RG_EINVAL, "STEP names none of the steps");
}

// The base takes seconds.
static int draws_no_vectors(void)
{
    const char *step = getenv("STEP");
    return step && (strcmp(step, "remove") == 0 || strcmp(step, "list") == 0 || strcmp(step, "reindex") == 0);
}

static int prepare_vectors(scale_t *b)
{
    b->vectors = scale_vectors_new(getenv("BASE"), D);
    if (!b->vectors) return 1;
    b->queries = rg_alloc((size_t)SAMPLE * D * sizeof *b->queries);
    scale_vectors_draw(b->vectors, b->queries, QUERIES, SAMPLE);
    return 0;
}

int main(int argc, char **argv)
{
    scale_t b = {0};
    const char *n = getenv("N");
    rg_timing_config(argc, argv, "One step of scale.sh, which starts the service.", &b.config);
    b.n = n ? (uint32_t)strtoul(n, NULL, 10) : 1000000;
    if (!draws_no_vectors() && prepare_vectors(&b) != 0) return 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    int err = run_step(&b);
    rg_link_destroy(&b.link);
    if (b.peer) peer_destroy(b.peer);
    if (err) return fprintf(stderr, "scale: %s\n", rg_error()), 1;
    return 0;
}
