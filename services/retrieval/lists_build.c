// How lists are built:
//
//   cells     k-means (Lloyd) over a sample of the rows, from evenly spaced rows on; an empty cell takes the
//             place of a random row of the sample; codes span the radius of their cell
//   assign    the nearest cell of each row that is entered: products with all centroids, BLOCK rows at a time
//   write     a file of the right size is mapped, and each row goes to the end of its list; lists of segments
//             that are taken in are copied before
//   tune      the number of lists to visit: the least power of two with which TUNED rows find a share
//             RECALL_GOAL of their nearest neighbours
#include <fcntl.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/hash.h"
#include "common/core/rng.h"
#include "common/core/simd.h"
#include "common/nn/linalg.h"
#include "services/retrieval/exact.h"
#include "services/retrieval/lists_private.h"

enum {
    ITERATIONS = 10,
    SAMPLE_PER_LIST = 40,
    SAMPLE_BYTES = 64 << 20,
    LISTS_LEAST = 16,
    LISTS_MOST = 1 << 14
};
enum { BLOCK = 64, WIDTH_STEP = 16 };
enum { TUNED = 64, NPROBE_LEAST = 8, NEIGHBOURS = 10, CANDIDATES = 2 * NEIGHBOURS + 32 };
static const double RECALL_GOAL = 0.99;

// ---- cells

// The cells while they are found.
typedef struct {
    size_t lists, dim, n;
    float *sample;    // [n,dim]
    float *centroids; // [lists,dim]
    float *norms2;    // [lists]
    float *steps;     // [lists]
    uint32_t *list;   // [n] of the rows of the sample
} cells_t;

static void cells_fini(cells_t *cells)
{
    free(cells->sample);
    free(cells->centroids);
    free(cells->norms2);
    free(cells->steps);
    free(cells->list);
}

// About twice the square root of the rows: then a search compares as many centroids as codes.
static size_t choose_lists(size_t rows)
{
    size_t lists = LISTS_LEAST;
    while (lists < LISTS_MOST && lists * lists < 2 * rows) lists *= 2;
    return lists;
}

// The least of values [n], and where it stands.
RG_HOT static float find_least(const float *values, size_t n)
{
    float least = INFINITY;
#pragma omp simd reduction(min : least)
    for (size_t i = 0; i < n; i++) least = values[i] < least ? values[i] : least;
    return least;
}

RG_HOT static void distances_to_cells(float *products, const float *norms2, size_t n)
{
    for (size_t i = 0; i < n; i++) products[i] = norms2[i] - 2 * products[i];
}

// Writes the nearest cells of vectors [n,dim], n <= BLOCK. products [BLOCK,lists] is scratch memory.
static void assign_block(uint32_t *list, const float *vectors, size_t n, const float *centroids,
                         const float *norms2, size_t lists, size_t dim, float *products)
{
    rg_matmul_nt_f32(products, lists, vectors, centroids, n, lists, dim);
    for (size_t i = 0; i < n; i++) {
        float *distances = products + i * lists;
        distances_to_cells(distances, norms2, lists);
        const float least = find_least(distances, lists);
        uint32_t at = 0;
        while (at + 1 < lists && distances[at] > least) at++;
        list[i] = at;
    }
}

static void compute_norms(cells_t *cells)
{
    memset(cells->norms2, 0, cells->lists * sizeof *cells->norms2);
    for (size_t i = 0; i < cells->lists * cells->dim; i++)
        cells->norms2[i / cells->dim] += cells->centroids[i] * cells->centroids[i];
}

