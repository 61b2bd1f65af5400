// The vectors of a graph lie in an index of its own, the storage, which makes the objects that compute distances.
// It is replaced by a storage that makes ours.
#include "services/retrieval/hnsw.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/impl/DistanceComputer.h>

#include <utility>

namespace
{
using l2sq_t = float (*)(const float *a, const float *b, size_t dim);

class distances_t : public faiss::FlatCodesDistanceComputer
{
    const float *vectors, *query = nullptr;
    size_t dim;
    l2sq_t l2sq;

  public:
    distances_t(const faiss::IndexFlat &storage, l2sq_t function)
        : FlatCodesDistanceComputer(storage.codes.data(), storage.code_size), vectors(storage.get_xb()),
          dim(static_cast<size_t>(storage.d)), l2sq(function)
    {
    }
    void set_query(const float *x) override { query = x; }
    float distance_to_code(const uint8_t *code) override
    {
        return l2sq(query, reinterpret_cast<const float *>(code), dim);
    }
    float symmetric_dis(idx_t i, idx_t j) override
    {
        return l2sq(vectors + static_cast<size_t>(i) * dim, vectors + static_cast<size_t>(j) * dim, dim);
    }
};

class storage_t : public faiss::IndexFlat
{
    l2sq_t l2sq;

  public:
    storage_t(faiss::IndexFlat &&vectors, l2sq_t function)
        : faiss::IndexFlat(std::move(vectors)), l2sq(function)
    {
    }
    faiss::FlatCodesDistanceComputer *get_FlatCodesDistanceComputer() const override
    {
        return new distances_t(*this, l2sq);
    }
};
} // namespace

void rg__hnsw_use_distance(FaissIndex *index, float (*l2sq)(const float *a, const float *b, size_t dim))
{
    auto *hnsw = dynamic_cast<faiss::IndexHNSW *>(reinterpret_cast<faiss::Index *>(index));
    auto *storage = hnsw ? dynamic_cast<faiss::IndexFlat *>(hnsw->storage) : nullptr;
    if (!storage || !hnsw->own_fields || storage->metric_type != faiss::METRIC_L2) return;
    hnsw->storage = new storage_t(std::move(*storage), l2sq);
    delete storage;
}
