// The images of the retrieval set as a search sees them: one row per image, in the order of the labels. A row
// holds what searches compare. What they report besides (id, name, ...) stays in the store.
//
// The rows lie in chunks of about 4 MiB of vectors. Several rg_rows_t share chunks by reference count, so
// that a new version of the set costs a list of pointers and not a copy. A row is written once and never
// changed. Readers need no lock: each rg_rows_t reads only its own first `count` rows. Of all rg_rows_t that
// share a chunk, only the newest may be appended to.
//
//   older version   count = 700    chunk 0 (512 rows)   chunk 1 (rows 512..699)
//                                        ^                    ^
//   newer version   count = 703    chunk 0              chunk 1 (rows 512..702: appended in place)
//
// A full chunk moves to a file, which is mapped (rows_file.h). So the rows take no memory that the kernel
// cannot take back, except those of the last chunk.
#ifndef RG_RETRIEVAL_ROWS_H
#define RG_RETRIEVAL_ROWS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

// Returns 1 if all distances to this vector [dim] are finite in float: neither the vector nor its norm
// overflows.
int rg_vector_is_finite(const float *vector, size_t dim);

struct rg_rows_file;

typedef struct {
    atomic_int owners;
    void *block; // mapped; all columns are parts of it, in memory as in the file
    size_t block_bytes;
    struct rg_rows_file *file; // that holds the block; NULL: it is in memory
    atomic_int is_checked;     // the checksum of the block is right; use rg_rows_chunk
    int64_t first_label;       // labels[0]
    int64_t *labels;           // [capacity], ascending
    uint64_t *added_ms;        // [capacity], time of the addition, ms since 1970
    uint8_t *annotated;        // [capacity]
    float *norms2;             // [capacity], squared L2 norms
    float *vectors;            // [capacity,D]
} rg_rows_chunk_t;

typedef struct {
    uint32_t dim;      // D
    size_t chunk_rows; // capacity of each chunk
    rg_rows_chunk_t **chunks;
    size_t n_chunks;
    size_t count; // rows
} rg_rows_t;

void rg_rows_init(rg_rows_t *rows, uint32_t dim);
void rg_rows_fini(rg_rows_t *rows);

// Makes `rows` share all chunks of `of`; no row is copied.
void rg_rows_retain(rg_rows_t *rows, const rg_rows_t *of);

// One image as a row. Pointers are borrowed by rg_rows_append.
typedef struct {
    int64_t label; // larger than the labels of all rows before
    uint64_t added_ms;
    int annotated;
    const float *vector; // [D]; NULL stands for zeros: a row that is dead from the start (view.h)
} rg_image_row_t;

void rg_rows_append(rg_rows_t *rows, const rg_image_row_t *row);

// The row at this position. Its pointers stay valid as long as `rows`.
rg_image_row_t rg_rows_at(const rg_rows_t *rows, size_t position);

// The position of a label, or -1.
ptrdiff_t rg_rows_find(const rg_rows_t *rows, int64_t label);

// ---- chunks

// Compares the checksum of a chunk of a file, and ends the process if it is wrong (rows_file.h).
void rg__rows_check_chunk(rg_rows_chunk_t *chunk);

// The chunk with this number, to read its columns.
static inline const rg_rows_chunk_t *rg_rows_chunk(const rg_rows_t *rows, size_t number)
{
    rg_rows_chunk_t *chunk = rows->chunks[number];
    if (!atomic_load_explicit(&chunk->is_checked, memory_order_acquire)) rg__rows_check_chunk(chunk);
    return chunk;
}

// For rows_file.c: the bytes before the columns of a block, the bytes of a block of rows of this shape, a
// chunk over such a block, and the end of an ownership.
enum { RG__ROWS_HEAD = 64 };
size_t rg__rows_block_bytes(const rg_rows_t *shape);
rg_rows_chunk_t *rg__rows_chunk_over(const rg_rows_t *shape, void *block);
void rg__rows_chunk_release(rg_rows_chunk_t *chunk);

#endif
