// HNSW graphs of FAISS with our distances. FAISS of Debian is compiled without AVX, and a search of a graph
// spends most of its time on distances.
#ifndef RG_RETRIEVAL_HNSW_H
#define RG_RETRIEVAL_HNSW_H

#include <faiss/c_api/Index_c.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// Makes an HNSW index over uncompressed vectors compute distances with l2sq: the squared distance of a and b [dim].
// Any other index stays as it is. Files of the index stay as they are, too.
void rg__hnsw_use_distance(FaissIndex *index, float (*l2sq)(const float *a, const float *b, size_t dim));

#ifdef __cplusplus
}
#endif

#endif
