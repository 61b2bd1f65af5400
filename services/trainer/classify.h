// One training iteration of the built-in classifier (model/classifier.h): binary cross entropy over every
// annotated attribute.
#ifndef RG_TRAINER_CLASSIFY_H
#define RG_TRAINER_CLASSIFY_H

#include "common/config/config.h"
#include "common/model/classifier.h"
#include "services/trainer/batch.h"
#include "services/trainer/losses.h"
#include "services/trainer/ranks.h"

typedef struct {
    rg_classifier_t net;
    rg_params_t set;
    const rg_config_t *config; // borrowed
    rg_backend_t *backend;
    rg_ranks_t *ranks; // borrowed; NULL, as after init: this process trains alone
    rg_tape_t *tape;
} rg_classify_t;

int rg_classify_init(rg_classify_t *self, const rg_config_t *config, int attributes, rg_backend_t *backend);
void rg_classify_fini(rg_classify_t *self);
int rg_classify_step(rg_classify_t *self, const rg_batch_t *batch, int iteration, rg_losses_t *losses);

#endif
