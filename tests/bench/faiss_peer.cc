#include "tests/bench/faiss_peer.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVF.h>
#include <faiss/index_factory.h>
#include <faiss/index_io.h>
#include <faiss/utils/distances.h>
#include <omp.h>

#include <climits>
#include <cstdio>
#include <memory>
#include <vector>

struct peer {
    std::unique_ptr<faiss::Index> index;
};

peer_t *peer_flat(const float *vectors, size_t n, size_t d)
{
    auto index = std::make_unique<faiss::IndexFlatL2>(static_cast<int64_t>(d));
    index->add(static_cast<int64_t>(n), vectors);
    return new peer{std::move(index)};
}

peer_t *peer_factory(const char *factory, const float *vectors, size_t n, size_t d)
{
    const auto count = static_cast<int64_t>(n);
    try {
        std::unique_ptr<faiss::Index> index(faiss::index_factory(static_cast<int>(d), factory));
        index->train(count, vectors);
        index->add(count, vectors);
        return new peer{std::move(index)};
    } catch (const std::exception &e) {
        fprintf(stderr, "%s: %s\n", factory, e.what());
        return nullptr;
    }
}

peer_t *peer_read(const char *path, long offset)
{
    FILE *file = fopen(path, "r");
    if (!file) return nullptr;
    peer_t *peer = nullptr;
    if (fseek(file, offset, SEEK_SET) == 0) {
        try {
            peer = new ::peer{std::unique_ptr<faiss::Index>(faiss::read_index(file))};
        } catch (const std::exception &e) {
            fprintf(stderr, "%s: %s\n", path, e.what());
        }
    }
    fclose(file);
    return peer;
}

void peer_destroy(peer_t *peer)
{
    delete peer;
}

void peer_search(peer_t *peer, int64_t *labels, const float *queries, size_t n, size_t k, peer_way_t way)
{
    std::vector<float> distances(n * k);
    faiss::distance_compute_blas_threshold = way.blas ? 1 : INT_MAX;
    if (auto *hnsw = dynamic_cast<faiss::IndexHNSW *>(peer->index.get())) hnsw->hnsw.efSearch = way.ef_search;
    if (auto *ivf = dynamic_cast<faiss::IndexIVF *>(peer->index.get()))
        ivf->nprobe = static_cast<size_t>(way.nprobe);
    omp_set_num_threads(way.threads);
    peer->index->search(static_cast<int64_t>(n), queries, static_cast<int64_t>(k), distances.data(), labels);
}
