#include "services/retrieval/verify.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/core/err.h"
#include "services/retrieval/search.h"

enum { SAMPLE = 100, K = 10 };

typedef struct {
    rg_verified_t *verified;
    const rg_look_t *look;
    size_t rows; // living ones that were met
} check_t;

__attribute__((format(printf, 2, 3))) static void note(check_t *check, const char *fmt, ...)
{
    rg_verified_t *verified = check->verified;
    va_list args;
    va_start(args, fmt);
    if (verified->problems < RG_PROBLEMS_MAX)
        vsnprintf(verified->problem[verified->problems], sizeof verified->problem[0], fmt, args);
    va_end(args);
    verified->problems++;
}

// ---- one image

// Notes what is wrong with it, as a library error says it.
static int is_sound(check_t *check, int err, const rg_image_t *image, const char *what)
{
    if (!err) return 1;
    if (err == RG_ENOENT)
        note(check, "%s: no %s", image->name, what);
    else
        note(check, "%s", rg_error());
    return 0;
}

static void check_row(check_t *check, const rg_image_t *image, const float *embedding)
{
    const rg_view_t *view = check->look->view;
    ptrdiff_t row = rg_rows_find(&view->rows, (int64_t)image->label);
    if (row < 0 || !rg_view_is_alive(view, (size_t)row)) {
        note(check, "%s: it is stored, but cannot be found", image->name);
        return;
    }
    check->rows++;
    if (memcmp(rg_rows_at(&view->rows, (size_t)row).vector, embedding,
               rg_model_embedding_bytes(&view->model)) != 0)
        note(check, "%s: its embedding in memory is not the stored one", image->name);
}

static void check_image(check_t *check, const rg_image_t *image)
{
    const rg_look_t *look = check->look;
    const rg_model_t *model = &look->view->model;
    uint64_t label, *bytes = &check->verified->bytes;
    rg_span_t span;
    int err = rg_store_find(look->txn, image->id, &label);
    if (is_sound(check, err, image, "content id") && label != image->label)
        note(check, "%s: its content id belongs to another image", image->name);
    err = rg_store_thumbnail(look->txn, image, &span);
    if (is_sound(check, err, image, "thumbnail")) *bytes += span.size;
    err =
        rg_store_made(look->txn, image, look->slot, RG_MADE_FEATURES, rg_model_features_bytes(model), &span);
    if (is_sound(check, err, image, "features")) *bytes += span.size;
    err = rg_store_made(look->txn, image, look->slot, RG_MADE_EMBEDDING, rg_model_embedding_bytes(model),
                        &span);
    if (!is_sound(check, err, image, "embedding")) return;
    *bytes += span.size;
    check_row(check, image, span.data);
}

static void check_count(check_t *check, const char *what, uint64_t n)
{
    if (n != check->verified->images)
        note(check, "%llu %s are stored for %llu images", (unsigned long long)n, what,
             (unsigned long long)check->verified->images);
}

// What is more or less than one for each image.
static int check_entries(check_t *check)
{
    rg_entries_t entries;
    int err = rg_store_entries(check->look->txn, &entries);
    if (err) return err;
    check_count(check, "content ids", entries.ids);
    check_count(check, "names", entries.names);
    check_count(check, "thumbnails", entries.thumbnails);
    return 0;
}

// ---- the index

// Of n queries: the part of what exact search finds that the index finds too.
static int measure_recall(check_t *check)
{
    const rg_view_t *view = check->look->view;
    size_t n = view->rows.count < SAMPLE ? view->rows.count : SAMPLE, dim = view->rows.dim, same = 0, all = 0;
    check->verified->recall = 1;
    if (!view->index || n == 0) return 0;
    float *queries = rg_alloc(n * dim * sizeof *queries);
    rg_hit_t *exact = rg_alloc(n * K * sizeof *exact), *found = rg_alloc(n * K * sizeof *found);
    for (size_t i = 0; i < n; i++)
        memcpy(queries + i * dim, rg_rows_at(&view->rows, i * view->rows.count / n).vector,
               dim * sizeof *queries);
    const rg_search_t search = {.queries = queries, .n = n, .k = K};
    const rg_marks_t *alive = view->alive.words ? &view->alive : NULL;
    int err = rg_search_run(found, view, &search);
    rg_exact_search(exact, &view->rows, 0, alive, queries, n, K, NULL);
    for (size_t i = 0; i < n * K; i++) {
        all += exact[i].row >= 0;
        for (size_t j = i / K * K; j < (i / K + 1) * K; j++)
            same += exact[i].row >= 0 && exact[i].row == found[j].row;
    }
    if (all) check->verified->recall = (double)same / (double)all;
    free(queries);
    free(exact);
    free(found);
    return err;
}

int rg_verify(rg_verified_t *verified, const rg_look_t *look, const atomic_int *stop)
{
    check_t check = {verified, look, 0};
    rg_image_t image;
    int err = 0;
    *verified = (rg_verified_t){0};
    for (uint64_t from = 0; !err; from = image.label + 1) {
        if (atomic_load(stop)) return rg_fail(RG_ESTOPPED, "stopped while the store was read");
        err = rg_store_next(look->txn, from, &image);
        if (err) break;
        verified->images++;
        check_image(&check, &image);
    }
    if (err != RG_ENOENT) return err;
    if (check.rows != rg_view_count(look->view))
        note(&check, "%zu images can be found, of which only %zu are stored", rg_view_count(look->view),
             check.rows);
    err = check_entries(&check);
    return err ? err : measure_recall(&check);
}