static void move_centroids(cells_t *cells, rg_rng_t *rng)
{
    const size_t dim = cells->dim;
    uint32_t *counts = rg_alloc(cells->lists * sizeof *counts);
    memset(cells->centroids, 0, cells->lists * dim * sizeof *cells->centroids);
    for (size_t i = 0; i < cells->n; i++) {
        float *centroid = cells->centroids + cells->list[i] * dim;
        counts[cells->list[i]]++;
        for (size_t d = 0; d < dim; d++) centroid[d] += cells->sample[i * dim + d];
    }
    for (size_t c = 0; c < cells->lists; c++) {
        float *centroid = cells->centroids + c * dim;
        const float *other = cells->sample + rg_rng_below(rng, (uint32_t)cells->n) * dim;
        for (size_t d = 0; d < dim; d++) centroid[d] = counts[c] ? centroid[d] / (float)counts[c] : other[d];
    }
    free(counts);
    compute_norms(cells);
}

static void take_sample(cells_t *cells, const rg_rows_t *rows)
{
    const size_t bytes = rows->dim * sizeof(float);
    cells->n = cells->lists * SAMPLE_PER_LIST;
    if (cells->n > SAMPLE_BYTES / bytes) cells->n = SAMPLE_BYTES / bytes;
    if (cells->n < cells->lists) cells->n = cells->lists;
    if (cells->n > rows->count) cells->n = rows->count;
    cells->sample = rg_alloc(cells->n * bytes);
    cells->list = rg_alloc(cells->n * sizeof *cells->list);
    for (size_t i = 0; i < cells->n; i++) {
        size_t row = (size_t)((double)i * (double)rows->count / (double)cells->n);
        memcpy(cells->sample + i * rows->dim, rg_rows_at(rows, row).vector, bytes);
    }
}

// Codes span MARGIN times the radius of a cell in its largest dimension, so that rows to come find room. A cell of
// fewer than FEW rows of the sample takes the mean radius, if its own is smaller.
enum { FEW = 8 };
static const float MARGIN = 1.5F, LEAST_RADIUS = 1e-12F;

static void find_steps(cells_t *cells)
{
    const size_t dim = cells->dim, lists = cells->lists;
    uint32_t *counts = rg_alloc(lists * sizeof *counts);
    float *radii = cells->steps, sum = 0;
    memset(radii, 0, lists * sizeof *radii);
    for (size_t i = 0; i < cells->n; i++) {
        const uint32_t c = cells->list[i];
        counts[c]++;
        for (size_t d = 0; d < dim; d++)
            radii[c] = fmaxf(radii[c], fabsf(cells->sample[i * dim + d] - cells->centroids[c * dim + d]));
    }
    for (size_t c = 0; c < lists; c++) sum += radii[c];
    for (size_t c = 0; c < lists; c++) {
        const float radius = counts[c] < FEW ? fmaxf(radii[c], sum / (float)lists) : radii[c];
        cells->steps[c] = fmaxf(MARGIN * radius, LEAST_RADIUS) / RG__LISTS_ZERO;
    }
    free(counts);
}

static int find_cells(cells_t *cells, const rg_rows_t *rows, rg_work_t *work)
{
    rg_rng_t rng;
    rg_rng_init(&rng, 1, RG_RNG_SEARCH, rows->count);
    *cells = (cells_t){.lists = choose_lists(rows->count), .dim = rows->dim};
    take_sample(cells, rows);
    const size_t dim = cells->dim;
    float *products = rg_alloc_lines(BLOCK * cells->lists * sizeof *products);
    cells->centroids = rg_alloc_lines(cells->lists * dim * sizeof *cells->centroids);
    cells->norms2 = rg_alloc(cells->lists * sizeof *cells->norms2);
    cells->steps = rg_alloc(cells->lists * sizeof *cells->steps);
    for (size_t c = 0; c < cells->lists; c++)
        memcpy(cells->centroids + c * dim, cells->sample + c * cells->n / cells->lists * dim,
               dim * sizeof *cells->centroids);
    compute_norms(cells);
    int err = 0;
    for (int iteration = 0; iteration < ITERATIONS && !err; iteration++) {
        for (size_t i = 0, n; i < cells->n && !err; i += n) {
            n = cells->n - i < BLOCK ? cells->n - i : BLOCK;
            assign_block(cells->list + i, cells->sample + i * dim, n, cells->centroids, cells->norms2,
                         cells->lists, dim, products);
            err = rg_work_step(work, "finding cells", (uint64_t)iteration * cells->n + i,
                               ITERATIONS * cells->n);
        }
        move_centroids(cells, &rng);
    }
    find_steps(cells);
    free(products);
    return err;
}

