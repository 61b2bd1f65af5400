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
#include "services/retrieval/exact.h"
#include "services/retrieval/hnsw.h"

// Clustering needs no more than TRAIN_MAX vectors, whatever the size of the set. Rows are added in slices of
// at most SLICE, so that a build can be stopped. Searches of fewer than SHARED_FROM queries run on one
// thread: several threads would make a short search wait until a busy machine has run all of them.
enum { TRAIN_MAX = 1 << 18, SLICE = 1024, SHARED_FROM = 8 };

// FAISS builds an index as a whole: that is due when at least TAIL_MIN rows, and a quarter of the indexed ones,
// lie behind the index. Lists grow by what lies behind them, as soon as these are TAIL_MIN rows: they are searched
// exactly, which then takes less time than the lists. At most DEAD_MAX candidates more are asked of FAISS because
// some of its rows may be dead. Codes of lists order rows nearly as their vectors do; so twice as many candidates
// and some more hold the nearest ones.
enum { TAIL_MIN = 4096, TAIL_SHARE = 4, DEAD_MAX = 256, LISTS_MARGIN = 32 };

struct rg_index {
    atomic_int owners;
    rg_lists_t *lists; // or NULL; then the others count
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

int rg_index_is_exact(const char *factory, size_t rows)
{
    if (strcmp(factory, "auto") == 0) return rows < RG_INDEX_AUTO_FROM;
    return strcmp(factory, "Flat") == 0;
}

int rg_index_is_lists(const char *factory)
{
    return strcmp(factory, "auto") == 0 || strcmp(factory, "lists") == 0;
}

int rg_index_is_due(const char *factory, size_t rows, size_t indexed)
{
    const size_t tail = rows - indexed;
    if (rg_index_is_exact(factory, rows)) return 0;
    if (rg_index_is_lists(factory)) return tail >= TAIL_MIN;
    return tail >= TAIL_MIN && tail >= indexed / TAIL_SHARE;
}

static int create_faiss_index(FaissIndex **out, const char *factory, uint32_t dim)
{
    if (faiss_index_factory(out, (int)dim, factory, METRIC_L2) == 0) {
        rg__hnsw_use_distance(*out, rg_exact_l2sq);
        return 0;
    }
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
    static const rg_index_effort_t faiss_defaults = {.nprobe = 16, .ef_search = 16};
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

static int add_rows(FaissIndex *faiss, const rg_rows_t *rows, rg_work_t *work)
{
    int err = 0;
    for (size_t row = 0, n; row < rows->count && !err; row += n) {
        size_t left = rows->count - row, in_chunk = rows->chunk_rows - row % rows->chunk_rows;
        n = left < SLICE ? left : SLICE;
        if (n > in_chunk) n = in_chunk;
        err = rg_work_step(work, "adding images to the index", row, rows->count);
        if (!err && faiss_Index_add(faiss, (faiss_idx_t)n, rg_rows_at(rows, row).vector) != 0)
            err = faiss_fail(RG_EINVAL, "add rows to");
    }
    return err;
}

static rg_index_t *wrap_lists(rg_lists_t *lists)
{
    rg_index_t *index = rg_alloc(sizeof *index);
    *index = (rg_index_t){.owners = 1, .lists = lists};
    return index;
}

static int build_lists(rg_index_t **index, const rg_index_plan_t *plan, const rg_rows_t *rows)
{
    rg_lists_t *lists = NULL, *old = plan->old ? plan->old->lists : NULL;
    int err = rg_lists_build(&lists, old, rows, plan->folder, plan->work);
    if (!err) *index = wrap_lists(lists);
    return err;
}

int rg_index_build(rg_index_t **index, const rg_index_plan_t *plan, const rg_rows_t *rows)
{
    FaissIndex *faiss;
    if (rg_index_is_lists(plan->factory)) return build_lists(index, plan, rows);
    int err = create_faiss_index(&faiss, plan->factory, rows->dim);
    if (err) return err;
    if (!faiss_Index_is_trained(faiss)) err = train_index(faiss, plan->factory, rows);
    if (!err) err = add_rows(faiss, rows, plan->work);
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
    rg_lists_release(&index->lists);
    if (index->space) faiss_ParameterSpace_free(index->space);
    if (index->faiss) {
        faiss_Index_free(index->faiss);
        pthread_mutex_destroy(&index->searching);
    }
    free(index);
}

size_t rg_index_count(const rg_index_t *index)
{
    return index->lists ? rg_lists_count(index->lists) : (size_t)faiss_Index_ntotal(index->faiss);
}

// ---- searching

size_t rg_index_candidates(const rg_index_t *index, size_t k, size_t dead)
{
    if (index->lists) return 2 * k + LISTS_MARGIN;
    return k + (dead < DEAD_MAX ? dead : DEAD_MAX);
}

static int search_faiss(rg_index_t *index, int64_t *rows, const rg_index_query_t *query)
{
    const size_t n = query->n, k = query->k;
    float *distances = rg_alloc(n * k * sizeof *distances);
    int threads = n < SHARED_FROM ? rg_linalg_threads(1) : 0;
    pthread_mutex_lock(&index->searching);
    set_effort(index, query->effort);
    int rc =
        faiss_Index_search(index->faiss, (faiss_idx_t)n, query->queries, (faiss_idx_t)k, distances, rows);
    if (threads) rg_linalg_threads(threads);
    pthread_mutex_unlock(&index->searching);
    free(distances);
    return rc ? faiss_fail(RG_EINVAL, "search") : 0;
}

int rg_index_search(rg_index_t *index, int64_t *rows, const rg_index_query_t *query)
{
    if (!index->lists) return search_faiss(index, rows, query);
    rg_lists_search(index->lists, rows, query->queries, query->n, query->k, query->effort.nprobe,
                    query->alive, query->threads);
    return 0;
}

// ---- files

static int write_lists(const rg_lists_t *lists, FILE *file)
{
    uint64_t numbers[1 + RG_LISTS_SEGMENTS_MAX];
    numbers[0] = rg_lists_numbers(lists, numbers + 1);
    if (fwrite(numbers, sizeof *numbers, 1 + numbers[0], file) == 1 + numbers[0]) return 0;
    return rg_fail_errno(errno == ENOSPC ? RG_EFULL : RG_EIO, "cannot write the index");
}

int rg_index_write(rg_index_t *index, FILE *file)
{
    errno = 0;
    if (index->lists) return write_lists(index->lists, file);
    if (faiss_write_index(index->faiss, file) == 0) return 0;
    return errno == ENOSPC ? rg_fail(RG_EFULL, "no space is left to write the index")
                           : faiss_fail(RG_EIO, "write");
}

static int read_lists(rg_index_t **index, FILE *file, uint32_t dim, size_t rows, const char *folder)
{
    uint64_t numbers[RG_LISTS_SEGMENTS_MAX], n = 0;
    rg_lists_t *lists;
    if (fread(&n, sizeof n, 1, file) != 1 || n > RG_LISTS_SEGMENTS_MAX ||
        fread(numbers, sizeof *numbers, n, file) != n)
        return rg_fail(RG_EFORMAT, "the stored index does not name its inverted lists");
    int err = rg_lists_open(&lists, folder, numbers, n, dim, rows);
    if (!err) *index = wrap_lists(lists);
    return err;
}

int rg_index_read(rg_index_t **index, FILE *file, uint32_t dim, size_t rows, const char *lists)
{
    FaissIndex *faiss;
    if (lists) return read_lists(index, file, dim, rows, lists);
    if (faiss_read_index(file, 0, &faiss) != 0) return faiss_fail(RG_EFORMAT, "read");
    if ((size_t)faiss_Index_ntotal(faiss) != rows || faiss_Index_d(faiss) != (int)dim) {
        faiss_Index_free(faiss);
        return rg_fail(RG_EFORMAT, "the stored index does not hold %zu vectors of %u floats", rows, dim);
    }
    rg__hnsw_use_distance(faiss, rg_exact_l2sq);
    return wrap_faiss_index(index, faiss, dim);
}

void rg_index_remove_others(const rg_index_t *const *indexes, size_t n, const char *folder)
{
    const rg_lists_t *lists[n];
    for (size_t i = 0; i < n; i++) lists[i] = indexes[i] ? indexes[i]->lists : NULL;
    rg_lists_remove_others(lists, n, folder);
}
