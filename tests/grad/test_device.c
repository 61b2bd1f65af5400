// Training on an OpenCL device: how often the host waits for it, that it learns what the processor learns, and that
// a checkpoint goes on, to the bit on the same device, and on another one too.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/model/checkpoint.h"
#include "common/nn/opencl.h"
#include "services/trainer/embedding.h"
#include "tests/grad/fixture.h"
#include "tests/support/test.h"
#include "tests/support/translation_step.h"

enum { N = 4, SIDE = 32, ITERATIONS = 10, HALF = 5, WAITS_MAX = 5 };

// Of losses, and of parameters relative to the largest one of their network.
static const double TOLERANCE = 1e-3;
static const double TOLERANCE_ISOMETRY =
    5e-3; // the difference of two distances that are several times larger

// A stage that is trained on one backend.
typedef struct {
    rg_config_t config;
    enum rg_stage stage;
    rg_backend_t *backend;
    rg_model_t *model;
    rg_translation_t translation; // stages 1 and 3
    rg_embedding_t embedding;     // stage 2
    rg_losses_t losses;
} training_t;

static void set_config(rg_config_t *config)
{
    rg_config_init(config);
    config->data.img_size = SIDE;
    config->model.gf = 8;
    config->model.n_res = 1;
    config->model.df = 8;
    config->model.d_layers = 3;
    config->model.mlp = 16;
    config->model.k = 2;
    rg_train_config_t *stages[] = {&config->stage1, &config->stage2, &config->stage3};
    for (int i = 0; i < 3; i++) {
        stages[i]->iterations = ITERATIONS;
        stages[i]->batch = N;
        stages[i]->warmup = 0;
    }
    config->stage2.lr = 1e-4; // Adam makes whole steps of the rounding errors of gradients that are almost 0
}

// ---- neighbours: their features follow from the query's row

static int ask(void *self, const float *embeddings, int n, const unsigned char *exclude, float *features)
{
    const rg_config_t *config = self;
    int shape[3];
    (void)embeddings, (void)exclude;
    rg_fusion_features(config, shape);
    rg_fixture_fill("neighbours", features, (size_t)(n * config->model.k * shape[0] * shape[1] * shape[2]),
                    1);
    return 0;
}

static int no_wait(void *self)
{
    (void)self;
    return 0;
}

// ---- training

static void list_sets(const training_t *t, rg_params_t *sets[RG_PARTS], int *n)
{
    *n = rg_model_sets(t->model, sets);
}

static void begin(training_t *t, enum rg_stage stage, const rg_config_t *config, const char *device)
{
    const rg_train_config_t *train = stage == RG_STAGE_3 ? &t->config.stage3 : &t->config.stage1;
    const rg_loss_weights_t *weights = stage == RG_STAGE_3 ? &t->config.stage3_loss : &t->config.stage1_loss;
    static rg_retriever_t retriever = {ask, no_wait, NULL};
    *t = (training_t){.config = *config, .stage = stage};
    snprintf(t->config.device, sizeof t->config.device, "%s", device);
    retriever.self = &t->config;
    if (strcmp(device, "cpu") == 0)
        assert_ok(rg_cpu_backend_new(&t->backend, 0));
    else
        assert_ok(rg_fixture_backend_new(&t->backend));
    rg_model_new(&t->model, &t->config, rg_stage_parts(stage, &t->config),
                 rg_stage_trains(stage, &t->config));
    if (stage == RG_STAGE_2)
        assert_ok(rg_embedding_init(&t->embedding, t->model, t->backend));
    else
        assert_ok(rg_translation_init(&t->translation, t->model, t->backend, train, weights,
                                      stage == RG_STAGE_3 ? &retriever : NULL));
}

static void end(training_t *t)
{
    rg_translation_fini(&t->translation);
    rg_embedding_fini(&t->embedding);
    rg_model_destroy(&t->model);
    rg_backend_destroy(&t->backend);
}

static int embed(training_t *t, const rg_batch_t *batch, int iteration)
{
    rg_rng_t rng;
    rg_ranking_draws_t ranking;
    rg_triplet_draws_t triplets;
    rg_rng_init(&rng, 1, RG_RNG_STEP, (uint64_t)iteration);
    if (t->config.model.retrieval == RG_RETRIEVAL_RANKED) {
        rg_ranking_draw(&t->embedding, batch, &rng, &ranking);
        return rg_ranking_step(&t->embedding, batch, &ranking, iteration, &t->losses);
    }
    rg_triplet_draw(&t->embedding, batch, &rng, &triplets);
    return rg_triplet_step(&t->embedding, batch, &triplets, iteration, &t->losses);
}