// ---- a segment

// A segment while it is written. Positions and codes of the segments that it takes in are copied.
typedef struct {
    const rg_rows_t *rows;
    const rg_lists_t *old; // or NULL
    size_t from;           // number of the first segment that is taken in
    size_t first_new;      // row
    uint32_t *list;        // [rows - first_new]
    uint64_t *filled;      // [L] rows in each list so far
    rg__lists_head_t head;
    const float *centroids, *steps;
    char *map;
} writing_t;

static int assign_rows(writing_t *w, const float *norms2, rg_work_t *work)
{
    const rg_rows_t *rows = w->rows;
    const size_t lists = w->head.lists;
    float *products = rg_alloc_lines(BLOCK * lists * sizeof *products);
    int err = 0;
    w->list = rg_alloc((rows->count - w->first_new + 1) * sizeof *w->list);
    for (size_t row = w->first_new, n; row < rows->count && !err; row += n) {
        const size_t in_chunk = rows->chunk_rows - row % rows->chunk_rows;
        n = rows->count - row < BLOCK ? rows->count - row : BLOCK;
        if (n > in_chunk) n = in_chunk;
        assign_block(w->list + (row - w->first_new), rg_rows_at(rows, row).vector, n, w->centroids, norms2,
                     lists, rows->dim, products);
        err = rg_work_step(work, "assigning images to cells", row - w->first_new, rows->count - w->first_new);
    }
    free(products);
    return err;
}

// Lays out the lists in `table` [L] and returns the size of the file.
static uint64_t lay_out(const writing_t *w, rg__list_t *table)
{
    uint64_t at = rg__lists_front_bytes(&w->head);
    for (size_t row = 0; row < w->rows->count - w->first_new; row++) table[w->list[row]].rows++;
    for (uint32_t c = 0; c < w->head.lists; c++) {
        for (size_t s = w->from; w->old && s < w->old->n; s++)
            table[c].rows += w->old->segments[s]->table[c].rows;
        table[c].offset = at;
        at += rg__lists_bytes(table[c].rows, w->head.width);
    }
    return at;
}

static uint32_t *positions_of(const writing_t *w, const rg__list_t *list)
{
    return (uint32_t *)(w->map + list->offset);
}

static uint8_t *codes_of(const writing_t *w, const rg__list_t *list)
{
    return (uint8_t *)w->map + list->offset + rg__lists_bytes(list->rows, 0);
}

static void copy_segments(writing_t *w, const rg__list_t *table)
{
    for (size_t s = w->from; w->old && s < w->old->n; s++)
        for (uint32_t c = 0; c < w->head.lists; c++) {
            const rg__list_view_t view = rg__lists_view(w->old->segments[s], c);
            memcpy(positions_of(w, &table[c]) + w->filled[c], view.positions, view.rows * sizeof(uint32_t));
            memcpy(codes_of(w, &table[c]) + w->filled[c] * w->head.width, view.codes,
                   view.rows * w->head.width);
            w->filled[c] += view.rows;
        }
}

static void encode(uint8_t *code, const float *vector, const float *centroid, float step, size_t dim)
{
    for (size_t d = 0; d < dim; d++) {
        const float level = roundf((vector[d] - centroid[d]) / step + RG__LISTS_ZERO);
        code[d] = level < 0 ? 0 : level > UINT8_MAX ? UINT8_MAX : (uint8_t)level;
    }
}

