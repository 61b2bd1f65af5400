// The functions of FAISS's C API that index.c calls, over the C++ library, for systems that ship the C API's
// headers but not its library. Built only where CMake finds no libfaiss_c.
#include <faiss/IndexIDMap.h>
#include <faiss/impl/FaissException.h>
#include <faiss/impl/IDSelector.h>
#include <faiss/index_factory.h>
#include <faiss/utils/distances.h>

#include <faiss/c_api/Index_c.h>
#include <faiss/c_api/MetaIndexes_c.h>
#include <faiss/c_api/error_c.h>
#include <faiss/c_api/impl/AuxIndexStructures_c.h>
#include <faiss/c_api/index_factory_c.h>
#include <faiss/c_api/utils/distances_c.h>

#include <exception>
#include <string>

namespace
{
thread_local std::string last_error;

// Runs body; no exception leaves the C API.
template <typename Body> int guard(Body body)
{
    try {
        body();
        return OK;
    } catch (const faiss::FaissException &e) {
        last_error = e.msg;
        return FAISS_EXCEPT;
    } catch (const std::exception &e) {
        last_error = e.what();
        return STD_EXCEPT;
    } catch (...) {
        last_error = "unknown exception";
        return UNKNOWN_EXCEPT;
    }
}

faiss::Index *cpp(FaissIndex *index) { return reinterpret_cast<faiss::Index *>(index); }
const faiss::Index *cpp(const FaissIndex *index) { return reinterpret_cast<const faiss::Index *>(index); }
} // namespace

extern "C" {

const char *faiss_get_last_error() { return last_error.c_str(); }

int faiss_index_factory(FaissIndex **index, int d, const char *description, FaissMetricType metric)
{
    return guard([&] {
        auto *made = faiss::index_factory(d, description, static_cast<faiss::MetricType>(metric));
        *index = reinterpret_cast<FaissIndex *>(made);
    });
}

void faiss_Index_free(FaissIndex *index) { delete cpp(index); }

int faiss_Index_is_trained(const FaissIndex *index) { return cpp(index)->is_trained; }

idx_t faiss_Index_ntotal(const FaissIndex *index) { return cpp(index)->ntotal; }

int faiss_Index_add_with_ids(FaissIndex *index, idx_t n, const float *x, const idx_t *ids)
{
    return guard([&] { cpp(index)->add_with_ids(n, x, ids); });
}

int faiss_Index_reset(FaissIndex *index)
{
    return guard([&] { cpp(index)->reset(); });
}

int faiss_Index_search(const FaissIndex *index, idx_t n, const float *x, idx_t k, float *distances,
                       idx_t *labels)
{
    return guard([&] { cpp(index)->search(n, x, k, distances, labels); });
}

int faiss_Index_remove_ids(FaissIndex *index, const FaissIDSelector *which, size_t *removed)
{
    return guard([&] {
        *removed = cpp(index)->remove_ids(*reinterpret_cast<const faiss::IDSelector *>(which));
    });
}

int faiss_IndexIDMap_new(FaissIndexIDMap **map, FaissIndex *index)
{
    return guard([&] { *map = reinterpret_cast<FaissIndexIDMap *>(new faiss::IndexIDMap(cpp(index))); });
}

void faiss_IndexIDMap_set_own_fields(FaissIndexIDMap *map, int own)
{
    static_cast<faiss::IndexIDMap *>(cpp(map))->own_fields = own;
}

int faiss_IDSelectorBatch_new(FaissIDSelectorBatch **which, size_t n, const idx_t *ids)
{
    return guard([&] {
        faiss::IDSelector *made = new faiss::IDSelectorBatch(n, ids);
        *which = reinterpret_cast<FaissIDSelectorBatch *>(made);
    });
}

void faiss_IDSelector_free(FaissIDSelector *which) { delete reinterpret_cast<faiss::IDSelector *>(which); }

void faiss_set_distance_compute_blas_threshold(int value) { faiss::distance_compute_blas_threshold = value; }
}
