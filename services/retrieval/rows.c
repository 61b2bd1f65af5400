#include "services/retrieval/rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/core/alloc.h"

// Distances between vectors up to this squared norm are finite in float.
static const double NORM2_MAX = 1e37;

// The capacity of a chunk is a multiple of CAPACITY_STEP rows.
enum { CHUNK_BYTES = 4 << 20, HUGE_PAGE = 2 << 20, CAPACITY_STEP = 64 };

void rg_rows_init(rg_rows_t *rows, uint32_t dim)
{
    size_t fit = CHUNK_BYTES / (dim * sizeof(float)) / CAPACITY_STEP * CAPACITY_STEP;
    *rows = (rg_rows_t){.dim = dim, .chunk_rows = fit ? fit : CAPACITY_STEP};
}

// Every exact search reads all vectors from the first to the last. Huge pages save most address translations.
static float *alloc_vectors(size_t bytes)
{
    float *vectors = aligned_alloc(HUGE_PAGE, (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
    if (!vectors) abort(); // out of memory
    madvise(vectors, bytes, MADV_HUGEPAGE);
    return vectors;
}

static rg_rows_chunk_t *rows_chunk_new(const rg_rows_t *rows)
{
    rg_rows_chunk_t *chunk = rg_alloc(sizeof *chunk);
    atomic_init(&chunk->owners, 1);
    chunk->labels = rg_alloc(rows->chunk_rows * sizeof *chunk->labels);
    chunk->added_ms = rg_alloc(rows->chunk_rows * sizeof *chunk->added_ms);
    chunk->generations = rg_alloc(rows->chunk_rows * sizeof *chunk->generations);
    chunk->annotated = rg_alloc(rows->chunk_rows);
    chunk->ids = rg_alloc(rows->chunk_rows * sizeof *chunk->ids);
    chunk->names = rg_alloc(rows->chunk_rows * sizeof *chunk->names);
    chunk->capacity = rows->chunk_rows;
    chunk->norms2 = rg_alloc(rows->chunk_rows * sizeof *chunk->norms2);
    chunk->vectors = alloc_vectors(rows->chunk_rows * rows->dim * sizeof *chunk->vectors);
    return chunk;
}

static void rows_chunk_release(rg_rows_chunk_t *chunk)
{
    if (atomic_fetch_sub(&chunk->owners, 1) > 1) return;
    free(chunk->labels);
    free(chunk->added_ms);
    free(chunk->generations);
    free(chunk->annotated);
    free(chunk->ids);
    for (size_t i = 0; i < chunk->capacity; i++) free(chunk->names[i]);
    free(chunk->names);
    free(chunk->norms2);
    free(chunk->vectors);
    free(chunk);
}

void rg_rows_fini(rg_rows_t *rows)
{
    for (size_t i = 0; i < rows->n_chunks; i++) rows_chunk_release(rows->chunks[i]);
    free(rows->chunks);
    *rows = (rg_rows_t){0};
}

void rg_rows_retain(rg_rows_t *rows, const rg_rows_t *of)
{
    *rows = *of;
    rows->chunks = rg_alloc((of->n_chunks + 1) * sizeof *rows->chunks);
    for (size_t i = 0; i < of->n_chunks; i++) {
        rows->chunks[i] = of->chunks[i];
        atomic_fetch_add(&rows->chunks[i]->owners, 1);
    }
}

static double squared_norm(const float *vector, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++) sum += (double)vector[i] * vector[i];
    return sum;
}

int rg_vector_is_finite(const float *vector, size_t dim)
{
    return squared_norm(vector, dim) < NORM2_MAX; // false for NaN
}

// The chunk for the next row; a new one if the last chunk is full.
static rg_rows_chunk_t *rows_last_chunk(rg_rows_t *rows)
{
    if (rows->count == rows->n_chunks * rows->chunk_rows) {
        rows->chunks = rg_realloc(rows->chunks, (rows->n_chunks + 1) * sizeof(rg_rows_chunk_t *));
        rows->chunks[rows->n_chunks++] = rows_chunk_new(rows);
    }
    return rows->chunks[rows->count / rows->chunk_rows];
}

void rg_rows_append(rg_rows_t *rows, const rg_image_row_t *row)
{
    assert(rows->count == 0 || rg_rows_at(rows, rows->count - 1).label < row->label);
    rg_rows_chunk_t *chunk = rows_last_chunk(rows);
    const size_t at = rows->count++ % rows->chunk_rows;
    float *vector = chunk->vectors + at * rows->dim;
    if (row->vector)
        memcpy(vector, row->vector, rows->dim * sizeof *vector);
    else
        memset(vector, 0, rows->dim * sizeof *vector);
    chunk->labels[at] = row->label;
    chunk->added_ms[at] = row->added_ms;
    chunk->generations[at] = row->generation;
    chunk->annotated[at] = row->annotated != 0;
    if (row->id)
        memcpy(chunk->ids[at], row->id, RG_ID_SIZE);
    else
        memset(chunk->ids[at], 0, RG_ID_SIZE);
    free(chunk->names[at]); // left by a batch that failed after it had appended
    chunk->names[at] = row->name && *row->name ? rg_strdup(row->name) : NULL;
    chunk->norms2[at] = (float)squared_norm(vector, rows->dim);
}

rg_image_row_t rg_rows_at(const rg_rows_t *rows, size_t position)
{
    assert(position < rows->count);
    const rg_rows_chunk_t *chunk = rows->chunks[position / rows->chunk_rows];
    size_t at = position % rows->chunk_rows;
    return (rg_image_row_t){.label = chunk->labels[at],
                            .added_ms = chunk->added_ms[at],
                            .generation = chunk->generations[at],
                            .annotated = chunk->annotated[at],
                            .id = chunk->ids[at],
                            .name = chunk->names[at] ? chunk->names[at] : "",
                            .vector = chunk->vectors + at * rows->dim};
}

ptrdiff_t rg_rows_find(const rg_rows_t *rows, int64_t label)
{
    size_t low = 0, high = rows->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rows->chunks[middle / rows->chunk_rows]->labels[middle % rows->chunk_rows] < label)
            low = middle + 1;
        else
            high = middle;
    }
    return low < rows->count && rg_rows_at(rows, low).label == label ? (ptrdiff_t)low : -1;
}