static int enter_rows(writing_t *w, const rg__list_t *table, rg_work_t *work)
{
    const size_t dim = w->head.dim;
    int err = 0;
    for (size_t row = w->first_new; row < w->rows->count && !err; row++) {
        const uint32_t c = w->list[row - w->first_new];
        const uint64_t at = w->filled[c]++;
        positions_of(w, &table[c])[at] = (uint32_t)row;
        encode(codes_of(w, &table[c]) + at * w->head.width, rg_rows_at(w->rows, row).vector,
               w->centroids + c * dim, w->steps[c], dim);
        if (row % BLOCK == 0)
            err = rg_work_step(work, "writing lists", row - w->first_new, w->rows->count - w->first_new);
    }
    return err;
}

static void write_front(const writing_t *w, rg__list_t *table)
{
    const size_t dim = w->head.dim, lists = w->head.lists;
    for (uint32_t c = 0; c < lists; c++)
        table[c].checksum =
            rg_hash(w->map + table[c].offset, rg__lists_bytes(table[c].rows, w->head.width), c);
    rg__lists_head_t head = w->head;
    memcpy(w->map, &head, sizeof head);
    memcpy(w->map + sizeof head, w->steps, lists * sizeof(float));
    memcpy(w->map + sizeof head + lists * sizeof(float), w->centroids, lists * dim * sizeof(float));
    memcpy(w->map + rg__lists_table_offset(&head), table, lists * sizeof *table);
    head.checksum = rg__lists_checksum(w->map);
    memcpy(w->map, &head, sizeof head);
}

// Gives the file its size first, because a full disk would end the process while it writes to the mapping.
static int map_file(writing_t *w, int fd, const char *path)
{
    int rc = posix_fallocate(fd, 0, (off_t)w->head.size);
    if (rc) {
        errno = rc;
        return rg_fail_errno(rc == ENOSPC || rc == EFBIG || rc == EDQUOT ? RG_EFULL : RG_EIO,
                             "%s: cannot write", path);
    }
    void *map = mmap(NULL, w->head.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) return rg_fail_errno(RG_EIO, "%s: cannot map", path);
    w->map = map;
    return 0;
}

static int write_segment(writing_t *w, const char *folder, uint64_t number, rg_work_t *work)
{
    char *path = rg__lists_path(folder, number);
    rg__list_t *table = rg_alloc(w->head.lists * sizeof *table);
    w->filled = rg_alloc(w->head.lists * sizeof *w->filled);
    w->head.size = lay_out(w, table);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int err = fd < 0 ? rg_fail_errno(RG_EIO, "%s: cannot create", path) : map_file(w, fd, path);
    if (!err) copy_segments(w, table);
    if (!err) err = enter_rows(w, table, work);
    if (!err) write_front(w, table);
    if (w->map) munmap(w->map, w->head.size);
    if (!err && fsync(fd) != 0) err = rg_fail_errno(RG_EIO, "%s: cannot sync", path);
    if (fd >= 0) close(fd);
    if (err) unlink(path);
    free(w->filled);
    free(table);
    free(path);
    return err;
}

// The number of the first segment that a new one over `rows` rows takes in: those behind it are smaller than
// twice what lies behind them.
static size_t first_taken_in(const rg_lists_t *old, size_t rows)
{
    size_t from = old->n;
    while (from > 0 && (old->segments[from - 1]->head.end - old->segments[from - 1]->head.first < 2 * rows ||
                        from == RG_LISTS_SEGMENTS_MAX)) {
        from--;
        rows += old->segments[from]->head.end - old->segments[from]->head.first;
    }
    return from;
}

// Opens the kept segments of `old` and the new one as an index.
static int open_result(rg_lists_t **out, const writing_t *w, const char *folder, uint64_t number)
{
    uint64_t numbers[RG_LISTS_SEGMENTS_MAX];
    size_t n = 0;
    for (; w->old && n < w->from; n++) numbers[n] = w->old->segments[n]->number;
    numbers[n++] = number;
    return rg_lists_open(out, folder, numbers, n, w->head.dim, w->rows->count);
}

