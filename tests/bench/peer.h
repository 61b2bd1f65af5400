// FAISS itself in this process: what the retrieval service is measured beside. Plain C in front of FAISS's
// C++, so that nothing of the service's own code is between.
#ifndef RG_BENCH_PEER_H
#define RG_BENCH_PEER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct peer peer_t;

// FAISS's exact index over n vectors of d floats.
peer_t *peer_flat(const float *vectors, size_t n, size_t d);

// The index that a file has from this offset on. NULL if there is none.
peer_t *peer_read(const char *path, long offset);
void peer_destroy(peer_t *peer);

// How a search is computed. blas: matrix products rather than one distance after the other (exact index).
typedef struct {
    int threads, blas;
    int ef_search; // HNSW
} peer_way_t;

// labels [n,k], the k nearest of each of n queries [n,d].
void peer_search(peer_t *peer, int64_t *labels, const float *queries, size_t n, size_t k, peer_way_t way);

#ifdef __cplusplus
}
#endif

#endif
