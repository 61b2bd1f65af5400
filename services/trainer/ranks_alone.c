// Ranks of a program that is built without MPI: every process trains alone, so that all ranks are NULL.
#include <stdlib.h>

#include "common/core/err.h"
#include "services/trainer/ranks.h"

int rg_ranks_open(rg_ranks_t **ranks)
{
    const char *count = getenv("OMPI_COMM_WORLD_SIZE");
    if (count && atoi(count) > 1)
        return rg_fail(RG_EVERSION,
                       "mpirun started %s ranks, but rg-trainer was built without MPI: start it without "
                       "mpirun",
                       count);
    *ranks = NULL;
    return 0;
}

void rg_ranks_close(rg_ranks_t **ranks)
{
    (void)ranks;
}

int rg_ranks_rank(const rg_ranks_t *ranks)
{
    (void)ranks;
    return 0;
}

int rg_ranks_count(const rg_ranks_t *ranks)
{
    (void)ranks;
    return 1;
}

const atomic_int *rg_ranks_stop(const rg_ranks_t *ranks)
{
    (void)ranks;
    return NULL;
}

void rg_ranks_watch(rg_ranks_t *ranks, const atomic_int *stop)
{
    (void)ranks, (void)stop;
}

void rg_ranks_begin_mean(rg_ranks_t *ranks, float *x, size_t n)
{
    (void)ranks, (void)x, (void)n;
}

int rg_ranks_agree(rg_ranks_t *ranks, int err)
{
    (void)ranks;
    return err;
}

void rg_ranks_mean(rg_ranks_t *ranks, double *x, int n)
{
    (void)ranks, (void)x, (void)n;
}

void rg_ranks_broadcast(rg_ranks_t *ranks, void *data, size_t bytes)
{
    (void)ranks, (void)data, (void)bytes;
}
