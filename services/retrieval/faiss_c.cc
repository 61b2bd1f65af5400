// The functions of the FAISS C API that index.c calls, implemented over the C++ library. Debian installs the
// headers of the C API but not its library. CMake builds this file only where it finds no libfaiss_c.
#include <faiss/AutoTune.h>
#include <faiss/Index.h>
#include <faiss/impl/FaissException.h>
#include <faiss/index_factory.h>
#include <faiss/index_io.h>

#include <faiss/c_api/AutoTune_c.h>
#include <faiss/c_api/Index_c.h>
#include <faiss/c_api/error_c.h>
#include <faiss/c_api/index_factory_c.h>
#include <faiss/c_api/index_io_c.h>

#include <exception>
#include <string>

namespace
{
thread_local std::string last_error;

// Runs body and turns its exception into an error code.
template <typename Body> int catch_errors(Body body)
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

faiss::Index *cpp(FaissIndex *index)
{
    return reinterpret_cast<faiss::Index *>(index);
}
const faiss::Index *cpp(const FaissIndex *index)
{
    return reinterpret_cast<const faiss::Index *>(index);
}
} // namespace

extern "C" {

const char *faiss_get_last_error()
{
    return last_error.c_str();
}

int faiss_index_factory(FaissIndex **index, int d, const char *description, FaissMetricType metric)
{
    return catch_errors([&] {
        auto *created = faiss::index_factory(d, description, static_cast<faiss::MetricType>(metric));
        *index = reinterpret_cast<FaissIndex *>(created);
    });
}

void faiss_Index_free(FaissIndex *index)
{
    delete cpp(index);
}

int faiss_Index_is_trained(const FaissIndex *index)
{
    return cpp(index)->is_trained;
}

idx_t faiss_Index_ntotal(const FaissIndex *index)
{
    return cpp(index)->ntotal;
}

int faiss_Index_d(const FaissIndex *index)
{
    return cpp(index)->d;
}

int faiss_Index_train(FaissIndex *index, idx_t n, const float *x)
{
    return catch_errors([&] { cpp(index)->train(n, x); });
}

int faiss_Index_add(FaissIndex *index, idx_t n, const float *x)
{
    return catch_errors([&] { cpp(index)->add(n, x); });
}

int faiss_Index_search(const FaissIndex *index, idx_t n, const float *x, idx_t k, float *distances,
                       idx_t *labels)
{
    return catch_errors([&] { cpp(index)->search(n, x, k, distances, labels); });
}

int faiss_ParameterSpace_new(FaissParameterSpace **space)
{
    return catch_errors(
        [&] { *space = reinterpret_cast<FaissParameterSpace *>(new faiss::ParameterSpace()); });
}

void faiss_ParameterSpace_free(FaissParameterSpace *space)
{
    delete reinterpret_cast<faiss::ParameterSpace *>(space);
}

int faiss_ParameterSpace_set_index_parameter(const FaissParameterSpace *space, FaissIndex *index,
                                             const char *name, double value)
{
    return catch_errors([&] {
        reinterpret_cast<const faiss::ParameterSpace *>(space)->set_index_parameter(cpp(index), name, value);
    });
}

int faiss_write_index(const FaissIndex *index, FILE *file)
{
    return catch_errors([&] { faiss::write_index(cpp(index), file); });
}

int faiss_read_index(FILE *file, int flags, FaissIndex **index)
{
    return catch_errors([&] { *index = reinterpret_cast<FaissIndex *>(faiss::read_index(file, flags)); });
}
}
