#include "services/retrieval/index.h"

#include <faiss/c_api/Index_c.h>
#include <faiss/c_api/MetaIndexes_c.h>
#include <faiss/c_api/error_c.h>
#include <faiss/c_api/impl/AuxIndexStructures_c.h>
#include <faiss/c_api/index_factory_c.h>
#include <faiss/c_api/utils/distances_c.h>
#include <omp.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

// From this many queries on, a search multiplies matrices instead of comparing vectors one by one: where
// FAISS is built without AVX that is the faster way for all but single queries.
enum { BLAS_FROM_QUERIES = 4 };

// Multiplications from which on a search is shared among threads. Below, one is as fast, and it need not wait
// until a busy machine has run the others.
static const double SHARED_FROM = 1e8;

struct rg_index {
    FaissIndex *faiss; // an IndexIDMap, which owns the index made by the factory
    uint32_t dim;
    int threads; // of large searches
};

static int fail(int err, const char *what)
{
    return rg_fail(err, "index: cannot %s: %s", what, faiss_get_last_error());
}

static int make_faiss(FaissIndex **out, const char *factory, uint32_t dim)
{
    FaissIndex *inner = NULL;
    if (faiss_index_factory(&inner, (int)dim, factory, METRIC_L2) != 0)
        return rg_fail(RG_ECONFIG, "index '%s': %s", factory, faiss_get_last_error());
    if (!faiss_Index_is_trained(inner)) {
        faiss_Index_free(inner);
        return rg_fail(RG_ECONFIG,
                       "index '%s' needs training; use one that doesn't, such as Flat or HNSW32,Flat",
                       factory);
    }
    FaissIndexIDMap *map = NULL;
    if (faiss_IndexIDMap_new(&map, inner) != 0) {
        int err = rg_fail(RG_ECONFIG, "index '%s': %s", factory, faiss_get_last_error());
        faiss_Index_free(inner);
        return err;
    }
    faiss_IndexIDMap_set_own_fields(map, 1);
    *out = (FaissIndex *)map;
    return 0;
}

// A factory string that brings its own labels fails only when the first vector is added: try it.
static int try_add(rg_index_t *index, const char *factory)
{
    float *zeros = rg_alloc(index->dim * sizeof *zeros);
    int err = rg_index_add(index, zeros, (const int64_t[]){0}, 1);
    free(zeros);
    if (err || faiss_Index_reset(index->faiss) != 0)
        return rg_fail(RG_ECONFIG, "index '%s' cannot hold labelled vectors: %s", factory,
                       faiss_get_last_error());
    return 0;
}

int rg_index_new(rg_index_t **out, const char *factory, uint32_t dim)
{
    faiss_set_distance_compute_blas_threshold(BLAS_FROM_QUERIES);
    FaissIndex *faiss = NULL;
    int err = make_faiss(&faiss, factory, dim);
    if (err) return err;
    rg_index_t *index = rg_alloc(sizeof *index);
    *index = (rg_index_t){.faiss = faiss, .dim = dim, .threads = omp_get_max_threads()};
    err = try_add(index, factory);
    if (err)
        rg_index_destroy(&index);
    else
        *out = index;
    return err;
}

void rg_index_destroy(rg_index_t **index)
{
    if (!*index) return;
    faiss_Index_free((*index)->faiss);
    free(*index);
    *index = NULL;
}

size_t rg_index_count(const rg_index_t *index)
{
    return (size_t)faiss_Index_ntotal(index->faiss);
}

int rg_index_add(rg_index_t *index, const float *vectors, const int64_t *labels, size_t n)
{
    if (n == 0) return 0;
    int rc = faiss_Index_add_with_ids(index->faiss, (faiss_idx_t)n, vectors, labels);
    return rc ? fail(RG_EINVAL, "add") : 0;
}

int rg_index_remove(rg_index_t *index, const int64_t *labels, size_t n)
{
    if (n == 0) return 0;
    FaissIDSelectorBatch *these = NULL;
    size_t removed;
    if (faiss_IDSelectorBatch_new(&these, n, labels) != 0) return fail(RG_EINVAL, "remove");
    int rc = faiss_Index_remove_ids(index->faiss, (FaissIDSelector *)these, &removed);
    int err = rc ? fail(RG_EINVAL, "remove") : 0;
    faiss_IDSelector_free((FaissIDSelector *)these);
    return err;
}

int rg_index_search(const rg_index_t *index, int64_t *labels, float *dist_l2sq, const float *queries,
                    size_t n, size_t k)
{
    if (rg_index_count(index) == 0) { // not every kind of index can search when it is empty
        for (size_t i = 0; i < n * k; i++) labels[i] = -1;
        return 0;
    }
    double work = (double)n * (double)rg_index_count(index) * index->dim;
    omp_set_num_threads(work < SHARED_FROM ? 1 : index->threads);
    int rc = faiss_Index_search(index->faiss, (faiss_idx_t)n, queries, (faiss_idx_t)k, dist_l2sq, labels);
    omp_set_num_threads(index->threads);
    return rc ? fail(RG_EINVAL, "search") : 0;
}
