// FAISS in the process of the benchmark, to compare the retrieval service with. A C interface over the C++
// library; it uses no code of the service.
#ifndef RG_BENCH_FAISS_PEER_H
#define RG_BENCH_FAISS_PEER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct peer peer_t;

// Makes the exact index of FAISS over n vectors of d floats.
peer_t *peer_flat(const float *vectors, size_t n, size_t d);

// Makes, trains and fills an index of an index_factory string. NULL if FAISS cannot.
peer_t *peer_factory(const char *factory, const float *vectors, size_t n, size_t d);

// Reads the index that begins at this offset of a file. NULL if it cannot be read.
peer_t *peer_read(const char *path, long offset);
void peer_destroy(peer_t *peer);

// How FAISS computes a search.
typedef struct {
    int threads;
    int blas;      // exact index: matrix products instead of one distance after the other
    int ef_search; // HNSW index
    int nprobe;    // IVF index
} peer_way_t;

// Writes the k nearest vectors of each of n queries [n,d] to labels [n,k].
void peer_search(peer_t *peer, int64_t *labels, const float *queries, size_t n, size_t k, peer_way_t way);

#ifdef __cplusplus
}
#endif

#endif
