// The trainer as a service: it trains one stage at a time and answers `train` and `status` requests
// (proto/control.proto). A job survives the process: it is written to RUN/job before it begins.
#ifndef RG_TRAINER_TRAINER_H
#define RG_TRAINER_TRAINER_H

#include "common/config/config.h"
#include "services/trainer/ranks.h"

// Serves until SIGTERM or SIGINT, as rank 0 or as the only process (ranks NULL). A running job is stopped
// then and saves its state. Errors of rg_service_new and rg_service_run; RG_EFORMAT if RUN/job does not name
// a stage.
int rg_trainer_serve(const rg_config_t *config, rg_ranks_t *ranks);

#endif
