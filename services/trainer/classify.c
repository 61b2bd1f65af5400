#include "services/trainer/classify.h"

#include "common/model/layers.h"
#include "common/nn/optim.h"
#include "services/trainer/reduce.h"

int rg_classify_init(rg_classify_t *self, const rg_config_t *config, int attributes, rg_backend_t *backend)
{
    *self = (rg_classify_t){.config = config, .backend = backend};
    int err = rg_tape_new(&self->tape, backend);
    if (err) return err;
    rg_params_init(&self->set, "classifier");
    rg_classifier_declare(&self->net, &self->set, attributes);
    rg_params_alloc(&self->set, 1);
    rg_layers_init(&self->set, config->seed);
    return 0;
}

void rg_classify_fini(rg_classify_t *self)
{
    rg_tape_destroy(&self->tape);
    rg_params_fini(&self->set);
}

int rg_classify_step(rg_classify_t *self, const rg_batch_t *batch, int iteration, rg_losses_t *losses)
{
    int side = self->config->data.img_size, n = batch->n * batch->columns;
    rg_params_t *set = &self->set;
    losses->n = 0;
    rg_tape_reset(self->tape);
    rg_tensor_t *x = rg_tape_input(self->tape, batch->n, side, side, 3, batch->pixels);
    float *labels = rg_tape_alloc(self->tape, (size_t)n * sizeof *labels);
    for (int i = 0; i < n; i++) labels[i] = batch->labels[i];
    rg_reduce_when_complete(self->tape, self->ranks, set);
    rg_classes_t classes = rg_classify(self->tape, &self->net, x);
    rg_losses_add(losses, "classify", rg_loss_bce(self->tape, classes.logits, labels, 1));
    int err = rg_ranks_agree(self->ranks, rg_losses_check(losses, iteration));
    if (err) return err;
    err = rg_ranks_agree(self->ranks, rg_tape_backward(self->tape));
    rg_tape_op(self->tape, "update");
    return err ? err : rg_optim_step(self->backend, &self->config->classifier, iteration, &set, 1, NULL);
}
