// The learner of the built-in classifier (model/encoders.h). Its loss is binary cross entropy over every
// annotated attribute.
#include "common/model/encoders.h"
#include "common/model/layers.h"
#include "services/trainer/learner.h"

typedef struct {
    rg_classifier_t net;
    rg_params_t set;
    const rg_config_t *config; // borrowed, as are the ranks
    rg_ranks_t *ranks;
    rg_tape_t *tape;
} classification_t;

static void classification_needs(const rg_config_t *config, int images, rg_batch_needs_t *needs)
{
    (void)config, (void)images;
    *needs = (rg_batch_needs_t){.all_columns = 1};
}

static int classification_init(void *state, const rg_learner_spec_t *spec)
{
    classification_t *self = state;
    *self = (classification_t){.config = spec->config, .ranks = spec->ranks};
    int err = rg_tape_new(&self->tape, spec->backend);
    if (err) return err;
    rg_params_init(&self->set, "classifier");
    rg_classifier_declare(&self->net, &self->set, spec->attributes);
    rg_params_alloc(&self->set, 1);
    rg_layers_init(&self->set, spec->config->seed);
    return 0;
}

static void classification_fini(void *state)
{
    classification_t *self = state;
    rg_tape_destroy(&self->tape);
    rg_params_fini(&self->set);
}

static int classification_sets(void *state, rg_params_t *sets[RG_PARTS])
{
    classification_t *self = state;
    sets[0] = &self->set;
    return 1;
}

static int classification_tapes(void *state, rg_tape_t *tapes[RG_LEARNER_TAPES])
{
    const classification_t *self = state;
    tapes[0] = self->tape;
    return 1;
}

static int classification_step(void *state, const rg_batch_t *batch, rg_rng_t *rng, int iteration,
                               rg_losses_t *losses)
{
    classification_t *self = state;
    int side = self->config->data.img_size, n = batch->n * batch->columns;
    rg_params_t *set = &self->set;
    rg_tape_t *tape = self->tape;
    (void)rng;
    losses->n = 0;
    rg_tape_reset(tape);
    rg_tensor_t *x = rg_tape_input(tape, batch->n, side, side, 3, batch->pixels);
    float *labels = rg_tape_alloc(tape, (size_t)n * sizeof *labels);
    for (int i = 0; i < n; i++) labels[i] = batch->labels[i];
    rg_learner_average_gradients(tape, self->ranks, set);
    rg_classifier_output_t classes = rg_classify(tape, &self->net, x);
    rg_loss_bce(tape, classes.logits, labels, 1, rg_losses_add(losses, tape, "classify"));
    int err = rg_ranks_agree(self->ranks, rg_tape_backward(tape));
    return err ? err
               : rg_learner_update(tape, self->ranks, &self->config->classifier, iteration, &set, 1, losses);
}

const rg_learner_t rg_classification_learner = {
    .size = sizeof(classification_t),
    .needs = classification_needs,
    .init = classification_init,
    .fini = classification_fini,
    .sets = classification_sets,
    .tapes = classification_tapes,
    .step = classification_step,
};