static void step(training_t *t, int iteration)
{
    static const unsigned char labels[N * RG_ATTRIBUTES_MAX] = {0, 1, 0, 1, 1, 1, 1, 0, 0, 1, 0, 0, 1},
                                          targets[N * RG_ATTRIBUTES_MAX] = {1, 0, 0, 0, 1, 1, 0,
                                                                            0, 1, 1, 0, 1, 1};
    static float pixels[N * SIDE * SIDE * 3], references[N * SIDE * SIDE * 3];
    const rg_batch_t batch = {.n = N,
                              .references = t->stage == RG_STAGE_2 ? N : N / 2,
                              .pixels = pixels,
                              .reference_pixels = references,
                              .labels = labels,
                              .target_labels = targets,
                              .columns = t->config.data.attributes.count};
    rg_fixture_normal(pixels, N * SIDE * SIDE * 3, 2 * (uint64_t)iteration);
    rg_fixture_normal(references, N * SIDE * SIDE * 3, 2 * (uint64_t)iteration + 1);
    assert_ok(t->stage == RG_STAGE_2 ? embed(t, &batch, iteration)
                                     : translation_step(&t->translation, 1, &batch, iteration, &t->losses));
}

static void train(training_t *t, int first, int end_of)
{
    for (int i = first; i < end_of; i++) step(t, i);
}

// ---- waits

static void count_waits(const char *what, enum rg_stage stage, const rg_config_t *config)
{
    training_t t;
    begin(&t, stage, config, "gpu:0");
    train(&t, 0, 2); // the memory has its size then
    rg_opencl_counts_t before = rg_opencl_counts(t.backend);
    train(&t, 2, 3);
    rg_opencl_counts_t after = rg_opencl_counts(t.backend);
    unsigned long long waits = after.waits - before.waits;
    print_message("%s: %llu launches, %llu waits\n", what,
                  (unsigned long long)(after.launches - before.launches), waits);
    if (waits > WAITS_MAX) fail_msg("%s: %llu waits in an iteration", what, waits);
    end(&t);
}

static void test_an_iteration_waits_rarely(void **state)
{
    rg_config_t config;
    (void)state;
    set_config(&config);
    count_waits("stage 1", RG_STAGE_1, &config);
    count_waits("stage 2", RG_STAGE_2, &config);
    count_waits("stage 3", RG_STAGE_3, &config);
    config.stage1_loss.gan = RG_GAN_WGAN_GP;
    config.stage1_loss.penalty = 10;
    config.stage1_loss.prior = RG_PRIOR_EARTH_MOVER;
    config.model.detail = 1;
    count_waits("stage 1 with a critic and detail", RG_STAGE_1, &config);
    config.model.retrieval = RG_RETRIEVAL_TRIPLET;
    count_waits("stage 2 of triplets", RG_STAGE_2, &config);
    config.model.fusion = RG_FUSION_CONCAT;
    count_waits("stage 3 of maps", RG_STAGE_3, &config);
}

// ---- agreement

static void compare_losses(int iteration, const rg_losses_t *got, const rg_losses_t *want)
{
    assert_int_equal(got->n, want->n);
    for (int i = 0; i < want->n; i++) {
        double allowed = strcmp(want->item[i].name, "isometry") == 0 ? TOLERANCE_ISOMETRY : TOLERANCE;
        if (!(fabs(got->item[i].value - want->item[i].value) <= allowed * fabs(want->item[i].value)))
            fail_msg("iteration %d: %s is %.6g, the processor's is %.6g", iteration, want->item[i].name,
                     got->item[i].value, want->item[i].value);
    }
}

static void compare_sets(const rg_params_t *got, const rg_params_t *want)
{
    const char *worst = "";
    double off = 0, scale = 0;
    for (int p = 0; p < want->n; p++)
        for (size_t i = 0; i < want->list[p]->count; i++) {
            double w = (double)want->list[p]->value[i], difference = fabs((double)got->list[p]->value[i] - w);
            if (difference > off) worst = want->list[p]->name;
            off = fmax(off, difference);
            scale = fmax(scale, fabs(w));
        }
    if (!(off <= TOLERANCE * scale)) fail_msg("%s is off by %.2g of %.3g", worst, off, scale);
}

