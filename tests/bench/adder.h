// A thread that adds vectors to the retrieval service at a steady rate, while something else is measured.
#ifndef RG_BENCH_ADDER_H
#define RG_BENCH_ADDER_H

#include "common/config/config.h"
#include "tests/bench/retrieval_client.h"

typedef struct adder adder_t;

typedef struct {
    const rg_config_t *config;
    uint32_t first, end; // numbers of the vectors
    double rate;         // vectors per second
    // Writes vectors first..first+n-1 to out [n,CLIENT_D]; n <= 64. On the thread of the adder.
    void (*draw)(void *self, float *out, uint32_t first, uint32_t n);
    void *self;
} adder_plan_t;

// Begins to add. RG_ELIMIT.
int adder_start(adder_t **adder, const adder_plan_t *plan);

// Ends it, and writes how many vectors were added and how many per second that were. Takes the adder. The error
// of the first addition that failed.
int adder_stop(adder_t **adder, uint32_t *added, double *rate);

#endif
