#include "services/trainer/learner.h"

#include <assert.h>
#include <math.h>

#include "common/core/err.h"
#include "common/nn/optim.h"

const rg_learner_t *rg_learner_find(enum rg_stage stage, const rg_config_t *config)
{
    static const rg_learner_t *const learners[RG_STAGES] = {
        [RG_STAGE_CLASSIFIER] = &rg_classification_learner,
        [RG_STAGE_1] = &rg_stage1_learner,
        [RG_STAGE_2] = &rg_ranking_learner,
        [RG_STAGE_3] = &rg_stage3_learner,
    };
    if (stage == RG_STAGE_2 && config->model.retrieval == RG_RETRIEVAL_TRIPLET) return &rg_triplet_learner;
    return learners[stage];
}

// ---- losses

double *rg_losses_add(rg_losses_t *losses, rg_tape_t *tape, const char *name)
{
    double *scalar = rg_tape_scalar(tape);
    assert(losses->n < RG_LOSSES_MAX);
    losses->item[losses->n].name = name;
    losses->item[losses->n].scalar = scalar;
    losses->item[losses->n].value = 0;
    losses->n++;
    return scalar;
}

int rg_losses_check(rg_losses_t *losses, int iteration)
{
    int bad = -1;
    for (int i = losses->n - 1; i >= 0; i--) {
        losses->item[i].value = *losses->item[i].scalar;
        if (!isfinite(losses->item[i].value)) bad = i;
    }
    if (bad < 0) return 0;
    return rg_fail(RG_ENUMERIC, "loss %s is not finite at iteration %d", losses->item[bad].name, iteration);
}

// ---- gradients of several ranks

typedef struct {
    rg_ranks_t *ranks;
    const rg_params_t *set;
} average_ctx_t;

static void begin_average(rg_tape_t *tape, void *ctx)
{
    const average_ctx_t *op = ctx;
    (void)tape;
    rg_ranks_begin_mean(op->ranks, op->set->grad, op->set->count);
}

void rg_learner_average_gradients(rg_tape_t *tape, rg_ranks_t *ranks, const rg_params_t *set)
{
    if (!ranks || !rg_tape_wants(tape, !set->frozen)) return;
    rg_tape_op(tape, "average gradients");
    average_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
    *op = (average_ctx_t){ranks, set};
    rg_tape_record(tape, NULL, begin_average, op);
}

// ---- the update

int rg_learner_update(rg_tape_t *tape, rg_ranks_t *ranks, const rg_train_config_t *train, int iteration,
                      rg_params_t *const *sets, int n, rg_losses_t *losses)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    double *squares = rg_tape_scalar(tape);
    rg_tape_op(tape, "update");
    rg_optim_norm(backend, sets, n, squares);
    int err = rg_tape_read_scalars(tape);
    if (!err) err = rg_losses_check(losses, iteration);
    err = rg_ranks_agree(ranks, err);
    return err ? err : rg_optim_step(backend, train, iteration, sets, n, sqrt(*squares));
}
