// FAISS through its C API. What to know of it: a function returns nonzero after an error, and the sentence is
// the last message of the thread; METRIC_L2 means squared distances; a missing neighbour is -1; the effort of
// a search is a parameter of the index, not of the call, and so searches take turns.
#include "services/retrieval/index.h"

#include <errno.h>
#include <faiss/c_api/AutoTune_c.h>
#include <faiss/c_api/Index_c.h>
#include <faiss/c_api/error_c.h>
#include <faiss/c_api/index_factory_c.h>
#include <faiss/c_api/index_io_c.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/nn/linalg.h"

// Clustering needs no more than TRAIN_MAX vectors, whatever the size of the set. Rows are added in slices of
// at most SLICE, so that a build can be stopped. Searches of fewer than SHARED_FROM queries run on one
// thread: several threads would make a short search wait until a busy machine has run all of them.
enum { TRAIN_MAX = 1 << 18, SLICE = 1024, SHARED_FROM = 8 };

struct rg_index {
    atomic_int owners;
    FaissIndex *faiss;
    FaissParameterSpace *space; // sets the effort of a search
    pthread_mutex_t searching;  // one search at a time: FAISS keeps the effort in the index
    uint32_t dim;
    rg_index_effort_t defaults; // of FAISS; 0 where this kind of index does not have the parameter
};

static int faiss_fail(int err, const char *what)
{
    return rg_fail(err, "FAISS cannot %s the index: %s", what, faiss_get_last_error());
}

int rg_index_is_exact(const char *factory)
{
    return strcmp(factory, "Flat") == 0;
}

static int create_faiss_index(FaissIndex **out, const char *factory, uint32_t dim)
{
    if (faiss_index_factory(out, (int)dim, factory, METRIC_L2) == 0) return 0;
    return rg_fail(RG_ECONFIG, "retrieval.index: '%s' is not an index that FAISS can make: %s", factory,
                   faiss_get_last_error());
}

// ---- effort

// Returns 1 if the index has that parameter.
static int set_parameter(const rg_index_t *index, const char *name, uint32_t value)
{
    return faiss_ParameterSpace_set_index_parameter(index->space, index->faiss, name, value) == 0;
}

static void set_effort(const rg_index_t *index, rg_index_effort_t effort)
{
    const rg_index_effort_t *defaults = &index->defaults;
    if (defaults->nprobe) set_parameter(index, "nprobe", effort.nprobe ? effort.nprobe : defaults->nprobe);
    if (defaults->ef_search)
        set_parameter(index, "efSearch", effort.ef_search ? effort.ef_search : defaults->ef_search);
}

// Makes an rg_index_t that owns the FAISS index.
static int wrap_faiss_index(rg_index_t **out, FaissIndex *faiss, uint32_t dim)
{
    static const rg_index_effort_t faiss_defaults = {.nprobe = 1, .ef_search = 16};
    rg_index_t *index = rg_alloc(sizeof *index);
    *index = (rg_index_t){.owners = 1, .faiss = faiss, .dim = dim};
    pthread_mutex_init(&index->searching, NULL);
    if (faiss_ParameterSpace_new(&index->space) != 0) {
        int err = faiss_fail(RG_EINVAL, "prepare");
        rg_index_destroy(&index);
        return err;
    }
    if (set_parameter(index, "nprobe", faiss_defaults.nprobe)) index->defaults.nprobe = faiss_defaults.nprobe;
    if (set_parameter(index, "efSearch", faiss_defaults.ef_search))
        index->defaults.ef_search = faiss_defaults.ef_search;
    *out = index;
    return 0;
}

// ---- building

static int check_build_stop(const atomic_int *stop)
{
    return atomic_load(stop) ? rg_fail(RG_ESTOPPED, "the build of the index was stopped") : 0;
}

