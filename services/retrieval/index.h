// An approximate index over the first rows of the retrieval set. A string says of which kind it is:
//
//   Flat              no index is built, and searches are exact
//   lists             inverted lists in mapped files (lists.h): no memory per row
//   auto              none up to RG_INDEX_AUTO_FROM rows, then lists
//   any other string  what FAISS makes of it ("HNSW32", "IVF256,Flat"), in memory. Only index.c, hnsw.cc and
//                     faiss_c.cc see FAISS
//
// An index is built once, in the background, and does not change afterwards. It returns rows by position.
// Several threads may search it; their searches run one after the other.
#ifndef RG_RETRIEVAL_INDEX_H
#define RG_RETRIEVAL_INDEX_H

#include <stdio.h>

#include "services/retrieval/lists.h"

typedef struct rg_index rg_index_t;

// From this number of rows on, an exact search of one query takes longer than a millisecond.
enum { RG_INDEX_AUTO_FROM = 50000 };

// Returns 1 if searches of so many rows are exact, and no index is built.
int rg_index_is_exact(const char *factory, size_t rows);

// Returns 1 for inverted lists.
int rg_index_is_lists(const char *factory);

// Returns 1 if a build is worth its time when the index covers `indexed` of `rows` rows.
int rg_index_is_due(const char *factory, size_t rows, size_t indexed);

// Tries the factory string in a process of its own (index_trial.c). It runs `program`, the path of an executable
// whose main function begins with rg_index_trial. RG_ECONFIG naming retrieval.index if FAISS cannot build an index
// of this kind over vectors of dim floats, if it would crash, or takes too long. RG_EIO, RG_ELIMIT if that
// process cannot be started.
int rg_index_check(const char *program, const char *factory, uint32_t dim);

// In the process of a trial: tries the string and exits. Returns if the words are not those of a trial.
void rg_index_trial(int argc, char **argv);

// What an index is built with.
typedef struct {
    const char *factory;
    const char *folder;         // for the files of lists
    const struct rg_index *old; // over the first of the rows, or NULL: lists may go on from it
    rg_work_t *work;
} rg_index_plan_t;

// Trains an index, if its kind needs training, and adds the rows. RG_ELIMIT if the rows are too few for the
// training, RG_ESTOPPED once the work is stopped (checked between steps), RG_EINVAL with the sentence of FAISS.
int rg_index_build(rg_index_t **index, const rg_index_plan_t *plan, const rg_rows_t *rows);

// retain adds an owner and returns the same index. destroy ends one ownership; the last one frees the index.
rg_index_t *rg_index_retain(rg_index_t *index);
void rg_index_destroy(rg_index_t **index);

size_t rg_index_count(const rg_index_t *index); // rows

// How thoroughly a search goes through the index; 0: what suits the index. An index ignores the parameters
// that its kind does not have.
typedef struct {
    uint32_t nprobe;    // inverted lists that lists or an IVF index visit
    uint32_t ef_search; // candidates that an HNSW index keeps
} rg_index_effort_t;

// How many candidates to ask for, so that k of them remain when they are compared exactly. dead: rows of the
// set that are not alive.
size_t rg_index_candidates(const rg_index_t *index, size_t k, size_t dead);

// What an index is asked for.
typedef struct {
    const float *queries; // [n,D]
    size_t n, k;
    rg_index_effort_t effort;
    const rg_bitset_t *alive;  // rows to find; lists leave out the others, FAISS does not; NULL: all
    rg_thread_pool_t *threads; // or NULL
} rg_index_query_t;

// Finds about the k nearest rows of each query. Writes positions rows [n,k], nearest first by the approximate
// distance of the index, -1 where the index found fewer. RG_EINVAL.
int rg_index_search(rg_index_t *index, int64_t *rows, const rg_index_query_t *query);

// Writes to or reads from an open file at its present position. FAISS does not validate what it reads: pass
// only what rg_index_write has written. lists: the folder of their files; NULL for an index of FAISS. RG_EIO,
// RG_EFULL; read: RG_EFORMAT unless the index has that many rows of dim floats.
int rg_index_write(rg_index_t *index, FILE *file);
int rg_index_read(rg_index_t **index, FILE *file, uint32_t dim, size_t rows, const char *lists);

// Removes the files of lists in the folder that belong to none of these indexes [n], each of which may be NULL.
void rg_index_remove_others(const rg_index_t *const *indexes, size_t n, const char *folder);

#endif
