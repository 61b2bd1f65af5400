// What is compared.
//
//   each image record   Its content id leads back to its label. Thumbnail, features and embedding are stored
//                       with the right sizes. Its row is alive and holds the same embedding, byte by byte.
//   numbers             As many rows are alive as there are image records. The tables ids, names and
//                       thumbnails have one entry per image record, so entries without an image are noticed.
//   the index           SAMPLE rows, evenly spread, are searched for with the index and exactly. The recall is
//                       the share of the K exact neighbours that the index finds.
#include "services/retrieval/verify.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/core/err.h"
#include "services/retrieval/search.h"

enum { SAMPLE = 100, K = 10 };

typedef struct {
    rg_verify_report_t *report;
    const rg_read_view_t *read;
    size_t rows; // rows found alive so far
} verification_t;

__attribute__((format(printf, 2, 3))) static void add_problem(verification_t *check, const char *fmt, ...)
{
    rg_verify_report_t *report = check->report;
    va_list args;
    va_start(args, fmt);
    if (report->problems < RG_VERIFY_PROBLEMS_MAX)
        vsnprintf(report->problem[report->problems], sizeof report->problem[0], fmt, args);
    va_end(args);
    report->problems++;
}

// ---- one image

// Returns 1 if err is 0. Otherwise adds the problem: `what` of the image is missing or cannot be read.
static int is_present(verification_t *check, int err, const rg_store_image_t *image, const char *what)
{
    if (!err) return 1;
    if (err == RG_ENOENT)
        add_problem(check, "%s: no %s", image->name, what);
    else
        add_problem(check, "%s", rg_error());
    return 0;
}

static void check_row(verification_t *check, const rg_store_image_t *image, const float *embedding)
{
    const rg_view_t *view = check->read->view;
    ptrdiff_t row = rg_rows_find(&view->rows, (int64_t)image->label);
    if (row < 0 || !rg_view_is_alive(view, (size_t)row)) {
        add_problem(check, "%s: it is stored, but cannot be found", image->name);
        return;
    }
    check->rows++;
    if (memcmp(rg_rows_at(&view->rows, (size_t)row).vector, embedding,
               rg_store_embedding_bytes(&view->model)) != 0)
        add_problem(check, "%s: its embedding in memory is not the stored one", image->name);
}

static void check_image(verification_t *check, const rg_store_image_t *image)
{
    const rg_read_view_t *read = check->read;
    const rg_store_model_t *model = &read->view->model;
    uint64_t label, *bytes = &check->report->bytes;
    rg_store_value_t span;
    int err = rg_store_find(read->txn, image->id, &label);
    if (is_present(check, err, image, "content id") && label != image->label)
        add_problem(check, "%s: its content id belongs to another image", image->name);
    err = rg_store_thumbnail(read->txn, image, &span);
    if (is_present(check, err, image, "thumbnail")) *bytes += span.size;
    err = rg_store_derived(read->txn, image, read->slot, RG_DERIVED_FEATURES, rg_store_features_bytes(model),
                           &span);
    if (is_present(check, err, image, "features")) *bytes += span.size;
    err = rg_store_derived(read->txn, image, read->slot, RG_DERIVED_EMBEDDING,
                           rg_store_embedding_bytes(model), &span);
    if (!is_present(check, err, image, "embedding")) return;
    *bytes += span.size;
    check_row(check, image, span.data);
}

static void check_table_count(verification_t *check, const char *what, uint64_t n)
{
    if (n != check->report->images)
        add_problem(check, "%llu %s are stored for %llu images", (unsigned long long)n, what,
                    (unsigned long long)check->report->images);
}

// Compares the numbers of entries in the tables with the number of images.
static int check_entries(verification_t *check)
{
    rg_store_entries_t entries;
    int err = rg_store_entries(check->read->txn, &entries);
    if (err) return err;
    check_table_count(check, "content ids", entries.ids);
    check_table_count(check, "names", entries.names);
    check_table_count(check, "thumbnails", entries.thumbnails);
    return 0;
}

// ---- the index

// Measures which share of the exact neighbours of up to SAMPLE rows the index finds.
static int measure_recall(verification_t *check)
{
    const rg_view_t *view = check->read->view;
    size_t n = view->rows.count < SAMPLE ? view->rows.count : SAMPLE, dim = view->rows.dim, same = 0, all = 0;
    check->report->recall = 1;
    if (!view->index || n == 0) return 0;
    float *queries = rg_alloc(n * dim * sizeof *queries);
    rg_hit_t *exact = rg_alloc(n * K * sizeof *exact), *found = rg_alloc(n * K * sizeof *found);
    for (size_t i = 0; i < n; i++)
        memcpy(queries + i * dim, rg_rows_at(&view->rows, i * view->rows.count / n).vector,
               dim * sizeof *queries);
    const rg_search_t search = {.queries = queries, .n = n, .k = K};
    const rg_bitset_t *alive = view->alive.words ? &view->alive : NULL;
    int err = rg_search_run(found, view, &search);
    rg_exact_search(exact, &view->rows, 0, alive, queries, n, K, NULL);
    for (size_t i = 0; i < n * K; i++) {
        all += exact[i].row >= 0;
        for (size_t j = i / K * K; j < (i / K + 1) * K; j++)
            same += exact[i].row >= 0 && exact[i].row == found[j].row;
    }
    if (all) check->report->recall = (double)same / (double)all;
    free(queries);
    free(exact);
    free(found);
    return err;
}

int rg_verify(rg_verify_report_t *report, const rg_read_view_t *read, const atomic_int *stop)
{
    verification_t check = {report, read, 0};
    rg_store_image_t image;
    int err = 0;
    *report = (rg_verify_report_t){0};
    for (uint64_t from = 0; !err; from = image.label + 1) {
        if (atomic_load(stop)) return rg_fail(RG_ESTOPPED, "the check was stopped");
        err = rg_store_next(read->txn, from, &image);
        if (err) break;
        report->images++;
        check_image(&check, &image);
    }
    if (err != RG_ENOENT) return err;
    if (check.rows != rg_view_count(read->view))
        add_problem(&check, "%zu images can be found, of which only %zu are stored",
                    rg_view_count(read->view), check.rows);
    err = check_entries(&check);
    return err ? err : measure_recall(&check);
}