// A code can say nothing outside its range. A number that lies OUTSIDE steps beyond it makes distances wrong.
// Lists do not suit rows that are OUTGROWN times as many as when their cells were found, or of whose new ones
// more than a MISFITS-th have such numbers.
enum { OUTSIDE = 16, MISFITS = 64, OUTGROWN = 4 };

static int fits_cell(const float *vector, const float *centroid, float step, size_t dim)
{
    const float most = (RG__LISTS_ZERO + OUTSIDE) * step;
    for (size_t d = 0; d < dim; d++)
        if (fabsf(vector[d] - centroid[d]) > most) return 0;
    return 1;
}

static int suits_rows(const writing_t *w)
{
    const size_t dim = w->head.dim, new_rows = w->rows->count - w->first_new;
    size_t misfits = 0;
    for (size_t i = 0; i < new_rows; i++) {
        const uint32_t c = w->list[i];
        misfits += !fits_cell(rg_rows_at(w->rows, w->first_new + i).vector, w->centroids + c * dim,
                              w->steps[c], dim);
    }
    return misfits <= new_rows / MISFITS;
}

// Leaves *out NULL if the old lists do not suit the rows.
static int extend(rg_lists_t **out, rg_lists_t *old, const rg_rows_t *rows, const char *folder,
                  rg_work_t *work)
{
    const rg__segment_t *first = old->segments[0];
    writing_t w = {.rows = rows,
                   .old = old,
                   .first_new = rg_lists_count(old),
                   .from = first_taken_in(old, rows->count - rg_lists_count(old)),
                   .head = first->head,
                   .centroids = first->centroids,
                   .steps = first->steps};
    const uint64_t number = rg__lists_next_number(folder);
    if (rows->count / OUTGROWN >= first->head.trained) return 0;
    w.head.first = w.from < old->n ? old->segments[w.from]->head.first : w.first_new;
    w.head.end = rows->count;
    int err = assign_rows(&w, first->norms2, work);
    if (!err && suits_rows(&w)) {
        err = write_segment(&w, folder, number, work);
        if (!err) err = open_result(out, &w, folder, number);
    }
    free(w.list);
    return err;
}

// ---- a new index

// The share of the exact neighbours [TUNED,NEIGHBOURS+1] of rows that the lists find among their candidates.
static double measure_share(const rg_lists_t *lists, const float *queries, const rg_hit_t *exact, size_t n,
                            uint32_t nprobe)
{
    int64_t *found = rg_alloc(n * CANDIDATES * sizeof *found);
    size_t same = 0, all = 0;
    rg_lists_search(lists, found, queries, n, CANDIDATES, nprobe, NULL, NULL);
    for (size_t i = 0; i < n * (NEIGHBOURS + 1); i++) {
        const size_t query = i / (NEIGHBOURS + 1);
        if (i % (NEIGHBOURS + 1) == 0 || exact[i].row < 0) continue; // the row itself
        all++;
        for (size_t j = 0; j < CANDIDATES; j++)
            if (found[query * CANDIDATES + j] == exact[i].row) {
                same++;
                break;
            }
    }
    free(found);
    return all ? (double)same / (double)all : 1;
}

static uint32_t find_nprobe(const rg_lists_t *lists, const rg_rows_t *rows)
{
    const size_t n = rows->count < TUNED ? rows->count : TUNED, dim = rows->dim;
    float *queries = rg_alloc(n * dim * sizeof *queries);
    rg_hit_t *exact = rg_alloc(n * (NEIGHBOURS + 1) * sizeof *exact);
    uint32_t nprobe = NPROBE_LEAST;
    for (size_t i = 0; i < n; i++)
        memcpy(queries + i * dim, rg_rows_at(rows, i * (rows->count / n)).vector, dim * sizeof *queries);
    rg_exact_search(exact, rows, 0, NULL, queries, n, NEIGHBOURS + 1, NULL);
    while (nprobe < lists->segments[0]->head.lists &&
           measure_share(lists, queries, exact, n, nprobe) < RECALL_GOAL)
        nprobe *= 2;
    free(queries);
    free(exact);
    return nprobe;
}