static void compare_parameters(const training_t *got, const training_t *want)
{
    rg_params_t *a[RG_PARTS], *b[RG_PARTS];
    int n, same;
    list_sets(got, a, &n);
    list_sets(want, b, &same);
    assert_int_equal(n, same);
    for (int s = 0; s < n; s++) {
        assert_ok(rg_params_pull(a[s]));
        assert_ok(rg_params_pull(b[s]));
        compare_sets(a[s], b[s]);
    }
}

static void check_agreement(enum rg_stage stage)
{
    rg_config_t config;
    training_t device, processor;
    set_config(&config);
    begin(&device, stage, &config, "gpu:0");
    begin(&processor, stage, &config, "cpu");
    for (int i = 0; i < ITERATIONS; i++) {
        step(&device, i);
        step(&processor, i);
        compare_losses(i, &device.losses, &processor.losses);
    }
    compare_parameters(&device, &processor);
    end(&device);
    end(&processor);
}

static void test_stage1_agrees_with_the_processor(void **state)
{
    (void)state;
    check_agreement(RG_STAGE_1);
}

static void test_stage2_agrees_with_the_processor(void **state)
{
    (void)state;
    check_agreement(RG_STAGE_2);
}

static void test_stage3_agrees_with_the_processor(void **state)
{
    (void)state;
    check_agreement(RG_STAGE_3);
}

// ---- resuming

static void save(const training_t *t, const char *path)
{
    rg_params_t *sets[RG_PARTS];
    int n;
    rg_checkpoint_info_t info = {.stage = "stage1",
                                 .iteration = HALF,
                                 .iterations = ITERATIONS,
                                 .attributes = t->config.data.attributes};
    list_sets(t, sets, &n);
    for (int i = 0; i < n; i++) assert_ok(rg_params_pull(sets[i]));
    assert_ok(rg_checkpoint_save(path, &t->config, sets, n, &info));
}

static void resume(training_t *t, const char *path, const rg_config_t *config, const char *device)
{
    rg_params_t *sets[RG_PARTS];
    int n;
    rg_checkpoint_info_t info;
    begin(t, RG_STAGE_1, config, device);
    list_sets(t, sets, &n);
    assert_ok(rg_checkpoint_load(
        path, &(rg_checkpoint_wanted_t){&t->config, &t->config.data.attributes, RG_CHECKPOINT_RESUME}, sets,
        n, &info));
    train(t, (int)info.iteration, ITERATIONS);
}

static void assert_same_bits(const training_t *a, const training_t *b)
{
    rg_params_t *x[RG_PARTS], *y[RG_PARTS];
    int n;
    list_sets(a, x, &n);
    list_sets(b, y, &n);
    for (int s = 0; s < n; s++) {
        assert_ok(rg_params_pull(x[s]));
        assert_ok(rg_params_pull(y[s]));
        assert_memory_equal(x[s]->value, y[s]->value, x[s]->count * sizeof(float));
        assert_memory_equal(x[s]->m, y[s]->m, x[s]->count * sizeof(float));
        assert_memory_equal(x[s]->v, y[s]->v, x[s]->count * sizeof(float));
    }
}

static void test_a_checkpoint_goes_on(void **state)
{
    rg_config_t config;
    training_t straight, first, resumed, elsewhere;
    char path[] = "/tmp/rg-device-XXXXXX";
    (void)state;
    assert_true(mkstemp(path) >= 0);
    set_config(&config);
    begin(&straight, RG_STAGE_1, &config, "gpu:0");
    train(&straight, 0, ITERATIONS);
    begin(&first, RG_STAGE_1, &config, "gpu:0");
    train(&first, 0, HALF);
    save(&first, path);
    end(&first);
    resume(&resumed, path, &config, "gpu:0");
    assert_same_bits(&resumed, &straight);
    end(&resumed);
    resume(&elsewhere, path, &config, "cpu");
    compare_parameters(&elsewhere, &straight);
    end(&elsewhere);
    end(&straight);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_iteration_waits_rarely),
        cmocka_unit_test(test_stage1_agrees_with_the_processor),
        cmocka_unit_test(test_stage2_agrees_with_the_processor),
        cmocka_unit_test(test_stage3_agrees_with_the_processor),
        cmocka_unit_test(test_a_checkpoint_goes_on),
    };
    return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
