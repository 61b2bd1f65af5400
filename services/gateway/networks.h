// The trained networks as ONNX files (common/model/export.h), made when a client first asks for one and kept in memory
// as long as the newest checkpoint of the run is the same.
#ifndef RG_GATEWAY_NETWORKS_H
#define RG_GATEWAY_NETWORKS_H

#include "common/config/config.h"
#include "common/wire/http.h"
#include "common/wire/jobs.h"

typedef struct rg_networks rg_networks_t;

// config and jobs are borrowed.
void rg_networks_new(rg_networks_t **networks, const rg_config_t *config, rg_jobs_t *jobs);
void rg_networks_destroy(rg_networks_t **networks); // after jobs, which answers all that wait

// Answers with {stage, iteration, files} of the newest checkpoint; files is empty before one.
void rg_networks_list(rg_networks_t *networks, rg_http_request_t *request);

// Answers with the file of that name ("content.onnx"), now or when a job has made it.
void rg_networks_get(rg_networks_t *networks, rg_http_request_t *request, const char *name);

#endif
