#include "services/trainer/ranking.h"

#include <math.h>

#include "common/data/target.h"
#include "common/model/loss.h"
#include "common/nn/optim.h"

int rg_ranking_init(rg_ranking_t *self, rg_model_t *model, rg_backend_t *backend)
{
    *self = (rg_ranking_t){.model = model, .backend = backend};
    return rg_tape_new(&self->tape, backend);
}

void rg_ranking_fini(rg_ranking_t *self)
{
    rg_tape_destroy(&self->tape);
}

void rg_ranking_draw(rg_ranking_t *self, const rg_batch_t *batch, rg_rng_t *rng, rg_ranking_draws_t *draws)
{
    const rg_config_t *config = &self->model->config;
    int attributes = config->data.attributes.count;
    rg_tape_reset(self->tape);
    draws->wanted = rg_tape_alloc(self->tape, (size_t)(batch->n * attributes));
    for (int i = 0; i < batch->n * attributes; i += attributes)
        rg_labels_flip(config, batch->labels + i, (int)rg_rng_below(rng, (uint32_t)attributes),
                       draws->wanted + i);
    size_t units = 2 * (size_t)(2 * batch->n) * RG_EMBEDDER_HIDDEN;
    draws->dropout = rg_tape_alloc(self->tape, units * sizeof(float));
    rg_embed_draw_keep(config, 2 * batch->n, rng, draws->dropout);
}

// ---- the step

static double share(const unsigned char *wanted, const unsigned char *shown, int attributes)
{
    int equal = 0;
    for (int a = 0; a < attributes; a++) equal += wanted[a] == shown[a];
    return (double)equal / attributes;
}

// alike [n,n]: cosines of the images' content maps, less their mean over the batch.
static float *compare_contents(const rg_ranking_t *self, const rg_tensor_t *content)
{
    int n = content->n;
    size_t size = rg_tensor_size(content) / (size_t)n;
    float *maps = rg_tape_alloc(self->tape, (size_t)n * size * sizeof *maps),
          *alike = rg_tape_alloc(self->tape, (size_t)n * (size_t)n * sizeof *alike);
    for (size_t e = 0; e < size; e++) {
        float mean = 0;
        for (size_t i = 0; i < (size_t)n; i++) mean += content->data[i * size + e] / (float)n;
        for (size_t i = 0; i < (size_t)n; i++) maps[i * size + e] = content->data[i * size + e] - mean;
    }
    rg_tensor_t *rows = rg_tape_input(self->tape, n, 1, 1, (int)size, maps),
                *units = rg_unit(self->tape, rows);
    self->backend->gemm(0, 1, n, n, (int)size, 1, units->data, units->data, 0, alike);
    return alike;
}

// row [n]: what the chances of a query's images shall be.
static void judge(const rg_config_t *config, const rg_batch_t *batch, const unsigned char *wanted, int own,
                  const float *alike, float *row)
{
    int attributes = config->data.attributes.count;
    double sum = 0;
    for (int j = 0; j < batch->n; j++) {
        double shown = share(wanted, batch->labels + j * attributes, attributes);
        row[j] = j == own ? 0
                          : (float)exp(config->ranking.sharpness * (shown - 1) +
                                       config->ranking.content * (double)(alike[j] - 1));
        sum += (double)row[j];
    }
    for (int j = 0; j < batch->n; j++) row[j] = (float)((double)row[j] / sum);
}

static float *relevance(const rg_ranking_t *self, const rg_batch_t *batch, const rg_ranking_draws_t *draws,
                        const rg_tensor_t *content)
{
    const rg_config_t *config = &self->model->config;
    size_t n = (size_t)batch->n;
    const float *alike = compare_contents(self, content);
    float *rows = rg_tape_alloc(self->tape, n * n * sizeof *rows);
    for (int i = 0; i < batch->n; i++)
        judge(config, batch, draws->wanted + i * config->data.attributes.count, i, alike + (size_t)i * n,
              rows + (size_t)i * n);
    return rows;
}

// The source's own code but for what shall change.
static rg_tensor_t *wanted_code(const rg_ranking_t *self, const rg_batch_t *batch,
                                const rg_ranking_draws_t *draws, rg_tensor_t *own)
{
    const rg_config_t *config = &self->model->config;
    size_t size = rg_tensor_size(own);
    float *code = rg_tape_alloc(self->tape, size * sizeof *code);
    unsigned char *keep = rg_tape_alloc(self->tape, size);
    rg_code_of_labels(config, draws->wanted, batch->n, NULL, code);
    rg_code_keep(config, batch->labels, draws->wanted, batch->n, keep);
    return rg_select(self->tape, keep, own, rg_tape_input(self->tape, own->n, 1, 1, own->c, code));
}

int rg_ranking_step(rg_ranking_t *self, const rg_batch_t *batch, const rg_ranking_draws_t *draws,
                    int iteration, rg_losses_t *losses)
{
    const rg_model_t *model = self->model;
    const rg_config_t *config = &model->config;
    rg_tape_t *tape = self->tape;
    rg_params_t *set = &self->model->set[RG_EMBEDDER];
    int side = config->data.img_size;
    losses->n = 0;
    rg_tape_pause(tape); // frozen nets build no graph
    rg_tensor_t *x = rg_tape_input(tape, batch->n, side, side, 3, batch->pixels);
    rg_tensor_t *content = rg_content_encode(tape, &model->content, x),
                *code = rg_attribute_encode(tape, &model->attribute, x);
    rg_tensor_t *both = rg_stack(tape, content, content),
                *codes = rg_stack(
                    tape, rg_query_code(tape, &model->embedder, wanted_code(self, batch, draws, code)), code);
    const float *wanted = relevance(self, batch, draws, content);
    rg_tape_resume(tape);
    rg_tensor_t *e = rg_embed(tape, &model->embedder, both, codes, draws->dropout);
    rg_losses_add(losses, "ranking", rg_loss_ranking(tape, e, model->embedder.scale, wanted, 1));
    int err = rg_losses_check(losses, iteration);
    if (!err) err = rg_tape_backward(tape);
    rg_tape_op(tape, "update");
    return err ? err : rg_optim_step(self->backend, &config->stage2, iteration, &set, 1, NULL);
}
