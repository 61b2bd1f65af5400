// What is compared.
//
//   the file            The structure of all pages (store_pages.c).
//   every value         Its checksum (store.c), of all tables, also of entries that belong to no image.
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
    rg_work_t *work;
} verification_t;

void rg_verify_add_problem(rg_verify_report_t *report, const char *fmt, ...)
{
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
    if (err == RG_ENOENT) rg_fail(RG_EFORMAT, "%s: no %s", image->name, what);
    rg_verify_add_problem(check->report, "%s", rg_error());
    return 0;
}

static int has_row(const rg_view_t *view, uint64_t label, ptrdiff_t *row)
{
    *row = rg_rows_find(&view->rows, (int64_t)label);
    return *row >= 0 && rg_view_is_alive(view, (size_t)*row);
}

static void check_row(verification_t *check, const rg_store_image_t *image, const float *embedding)
{
    const rg_view_t *view = check->read->view;
    ptrdiff_t row;
    if (!has_row(view, image->label, &row))
        rg_verify_add_problem(check->report, "%s: it is stored, but cannot be found", image->name);
    else if (memcmp(rg_rows_at(&view->rows, (size_t)row).vector, embedding,
                    rg_store_embedding_bytes(&view->model)) != 0)
        rg_verify_add_problem(check->report, "%s: its embedding in memory is not the stored one",
                              image->name);
}

// Returns 1 if everything that is stored of the image is sound.
static int check_bulk(verification_t *check, const rg_store_image_t *image)
{
    const rg_read_view_t *read = check->read;
    const rg_store_model_t *model = &read->view->model;
    rg_store_value_t thumbnail = {0}, features = {0}, embedding = {0};
    int err = rg_store_thumbnail(read->txn, image, &thumbnail);
    int sound = is_present(check, err, image, "thumbnail");
    err = rg_store_derived(read->txn, image, read->slot, RG_DERIVED_FEATURES, rg_store_features_bytes(model),
                           &features);
    sound &= is_present(check, err, image, "features");
    err = rg_store_derived(read->txn, image, read->slot, RG_DERIVED_EMBEDDING,
                           rg_store_embedding_bytes(model), &embedding);
    sound &= is_present(check, err, image, "embedding");
    check->report->bytes += thumbnail.size + features.size + embedding.size;
    if (sound) check_row(check, image, embedding.data);
    return sound;
}

static void check_id(verification_t *check, const rg_store_image_t *image)
{
    uint64_t label;
    int err = rg_store_find(check->read->txn, image->id, &label);
    if (is_present(check, err, image, "content id") && label != image->label)
        rg_verify_add_problem(check->report, "%s: its content id belongs to another image", image->name);
}

// Checks an image. read_err: of its record.
static void check_image(verification_t *check, const rg_store_image_t *image, int read_err)
{
    ptrdiff_t row;
    check->report->images++;
    check->rows += (size_t)has_row(check->read->view, image->label, &row);
    if (!read_err) check_id(check, image);
    if (read_err) rg_verify_add_problem(check->report, "%s", rg_error());
    if (read_err || !check_bulk(check, image)) rg_set_note_damaged(check->read->set, image->label);
}

static void check_table_count(verification_t *check, const char *what, uint64_t n)
{
    if (n != check->report->images)
        rg_verify_add_problem(check->report, "%llu %s are stored for %llu images", (unsigned long long)n,
                              what, (unsigned long long)check->report->images);
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
    uint64_t damaged;
    err = rg_store_count_damaged(check->read->txn, check->read->slot, &damaged);
    if (!err && damaged)
        rg_verify_add_problem(
            check->report,
            "%llu names, tombstones or values of the next model are damaged: a restart mends "
            "names, rg-ctl reindex embeds again",
            (unsigned long long)damaged);
    return err;
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

static int check_values(verification_t *check)
{
    rg_store_image_t image;
    rg_verify_report_t *report = check->report;
    const rg_read_view_t *read = check->read;
    int err;
    for (uint64_t from = 0;; from = image.label + 1) {
        err = rg_work_step(check->work, "comparing images", report->images, rg_view_count(read->view));
        if (err) return err;
        err = rg_store_next(read->txn, from, &image);
        if (err && err != RG_EFORMAT) break;
        check_image(check, &image, err);
    }
    if (err != RG_ENOENT) return err;
    if (check->rows != rg_view_count(read->view))
        rg_verify_add_problem(report, "%zu images can be found, of which only %zu are stored",
                              rg_view_count(read->view), check->rows);
    return check_entries(check);
}

int rg_verify(rg_verify_report_t *report, const rg_read_view_t *read, rg_work_t *work)
{
    verification_t check = {report, read, 0, work};
    *report = (rg_verify_report_t){0};
    int err = rg_work_step(work, "checking pages", 0, 0);
    if (!err) err = rg_store_check_pages(rg_set_store(read->set));
    if (err == RG_EFORMAT) {
        rg_verify_add_problem(report, "%s", rg_error());
        return 0;
    }
    if (!err) err = check_values(&check);
    return err ? err : measure_recall(&check);
}
