// The processes that train together (`mpirun -np N rg-trainer`): each computes the gradients of its share of
// a batch, and all update with their mean. Every rank makes the same calls in the same order; what is under
// way runs on a thread of its own, the only one that speaks MPI, so that a training thread goes on meanwhile.
//
// NULL is a training of one process: begin, mean, give, agree and watch leave everything as it is.
// ranks_mpi.c has the ranks of MPI, ranks_alone.c is built where there is none.
//
// No rank outlives the others: mpirun ends all of them where one dies, and MPI those that have lost mpirun.
#ifndef RG_TRAINER_RANKS_H
#define RG_TRAINER_RANKS_H

#include <stdatomic.h>
#include <stddef.h>

typedef struct rg_ranks rg_ranks_t;

// Joins the ranks that mpirun started; *ranks is NULL where it started one, or there is no mpirun.
// RG_EVERSION: there are several, but this program was built without MPI. RG_ELIMIT.
int rg_ranks_open(rg_ranks_t **ranks);
// Waits for the other ranks to close theirs.
void rg_ranks_close(rg_ranks_t **ranks);

int rg_ranks_rank(const rg_ranks_t *ranks); // 0 without ranks
int rg_ranks_count(const rg_ranks_t *ranks);

// From now on rank 0's stop flag, or an error that it reports, becomes the other ranks' flag: who waits for a
// service stops waiting. What was said before means nothing any more. stop: rank 0's, borrowed until it is
// NULL; the others' is read with rg_ranks_stop.
void rg_ranks_watch(rg_ranks_t *ranks, const atomic_int *stop);
const atomic_int *rg_ranks_stop(const rg_ranks_t *ranks);

// Begins to put the mean over the ranks in the place of x [n], which is not to be touched before the next
// rg_ranks_agree.
void rg_ranks_begin(rg_ranks_t *ranks, float *x, size_t n);

// Waits for all that was begun. An error of any rank is everyone's afterwards: of several, that of the lowest
// rank. Returns it, with its sentence.
int rg_ranks_agree(rg_ranks_t *ranks, int err);

// x [n] becomes the mean over the ranks.
void rg_ranks_mean(rg_ranks_t *ranks, double *x, int n);

// data becomes rank 0's.
void rg_ranks_give(rg_ranks_t *ranks, void *data, size_t bytes);

#endif