// Writes the head of a segment again, with another nprobe. Nobody else has the file open yet.
static int write_nprobe(rg__segment_t *segment, const char *folder, uint32_t nprobe)
{
    const size_t front = rg__lists_front_bytes(&segment->head);
    char *path = rg__lists_path(folder, segment->number), *copy = rg_alloc(front);
    rg__lists_head_t *head = &segment->head;
    memcpy(copy, segment->map, front);
    head->nprobe = nprobe;
    memcpy(copy, head, sizeof *head);
    head->checksum = rg__lists_checksum(copy);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int failed = fd < 0 || pwrite(fd, head, sizeof *head, 0) != sizeof *head || fsync(fd) != 0;
    int err = failed ? rg_fail_errno(RG_EIO, "%s: cannot write", path) : 0;
    if (fd >= 0) close(fd);
    free(copy);
    free(path);
    return err;
}

static int tune(rg_lists_t *lists, const rg_rows_t *rows, const char *folder)
{
    lists->nprobe = find_nprobe(lists, rows);
    return write_nprobe(lists->segments[0], folder, lists->nprobe);
}

static int write_first(rg_lists_t **out, const cells_t *cells, const rg_rows_t *rows, const char *folder,
                       rg_work_t *work)
{
    const uint64_t number = rg__lists_next_number(folder);
    writing_t w = {.rows = rows,
                   .centroids = cells->centroids,
                   .steps = cells->steps,
                   .head = {.magic = "RGLISTS",
                            .version = RG__LISTS_VERSION,
                            .dim = rows->dim,
                            .lists = (uint32_t)cells->lists,
                            .width = (rows->dim + WIDTH_STEP - 1) / WIDTH_STEP * WIDTH_STEP,
                            .end = rows->count,
                            .trained = rows->count,
                            .nprobe = 1}};
    w.head.cells = rg_hash(cells->centroids, cells->lists * cells->dim * sizeof(float), rows->count);
    int err = assign_rows(&w, cells->norms2, work);
    if (!err) err = write_segment(&w, folder, number, work);
    if (!err) err = open_result(out, &w, folder, number);
    if (!err) err = tune(*out, rows, folder);
    if (err && *out) rg_lists_release(out);
    free(w.list);
    return err;
}

static int build_new(rg_lists_t **out, const rg_rows_t *rows, const char *folder, rg_work_t *work)
{
    cells_t cells;
    int err = find_cells(&cells, rows, work);
    if (!err) err = write_first(out, &cells, rows, folder, work);
    cells_fini(&cells);
    return err;
}

int rg_lists_build(rg_lists_t **out, rg_lists_t *old, const rg_rows_t *rows, const char *folder,
                   rg_work_t *work)
{
    rg_lists_t *lists = NULL;
    if (rows->count < RG_LISTS_ROWS_MIN)
        return rg_fail(RG_ELIMIT, "retrieval.index: inverted lists need %d vectors, not %zu",
                       RG_LISTS_ROWS_MIN, rows->count);
    if (rows->count > UINT32_MAX) return rg_fail(RG_EINVAL, "inverted lists hold at most 2^32 rows");
    int err = 0;
    if (old && rg_lists_count(old) == rows->count)
        lists = rg_lists_retain(old);
    else if (old)
        err = extend(&lists, old, rows, folder, work);
    if (!err && !lists) err = build_new(&lists, rows, folder, work);
    if (!err) *out = lists;
    return err;
}
