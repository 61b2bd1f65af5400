// The steps of scale.sh that look after a set: filters, removal, lists, another model.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "tests/bench/scale.h"

enum { D = CLIENT_D, K = SCALE_K, FILTERED = 20, WIDE = 1000, EXCLUDED = 4096, PAGE = 64, WATCHED = 1 << 20 };

// ---- filters

// A filter, and the same condition on the number of an image.
typedef struct {
    const char *name;
    client_search_t search;
    int (*meets)(const scale_t *b, int64_t number);
} filter_t;

static int is_annotated(const scale_t *b, int64_t number)
{
    return (void)b, client_is_annotated((uint32_t)number);
}

static int begins_with_12(const scale_t *b, int64_t number)
{
    char name[16];
    (void)b;
    snprintf(name, sizeof name, "%lld", (long long)number);
    return strncmp(name, "12", 2) == 0;
}

static int is_of_second_half(const scale_t *b, int64_t number)
{
    return number >= b->n / 2 / CLIENT_BATCH * CLIENT_BATCH;
}

static int is_not_excluded(const scale_t *b, int64_t number)
{
    return (void)b, number >= EXCLUDED;
}

// Compares what the filter lets the service find with the exact hits that meet it. Queries with too few of them
// do not count.
static int measure_filter(const scale_t *b, const filter_t *filter)
{
    static double ms[FILTERED];
    int64_t *wide = rg_alloc(WIDE * sizeof *wide), found[K];
    const client_search_t exact = {.k = WIDE, .exact = 1};
    size_t same = 0, all = 0;
    int err = 0;
    for (size_t i = 0; i < FILTERED && !err; i++) {
        const float *query = b->queries + i * D;
        size_t right = 0;
        err = client_search(b->link, wide, query, 1, exact);
        const double start = rg_clock_ms();
        if (!err) err = client_search(b->link, found, query, 1, filter->search);
        ms[i] = rg_clock_ms() - start;
        for (size_t j = 0; j < WIDE && right < K; j++)
            if (wide[j] >= 0 && filter->meets(b, wide[j])) wide[right++] = wide[j];
        for (size_t j = 0; j < K && right == K; j++, all++)
            for (size_t l = 0; l < K; l++) same += found[j] == wide[l];
    }
    free(wide);
    if (err) return err;
    char text[128];
    snprintf(text, sizeof text, "one query, %s: median, ms", filter->name);
    scale_print_row(text, rg_timing_median(ms, FILTERED), 0, 1);
    snprintf(text, sizeof text, "one query, %s: recall", filter->name);
    scale_print_row(text, all ? (double)same / (double)all : 1, 0, 4);
    return 0;
}

int scale_filters(scale_t *b)
{
    uint64_t half_ms = 0;
    int err = client_added_ms(b->link, b->n / 2 / CLIENT_BATCH * CLIENT_BATCH, &half_ms);
    const filter_t filters[] = {
        {"annotated (a tenth)", {.k = K, .annotated = 1}, is_annotated},
        {"name prefix (about a ninth)", {.k = K, .name_prefix = "12"}, begins_with_12},
        {"added in the second half", {.k = K, .added_from_ms = half_ms}, is_of_second_half},
        {"4,096 ids excluded", {.k = K, .excluded = EXCLUDED}, is_not_excluded},
    };
    for (size_t i = 0; i < sizeof filters / sizeof *filters && !err; i++)
        err = measure_filter(b, &filters[i]);
    return err;
}

// ---- removal

static uint32_t number_of(const char *variable)
{
    const char *text = getenv(variable);
    return text ? (uint32_t)strtoul(text, NULL, 10) : 0;
}

int scale_remove(scale_t *b)
{
    const uint32_t first = number_of("FIRST"), n = number_of("COUNT");
    int err = 0;
    for (uint32_t i = 0; i < n && !err; i += CLIENT_BATCH)
        err = client_remove(b->link, first + i, n - i < CLIENT_BATCH ? n - i : CLIENT_BATCH);
    return err;
}

// ---- lists

int scale_list(scale_t *b)
{
    client_page_t page = {.limit = PAGE, .embeddings = 1, .thumbnails = 1};
    size_t images = 0;
    int err = 0;
    do {
        err = client_list(b->link, &page);
        images += page.n;
    } while (!err && page.next);
    if (!err && images == 0) err = rg_fail(RG_ENUMERIC, "the list is empty");
    return err;
}

// ---- another model

// The embedding by the next model has the numbers of the present one in reverse order.
static int embed_page(const scale_t *b, const client_page_t *page, double *ms)
{
    float vectors[CLIENT_BATCH * D];
    for (size_t i = 0; i < page->n * D; i++) vectors[i / D * D + D - 1 - i % D] = page->vectors[i];
    const double start = rg_clock_ms();
    int err = client_embed(b->link, vectors, page->numbers, (uint32_t)page->n);
    *ms = rg_clock_ms() - start;
    return err;
}

int scale_reindex(scale_t *b)
{
    client_page_t page = {.limit = CLIENT_BATCH, .missing = 1, .embeddings = 1};
    double ms = 0, longest = 0;
    int err = client_announce_next(b->link);
    do {
        if (!err) err = client_list(b->link, &page);
        if (!err && page.n) err = embed_page(b, &page, &ms);
        if (ms > longest) longest = ms;
    } while (!err && (page.next || page.left));
    if (!err) fprintf(stderr, "longest addition meanwhile: %.0f ms\n", longest);
    return err;
}

// ---- searches meanwhile

int scale_watch(scale_t *b)
{
    double *ms = rg_alloc(WATCHED * sizeof *ms);
    const char *until = getenv("UNTIL");
    const char *ready = getenv("READY");
    int64_t found[K];
    int n = 0, err = ready ? rg_file_write(ready, "", 0) : 0;
    while (!err && n < WATCHED && !(until && access(until, F_OK) == 0)) {
        const double start = rg_clock_ms();
        err = client_search(b->link, found, b->queries + (size_t)n % SCALE_SAMPLE * D, 1,
                            (client_search_t){.k = K});
        if (err == RG_EMODEL) err = client_follow(b->link);
        ms[n++] = rg_clock_ms() - start;
    }
    if (!err && n) rg_timing_median(ms, n); // sorts
    if (!err && n) printf("%.2f\n", ms[(size_t)n * 99 / 100]);
    free(ms);
    return err;
}
