// The images of the retrieval set in memory, all that a search needs and tells of them, row by row in the
// order of their labels.
//
// Rows lie in chunks that several rg_rows_t share. A row is written once: whoever appends makes the next
// rg_rows_t out of the last one, and readers of that one, who see only the first `count` rows of the chunks,
// need no lock. Of all that share a chunk only one may be appended to.
#ifndef RG_RETRIEVAL_ROWS_H
#define RG_RETRIEVAL_ROWS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire/msg.h"

// 1 if distances to this vector [dim] are finite in float: neither it nor its norm overflows.
int rg_vector_is_finite(const float *vector, size_t dim);

// `room` rows, as many as fit into 4 MiB.
typedef struct {
    atomic_int owners;
    size_t room;
    int64_t *labels;            // [room], ascending
    uint64_t *added_ms;         // [room], since 1970
    uint64_t *generations;      // [room], in which they were added
    uint8_t *annotated;         // [room]
    uint8_t (*ids)[RG_ID_SIZE]; // [room] content ids
    char **names;               // [room], owned; NULL for ""
    float *norms2;              // [room], squared L2
    float *vectors;             // [room,D]
} rg_chunk_t;

typedef struct {
    uint32_t dim; // D
    size_t room;  // rows per chunk
    rg_chunk_t **chunks;
    size_t n_chunks, count; // rows
} rg_rows_t;

void rg_rows_init(rg_rows_t *rows, uint32_t dim);
void rg_rows_fini(rg_rows_t *rows);

// The same rows once more, without a copy of them.
void rg_rows_share(rg_rows_t *rows, const rg_rows_t *of);

typedef struct {
    int64_t label; // larger than all that are there
    uint64_t added_ms, generation;
    int annotated;
    const uint8_t *id;   // [RG_ID_SIZE], borrowed, as is what follows; NULL: zeros
    const char *name;    // NULL: ""
    const float *vector; // [D]; NULL: zeros, for a row that is dead from the start
} rg_row_t;

void rg_rows_append(rg_rows_t *rows, const rg_row_t *row);

// The row at this position; what it points to lives as long as the rows.
rg_row_t rg_rows_at(const rg_rows_t *rows, size_t position);

// Position of a label, or -1.
ptrdiff_t rg_rows_find(const rg_rows_t *rows, int64_t label);

#endif
