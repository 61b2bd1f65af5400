// Runs training iterations of stage 1 on random images, one for each line of standard input, so that a driver
// can alternate between contestants (train_step.sh). After two iterations of warm-up it prints
//
//   ready parameters_g=N parameters_d=N
//
// and then, for each line, the milliseconds that the iteration took.
#include <stdio.h>

#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/nn/opencl.h"
#include "services/trainer/measure.h"
#include "tests/bench/timing.h"
#include "tests/support/translation_step.h"

enum { WARM_UP = 2 };

static int step(rg_translation_t *translation, const rg_batch_t *batch, int iteration, double *ms)
{
    rg_losses_t losses;
    double start = rg_clock_ms();
    int err = translation_step(translation, translation->model->config.seed, batch, iteration, &losses);
    *ms = rg_clock_ms() - start;
    return err;
}

static size_t parameters(const rg_model_t *model, enum rg_part part)
{
    size_t count = 0;
    for (int i = 0; i < model->set[part].n; i++) count += model->set[part].list[i]->count;
    return count;
}

static int run(const rg_config_t *config)
{
    rg_backend_t *backend;
    rg_model_t *model;
    rg_translation_t translation;
    rg_batch_t batch;
    double ms;
    int err = rg_training_backend_new(&backend, config), iteration = 0;
    if (err) return err;
    rg_model_new(&model, config, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    err = rg_translation_init(&translation, model, backend, &config->stage1, &config->stage1_loss, NULL);
    if (err) return err;
    rg_measure_batch(&batch, config);
    while (!err && iteration < WARM_UP) err = step(&translation, &batch, iteration++, &ms);
    if (!err)
        printf("ready parameters_g=%zu parameters_d=%zu\n",
               parameters(model, RG_CONTENT) + parameters(model, RG_ATTRIBUTE) +
                   parameters(model, RG_GENERATOR),
               parameters(model, RG_DISCRIMINATOR));
    fflush(stdout);
    for (int c; !err && (c = getchar()) != EOF;) {
        if (c != '\n') continue;
        err = step(&translation, &batch, iteration++, &ms);
        if (!err) printf("%.3f\n", ms);
        fflush(stdout);
    }
    return err;
}

int main(int argc, char **argv)
{
    rg_config_t config;
    rg_timing_config(argc, argv,
                     "Runs an iteration of stage 1 for each line of standard input and says how many "
                     "milliseconds it took.\v"
                     "Example: seq 5 | train_step --set data.img_size=32 --set model.d_layers=3",
                     &config);
    if (run(&config) == 0) return 0;
    fprintf(stderr, "train_step: %s\n", rg_error());
    return 1;
}