// Trains with at most TRAIN_MAX rows, evenly spread over all.
static int train_index(FaissIndex *faiss, const char *factory, const rg_rows_t *rows)
{
    size_t n = rows->count < TRAIN_MAX ? rows->count : TRAIN_MAX, dim = rows->dim;
    float *sample = rg_alloc((n + 1) * dim * sizeof *sample);
    for (size_t i = 0; i < n; i++) {
        size_t row = (size_t)((double)i * (double)rows->count / (double)n);
        memcpy(sample + i * dim, rg_rows_at(rows, row).vector, dim * sizeof *sample);
    }
    int rc = faiss_Index_train(faiss, (faiss_idx_t)n, sample);
    free(sample);
    if (rc)
        return rg_fail(RG_ELIMIT, "retrieval.index: '%s' cannot be trained from %zu vectors: %s", factory, n,
                       faiss_get_last_error());
    return 0;
}

static int add_rows(FaissIndex *faiss, const rg_rows_t *rows, const atomic_int *stop)
{
    int err = 0;
    for (size_t row = 0, n; row < rows->count && !err; row += n) {
        size_t left = rows->count - row, in_chunk = rows->chunk_rows - row % rows->chunk_rows;
        n = left < SLICE ? left : SLICE;
        if (n > in_chunk) n = in_chunk;
        err = check_build_stop(stop);
        if (!err && faiss_Index_add(faiss, (faiss_idx_t)n, rg_rows_at(rows, row).vector) != 0)
            err = faiss_fail(RG_EINVAL, "add rows to");
    }
    return err;
}

int rg_index_build(rg_index_t **index, const char *factory, const rg_rows_t *rows, const atomic_int *stop)
{
    FaissIndex *faiss;
    int err = create_faiss_index(&faiss, factory, rows->dim);
    if (err) return err;
    if (!faiss_Index_is_trained(faiss)) err = train_index(faiss, factory, rows);
    if (!err) err = add_rows(faiss, rows, stop);
    if (!err) return wrap_faiss_index(index, faiss, rows->dim);
    faiss_Index_free(faiss);
    return err;
}

rg_index_t *rg_index_retain(rg_index_t *index)
{
    atomic_fetch_add(&index->owners, 1);
    return index;
}

void rg_index_destroy(rg_index_t **out)
{
    rg_index_t *index = *out;
    *out = NULL;
    if (!index || atomic_fetch_sub(&index->owners, 1) > 1) return;
    if (index->space) faiss_ParameterSpace_free(index->space);
    faiss_Index_free(index->faiss);
    pthread_mutex_destroy(&index->searching);
    free(index);
}

size_t rg_index_count(const rg_index_t *index)
{
    return (size_t)faiss_Index_ntotal(index->faiss);
}

// ---- searching

int rg_index_search(rg_index_t *index, int64_t *rows, const float *queries, size_t n, size_t k,
                    rg_index_effort_t effort)
{
    float *distances = rg_alloc(n * k * sizeof *distances);
    int threads = n < SHARED_FROM ? rg_linalg_threads(1) : 0;
    pthread_mutex_lock(&index->searching);
    set_effort(index, effort);
    int rc = faiss_Index_search(index->faiss, (faiss_idx_t)n, queries, (faiss_idx_t)k, distances, rows);
    if (threads) rg_linalg_threads(threads);
    pthread_mutex_unlock(&index->searching);
    free(distances);
    return rc ? faiss_fail(RG_EINVAL, "search") : 0;
}

// ---- files

int rg_index_write(rg_index_t *index, FILE *file)
{
    errno = 0;
    if (faiss_write_index(index->faiss, file) == 0) return 0;
    return errno == ENOSPC ? rg_fail(RG_EFULL, "no space is left to write the index")
                           : faiss_fail(RG_EIO, "write");
}

int rg_index_read(rg_index_t **index, FILE *file, uint32_t dim, size_t rows)
{
    FaissIndex *faiss;
    if (faiss_read_index(file, 0, &faiss) != 0) return faiss_fail(RG_EFORMAT, "read");
    if ((size_t)faiss_Index_ntotal(faiss) != rows || faiss_Index_d(faiss) != (int)dim) {
        faiss_Index_free(faiss);
        return rg_fail(RG_EFORMAT, "the stored index does not hold %zu vectors of %u floats", rows, dim);
    }
    return wrap_faiss_index(index, faiss, dim);
}
