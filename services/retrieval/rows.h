// The images of the retrieval set in memory: one row per image, in the order of the labels. A row holds all
// that a search reads and reports, except thumbnails and features.
//
// The rows lie in chunks of about 4 MiB of vectors. Several rg_rows_t share chunks by reference count, so
// that a new version of the set costs a list of pointers and not a copy. A row is written once and never
// changed. Readers need no lock: each rg_rows_t reads only its own first `count` rows. Of all rg_rows_t that
// share a chunk, only the newest may be appended to.
//
//   older version   count = 700    chunk 0 (512 rows)   chunk 1 (rows 512..699)
//                                        ^                    ^
//   newer version   count = 703    chunk 0              chunk 1 (rows 512..702: appended in place)
#ifndef RG_RETRIEVAL_ROWS_H
#define RG_RETRIEVAL_ROWS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire/msg.h"

// Returns 1 if all distances to this vector [dim] are finite in float: neither the vector nor its norm
// overflows.
int rg_vector_is_finite(const float *vector, size_t dim);

typedef struct {
    atomic_int owners;
    size_t capacity;            // rows
    int64_t *labels;            // [capacity], ascending
    uint64_t *added_ms;         // [capacity], time of the addition, ms since 1970
    uint64_t *generations;      // [capacity], generation of the set in which the image was added
    uint8_t *annotated;         // [capacity]
    uint8_t (*ids)[RG_ID_SIZE]; // [capacity], content ids
    char **names;               // [capacity], owned; NULL stands for ""
    float *norms2;              // [capacity], squared L2 norms
    float *vectors;             // [capacity,D]
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
    uint64_t added_ms, generation;
    int annotated;
    const uint8_t *id;   // [RG_ID_SIZE]; NULL stands for zeros
    const char *name;    // NULL stands for ""
    const float *vector; // [D]; NULL stands for zeros: a row that is dead from the start (view.h)
} rg_image_row_t;

void rg_rows_append(rg_rows_t *rows, const rg_image_row_t *row);

// The row at this position. Its pointers stay valid as long as `rows`.
rg_image_row_t rg_rows_at(const rg_rows_t *rows, size_t position);

// The position of a label, or -1.
ptrdiff_t rg_rows_find(const rg_rows_t *rows, int64_t label);

#endif
