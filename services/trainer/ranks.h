// Ranks: the processes that train together, started by `mpirun -np N rg-trainer`. Each computes the gradients
// of its share of a batch, and all update with the mean of them. NULL stands for a training of one process:
// begin_mean, mean, broadcast, agree and watch then do nothing, and agree returns the error that it is given.
//
// How ranks agree. Every rank makes the same calls in the same order, since each call is one collective
// operation of MPI. An error must not break this order, so a rank that fails does not return: it takes its
// error to the next rg_ranks_agree, which all ranks reach, and which returns the error of the lowest rank
// that has one to all of them. A step therefore looks like this on every rank, and updates either all copies
// of the weights or none:
//
//   compute gradients, rg_ranks_begin_mean of each complete set   averaged while the computation goes on
//   err = rg_ranks_agree(ranks, err)                              all averages are done; all go on, or none
//   update with the mean                                          the same arithmetic on the same numbers:
//                                                                 weights stay equal without being sent
//
// A rank can wait for a service meanwhile, where no call of MPI reaches it. So rank 0's stop flag, and an
// error that rank 0 brings to rg_ranks_agree, are sent to the others at once and end their waiting
// (rg_ranks_watch).
//
// No rank outlives the others: mpirun ends all of them when one dies, and MPI ends those that have lost
// mpirun. ranks_mpi.c is built with MPI, ranks_alone.c without.
#ifndef RG_TRAINER_RANKS_H
#define RG_TRAINER_RANKS_H

#include <stdatomic.h>
#include <stddef.h>

typedef struct rg_ranks rg_ranks_t;

// Joins the ranks that mpirun started. *ranks is NULL if it started one, or without mpirun. RG_ELIMIT.
// RG_EVERSION: there are several, but this program was built without MPI.
int rg_ranks_open(rg_ranks_t **ranks);
// Waits for the other ranks to close theirs.
void rg_ranks_close(rg_ranks_t **ranks);

int rg_ranks_rank(const rg_ranks_t *ranks);  // 0 for NULL
int rg_ranks_count(const rg_ranks_t *ranks); // 1 for NULL

// Before and after a job. From now on rank 0's stop flag, or an error that it takes to rg_ranks_agree, sets
// the other ranks' flags. Clears these flags. stop: rank 0's flag, borrowed until the next call; NULL on the
// others and after a job.
void rg_ranks_watch(rg_ranks_t *ranks, const atomic_int *stop);
// The flag of a rank other than 0.
const atomic_int *rg_ranks_stop(const rg_ranks_t *ranks);

// Begins to replace x [n] with its mean over the ranks. x must not be touched before the next rg_ranks_agree.
void rg_ranks_begin_mean(rg_ranks_t *ranks, float *x, size_t n);

// Waits for all means that were begun. Returns the error of the lowest rank that has one, with its sentence,
// or 0.
int rg_ranks_agree(rg_ranks_t *ranks, int err);

// Replaces x [n] with its mean over the ranks.
void rg_ranks_mean(rg_ranks_t *ranks, double *x, int n);

// Replaces data with rank 0's.
void rg_ranks_broadcast(rg_ranks_t *ranks, void *data, size_t bytes);

#endif
