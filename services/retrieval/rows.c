// The block of a chunk, in memory as in the file of rows: a head (rows_file.c), then the columns one after
// the other, each aligned to 64 bytes, and filled up to whole pages.
#include "services/retrieval/rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/core/alloc.h"
#include "services/retrieval/rows_file.h"

// Distances between vectors up to this squared norm are finite in float.
static const double NORM2_MAX = 1e37;

// The capacity of a chunk is a multiple of CAPACITY_STEP rows.
enum { CHUNK_BYTES = 4 << 20, PAGE = 4096, CAPACITY_STEP = 64 };

void rg_rows_init(rg_rows_t *rows, uint32_t dim)
{
    size_t fit = CHUNK_BYTES / (dim * sizeof(float)) / CAPACITY_STEP * CAPACITY_STEP;
    *rows = (rg_rows_t){.dim = dim, .chunk_rows = fit ? fit : CAPACITY_STEP};
}

// ---- chunks

size_t rg__rows_block_bytes(const rg_rows_t *shape)
{
    const rg_rows_chunk_t *chunk = NULL;
    size_t row = shape->dim * sizeof *chunk->vectors + sizeof *chunk->labels + sizeof *chunk->added_ms +
                 sizeof *chunk->norms2 + sizeof *chunk->annotated;
    return (RG__ROWS_HEAD + shape->chunk_rows * row + PAGE - 1) / PAGE * PAGE;
}

rg_rows_chunk_t *rg__rows_chunk_over(const rg_rows_t *shape, void *block)
{
    const size_t n = shape->chunk_rows;
    rg_rows_chunk_t *chunk = rg_alloc(sizeof *chunk);
    *chunk = (rg_rows_chunk_t){
        .owners = 1, .block = block, .block_bytes = rg__rows_block_bytes(shape), .is_checked = 1};
    chunk->vectors = (float *)((char *)block + RG__ROWS_HEAD);
    chunk->labels = (int64_t *)(chunk->vectors + n * shape->dim);
    chunk->added_ms = (uint64_t *)(chunk->labels + n);
    chunk->norms2 = (float *)(chunk->added_ms + n);
    chunk->annotated = (uint8_t *)(chunk->norms2 + n);
    return chunk;
}

// Every exact search reads all vectors from the first to the last. Huge pages save most address translations.
static rg_rows_chunk_t *rows_chunk_new(const rg_rows_t *rows)
{
    const size_t bytes = rg__rows_block_bytes(rows);
    void *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) abort(); // out of memory
    madvise(block, bytes, MADV_HUGEPAGE);
    return rg__rows_chunk_over(rows, block);
}

void rg__rows_chunk_release(rg_rows_chunk_t *chunk)
{
    if (atomic_fetch_sub(&chunk->owners, 1) > 1) return;
    munmap(chunk->block, chunk->block_bytes);
    rg_rows_file_release(&chunk->file);
    free(chunk);
}

void rg__rows_check_chunk(rg_rows_chunk_t *chunk)
{
    rg_rows_file_check_block(chunk->file, chunk->block);
    atomic_store_explicit(&chunk->is_checked, 1, memory_order_release);
}

void rg_rows_fini(rg_rows_t *rows)
{
    for (size_t i = 0; i < rows->n_chunks; i++) rg__rows_chunk_release(rows->chunks[i]);
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

// ---- rows

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
    if (at == 0) chunk->first_label = row->label;
    chunk->labels[at] = row->label;
    chunk->added_ms[at] = row->added_ms;
    chunk->annotated[at] = row->annotated != 0;
    chunk->norms2[at] = (float)squared_norm(vector, rows->dim);
}

rg_image_row_t rg_rows_at(const rg_rows_t *rows, size_t position)
{
    assert(position < rows->count);
    const rg_rows_chunk_t *chunk = rg_rows_chunk(rows, position / rows->chunk_rows);
    size_t at = position % rows->chunk_rows;
    return (rg_image_row_t){.label = chunk->labels[at],
                            .added_ms = chunk->added_ms[at],
                            .annotated = chunk->annotated[at],
                            .vector = chunk->vectors + at * rows->dim};
}

// The last chunk whose first label is not above this one; 0 if there is none.
static size_t chunk_of_label(const rg_rows_t *rows, int64_t label)
{
    size_t low = 0, high = (rows->count + rows->chunk_rows - 1) / rows->chunk_rows;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (rows->chunks[middle]->first_label <= label)
            low = middle;
        else
            high = middle;
    }
    return low;
}

ptrdiff_t rg_rows_find(const rg_rows_t *rows, int64_t label)
{
    if (rows->count == 0) return -1;
    const size_t number = chunk_of_label(rows, label), first = number * rows->chunk_rows;
    const rg_rows_chunk_t *chunk = rg_rows_chunk(rows, number);
    size_t left = rows->count - first, end = left < rows->chunk_rows ? left : rows->chunk_rows;
    size_t low = 0, high = end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (chunk->labels[middle] < label)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && chunk->labels[low] == label ? (ptrdiff_t)(first + low) : -1;
}
