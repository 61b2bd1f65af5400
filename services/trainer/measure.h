// Timing of training steps, to compare devices: rg-ctl device --bench runs `rg-trainer measure` once for each.
#ifndef RG_TRAINER_MEASURE_H
#define RG_TRAINER_MEASURE_H

#include "services/trainer/batch_stream.h"

// A batch of stage 1 of random images, of the configuration's sizes.
void rg_measure_batch(rg_batch_t *batch, const rg_config_t *config);
void rg_measure_batch_fini(rg_batch_t *batch);

// *ms: how long an iteration of stage 1 takes on the device that the configuration names, with its sizes: the shortest
// of a few, after one that is not counted. The errors of rg_device_backend_new and of a step.
int rg_measure_step(const rg_config_t *config, double *ms);

// Prints one line of JSON, {"ms":123.4} or {"error":"..."}, and returns the error.
int rg_measure_print(const rg_config_t *config);

#endif
