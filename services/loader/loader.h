// The loader as a service: training batches for the trainer (proto/batch.proto), and decoding of images on
// their way into the retrieval set (proto/ingest.proto).
//
// All work with images is done by jobs on a thread of their own (common/wire/jobs.h), so that the loop
// answers status requests meanwhile. Jobs run one at a time, in the order of their requests.
#ifndef RG_LOADER_LOADER_H
#define RG_LOADER_LOADER_H

#include "common/config/config.h"

typedef struct rg_loader rg_loader_t;

// Binds the endpoint. The data set is read once the loader runs. Config is borrowed. Errors of rg_service_new.
int rg_loader_new(rg_loader_t **loader, const rg_config_t *config);
void rg_loader_destroy(rg_loader_t **loader);

// Runs until SIGTERM or SIGINT. Errors of rg_service_run.
int rg_loader_run(rg_loader_t *loader);

#endif
