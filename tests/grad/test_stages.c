// The first iterations of stages 1, 2 and 3 against a trainer written in PyTorch (make_stage_reference.py):
// the same initial weights, inputs and draws must give the same losses within 1e-3. Losses of later
// iterations depend on the weights, and so test every gradient, clipping, the schedule and the optimiser.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/model/discriminator.h"
#include "common/model/encoders.h"
#include "common/nn/optim.h"
#include "services/trainer/embedding.h"
#include "services/trainer/translation.h"
#include "tests/grad/fixture.h"
#include "tests/grad/vgg16.h"
#include "tests/support/test.h"

// The sizes of make_stage_reference.py.
enum { ITERATIONS = 10, N = 4, REFERENCES = 2, ATTRS = 5, DIMS = 8, IMG = 32, GF = 4, K = 3, KINDS = 4 };
enum { CODE = ATTRS * DIMS, PIXELS = IMG * IMG * 3 };

// The measured differences are about 1e-6 with the reference's lr of 1e-4. With ten times that lr rounding
// errors grow past 1e-3 within the ten iterations: Adam turns the noise in gradients that are zero (of biases
// that a norm cancels) into full steps, and units end on the other side of their kinks. A forgotten detach,
// clip or decay changes some loss by 2e-3 or more.
static const double TOLERANCE = 1e-3;
// The gradient penalty counts slopes of D, and a slope jumps where rounding moves an activation across its
// kink. So a critic drifts apart faster: by up to 4e-3 in these last iterations on processors without
// AVX-512.
static const double TOLERANCE_CRITIC = 6e-3;
enum { CRITIC_DRIFTS = 6 }; // the first iteration with that tolerance
static const double TOLERANCE_ISOMETRY =
    3e-3; // the difference of two distances that are several times larger

typedef struct {
    rg_config_t config;
    rg_backend_t *backend;
    rg_model_t *model;
    rg_reference_t *reference;
    const char *stage; // names the inputs and losses: stage1, ..., detail1 (with model.detail)
    int asked;         // calls of ask_neighbours, in units of N images
    int waits;         // calls of wait_for_all
    int stop_at;       // the wait that ends in RG_ESTOPPED, from 1; 0: none
} lab_t;

// ---- inputs, by name

static float *numbers(const char *stage, int iteration, const char *role, size_t n, float scale)
{
    char name[64];
    float *x = rg_alloc(n * sizeof *x);
    snprintf(name, sizeof name, "%s.%d.%s", stage, iteration, role);
    rg_fixture_fill(name, x, n, scale);
    return x;
}

static unsigned char *bits(const char *stage, int iteration, const char *role, size_t n)
{
    float *x = numbers(stage, iteration, role, n, 1);
    unsigned char *out = rg_alloc(n);
    for (size_t i = 0; i < n; i++) out[i] = x[i] > 0;
    free(x);
    return out;
}

static void batch_init(rg_batch_t *batch, const char *stage, int iteration, int references)
{
    static const unsigned char ids[N * 16] = {1, 2, 3};
    *batch = (rg_batch_t){
        .n = N,
        .references = references,
        .pixels = numbers(stage, iteration, "pixels", N * PIXELS, 1),
        .reference_pixels = numbers(stage, iteration, "references", (size_t)references * PIXELS, 1),
        .labels = bits(stage, iteration, "labels", N * ATTRS),
        .target_labels = bits(stage, iteration, "targets", N * ATTRS),
        .ids = ids,
        .columns = ATTRS,
    };
}

static void batch_fini(rg_batch_t *batch)
{
    free((void *)batch->pixels);
    free((void *)batch->reference_pixels);
    free((void *)batch->labels);
    free((void *)batch->target_labels);
}

static double wanted_loss(const lab_t *lab, int iteration, const char *name)
{
    return (double)rg_reference_tensor(lab->reference, "%s.%s", lab->stage, name).data[iteration];
}

// What a loss is compared relative to. A critic's loss is the difference of its means over fake and real
// images, which may almost cancel: its scale is that of the means, of which G's loss is one.
static double scale_of_loss(const lab_t *lab, int iteration, const char *name)
{
    double scale = fabs(wanted_loss(lab, iteration, name));
    if (strcmp(lab->stage, "critic1") != 0 || strcmp(name, "d_adversarial") != 0) return scale;
    return fmax(scale, fabs(wanted_loss(lab, iteration, "g_adversarial")));
}

static void check_losses(const lab_t *lab, int iteration, const rg_losses_t *losses)
{
    const char *stage = lab->stage;
    int drifts = strcmp(stage, "critic1") == 0 && iteration >= CRITIC_DRIFTS;
    assert_true(losses->n > 0);
    for (int i = 0; i < losses->n; i++) {
        const char *name = losses->item[i].name;
        double got = losses->item[i].value;
        double want = wanted_loss(lab, iteration, name);
        double tolerance = drifts                          ? TOLERANCE_CRITIC
                           : strcmp(name, "isometry") == 0 ? TOLERANCE_ISOMETRY
                                                           : TOLERANCE;
        if (!(fabs(got - want) <= tolerance * scale_of_loss(lab, iteration, name)))
            fail_msg("%s, iteration %d: %s is %.6g, the peer's is %.6g", stage, iteration, name, got, want);
    }
}

// ---- stages 1 and 3

// A step asks for the neighbours of translations and reconstructions in one call, n a multiple of N.
static int ask_neighbours(void *self, const float *embeddings, int n, const unsigned char *exclude,
                          float *features)
{
    lab_t *lab = self;
    int width = lab->config.model.embed_dim, shape[3];
    char name[64];
    rg_fusion_features(&lab->config, shape);
    int row = K * shape[0] * shape[1] * shape[2];
    assert_int_equal(n % N, 0);
    for (int i = 0; i < n; i++) {
        if (i % N == 0) {
            assert_int_equal(exclude[i * 16 + 2], 3); // the batch's ids: an image must not find itself
            snprintf(name, sizeof name, "%s.found.%d", lab->stage, lab->asked++);
            rg_fixture_fill(name, features + i * row, (size_t)(N * row), 1);
        }
        double mean = 0;
        for (int d = 0; d < width; d++) mean += (double)embeddings[i * width + d] / width;
        for (int e = 0; e < row; e++) features[i * row + e] *= (float)(1 + mean);
    }
    return 0;
}

static int wait_for_all(void *self)
{
    lab_t *lab = self;
    return ++lab->waits == lab->stop_at ? rg_fail(RG_ESTOPPED, "stopped") : 0;
}

static void draws_init(rg_draws_t *draws, const char *stage, int iteration, const rg_batch_t *batch,
                       int targets)
{
    *draws = (rg_draws_t){.codes = numbers(stage, iteration, "codes", (size_t)targets * CODE, 1.5f),
                          .keep = bits(stage, iteration, "keep", (size_t)targets * CODE),
                          .component = rg_alloc(N * CODE * sizeof(float)),
                          .mix = numbers(stage, iteration, "mix", (size_t)targets, 1)};
    for (int e = 0; e < targets; e++) draws->mix[e] = (1 + draws->mix[e]) / 2;
    for (int e = 0; e < N * CODE; e++) draws->component[e] = batch->labels[e / DIMS] ? 1 : -1;
}

static void draws_fini(rg_draws_t *draws)
{
    free(draws->codes);
    free(draws->keep);
    free(draws->component);
    free(draws->mix);
}

static void run_translation(lab_t *lab, const rg_train_config_t *train, const rg_loss_weights_t *weights,
                            const rg_retriever_t *retriever)
{
    const char *stage = lab->stage;
    rg_translation_t translation;
    rg_loss_weights_t forms = *weights;
    if (strcmp(stage, "critic1") == 0) {
        forms.gan = RG_GAN_WGAN_GP;
        forms.penalty = 10;
        forms.prior = RG_PRIOR_EARTH_MOVER;
    }
    if (strcmp(stage, "perceptual1") == 0) {
        forms.perceptual = 0.1;
        vgg16_write(forms.vgg16, (const int[VGG16_BLOCKS]){8, 12, 16, 32, 64});
    }
    assert_int_equal(rg_translation_init(&translation, lab->model, lab->backend, train, &forms, retriever),
                     0);
    if (forms.perceptual > 0) unlink(forms.vgg16);
    for (int i = 0; i < ITERATIONS; i++) {
        rg_batch_t batch;
        rg_draws_t draws;
        rg_losses_t losses;
        batch_init(&batch, stage, i, lab->config.targets == RG_TARGETS_BOTH ? N : REFERENCES);
        draws_init(&draws, stage, i, &batch, rg_translation_targets(&translation, &batch));
        rg_tape_reset(translation.tape);
        assert_int_equal(rg_translation_step(&translation, &batch, &draws, i, &losses), 0);
        check_losses(lab, i, &losses);
        draws_fini(&draws);
        batch_fini(&batch);
    }
    rg_translation_fini(&translation);
}

static void model_new(lab_t *lab, const char *stage, unsigned parts, unsigned trains)
{
    rg_params_t *sets[RG_PARTS];
    lab->stage = stage;
    lab->config.targets = strcmp(stage, "both1") == 0 ? RG_TARGETS_BOTH : RG_TARGETS_HALF;
    lab->config.model.retrieval = strcmp(stage, "ranked2") == 0 ? RG_RETRIEVAL_RANKED : RG_RETRIEVAL_TRIPLET;
    lab->config.model.fusion = strcmp(stage, "style3") == 0 ? RG_FUSION_STYLE : RG_FUSION_CONCAT;
    lab->config.model.detail = strncmp(stage, "detail", strlen("detail")) == 0;
    rg_model_new(&lab->model, &lab->config, parts, trains);
    int n = rg_model_sets(lab->model, sets);
    for (int i = 0; i < n; i++) rg_fixture_fill_params(sets[i]);
}

static void run_stage1(lab_t *lab, const char *stage)
{
    model_new(lab, stage, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    run_translation(lab, &lab->config.stage1, &lab->config.stage1_loss, NULL);
}

// asked: the images, in units of N, whose neighbours an iteration asks for.
static void run_stage3(lab_t *lab, const char *stage, int asked)
{
    const rg_retriever_t retriever = {ask_neighbours, wait_for_all, lab};
    model_new(lab, stage, RG_STAGE3_PARTS, RG_STAGE3_TRAINS);
    lab->asked = 0;
    run_translation(lab, &lab->config.stage3, &lab->config.stage3_loss, &retriever);
    assert_int_equal(lab->asked, asked * ITERATIONS);
}

static void test_stage1(void **state)
{
    run_stage1(*state, "stage1");
}

static void test_stage1_to_both_targets(void **state)
{
    run_stage1(*state, "both1");
}

static void test_stage1_with_detail(void **state)
{
    run_stage1(*state, "detail1");
}

static void test_stage1_with_a_critic(void **state)
{
    run_stage1(*state, "critic1");
}

static void test_stage1_with_perceptual_loss(void **state)
{
    run_stage1(*state, "perceptual1");
}

static void test_missing_vgg16_is_named(void **state)
{
    lab_t *lab = *state;
    rg_translation_t translation;
    rg_loss_weights_t forms = lab->config.stage1_loss;
    forms.perceptual = 0.1;
    snprintf(forms.vgg16, sizeof forms.vgg16, "/nowhere/vgg16.onnx");
    model_new(lab, "stage1", RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    assert_int_equal(
        rg_translation_init(&translation, lab->model, lab->backend, &lab->config.stage1, &forms, NULL),
        RG_ENOENT);
    assert_non_null(strstr(rg_error(), "/nowhere/vgg16.onnx"));
}

static void test_stage3(void **state)
{
    run_stage3(*state, "stage3", 3); // every decode asks for neighbours
}

static void test_stage3_by_style(void **state)
{
    run_stage3(*state, "style3", 1); // decoding to the own code needs no neighbours
}

static void test_stage3_with_detail(void **state)
{
    run_stage3(*state, "detail3", 3);
}

// ---- a step that is interrupted

// All values that a checkpoint keeps of a model, in one array; free() it.
static float *state_of(rg_model_t *model, size_t *count)
{
    rg_params_t *sets[RG_PARTS];
    int n = rg_model_sets(model, sets);
    float *all = NULL;
    *count = 0;
    for (int s = 0; s < n; s++) {
        assert_int_equal(rg_params_pull(sets[s]), 0);
        const float *blocks[] = {sets[s]->value, sets[s]->m, sets[s]->v, sets[s]->ema};
        for (int b = 0; b < 4 && blocks[b]; b++) {
            all = rg_realloc(all, (*count + sets[s]->count) * sizeof *all);
            memcpy(all + *count, blocks[b], sets[s]->count * sizeof *all);
            *count += sets[s]->count;
        }
    }
    return all;
}

// The gradients of G are not finite, which is found after D's update: that is undone.
static void test_failed_step_changes_nothing(void **state)
{
    lab_t *lab = *state;
    rg_loss_weights_t weights = lab->config.stage1_loss;
    rg_translation_t translation;
    rg_batch_t batch;
    rg_draws_t draws;
    rg_losses_t losses;
    size_t count;
    weights.recon = 1e39; // infinite as a float
    model_new(lab, "stage1", RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    assert_int_equal(
        rg_translation_init(&translation, lab->model, lab->backend, &lab->config.stage1, &weights, NULL), 0);
    batch_init(&batch, "stage1", 0, REFERENCES);
    draws_init(&draws, "stage1", 0, &batch, N);
    float *before = state_of(lab->model, &count);
    rg_tape_reset(translation.tape);
    assert_int_equal(rg_translation_step(&translation, &batch, &draws, 0, &losses), RG_ENUMERIC);
    float *after = state_of(lab->model, &count);
    assert_memory_equal(before, after, count * sizeof *before);
    free(after);
    free(before);
    draws_fini(&draws);
    batch_fini(&batch);
    rg_translation_fini(&translation);
}

// A trainer that is stopped while it waits for neighbours saves its state. This must be the state before the
// step, whichever wait of the step was interrupted.
static void test_interrupted_step_changes_nothing(void **state)
{
    lab_t *lab = *state;
    const rg_retriever_t retriever = {ask_neighbours, wait_for_all, lab};
    rg_translation_t translation;
    rg_batch_t batch;
    rg_draws_t draws;
    rg_losses_t losses;
    size_t count;
    model_new(lab, "stage3", RG_STAGE3_PARTS, RG_STAGE3_TRAINS);
    assert_int_equal(rg_translation_init(&translation, lab->model, lab->backend, &lab->config.stage3,
                                         &lab->config.stage3_loss, &retriever),
                     0);
    batch_init(&batch, "stage3", 0, REFERENCES);
    draws_init(&draws, "stage3", 0, &batch, N);
    float *before = state_of(lab->model, &count);
    for (lab->stop_at = 1; lab->stop_at <= 2; lab->stop_at++) {
        lab->asked = lab->waits = 0;
        rg_tape_reset(translation.tape);
        assert_int_equal(rg_translation_step(&translation, &batch, &draws, 0, &losses), RG_ESTOPPED);
        float *after = state_of(lab->model, &count);
        assert_memory_equal(before, after, count * sizeof *before);
        free(after);
    }
    lab->stop_at = 0;
    free(before);
    draws_fini(&draws);
    batch_fini(&batch);
    rg_translation_fini(&translation);
}

// ---- stage 2

static void triplet_draws(rg_triplet_draws_t *draws, const char *stage, int iteration)
{
    size_t units = 2 * N * (2 + KINDS) * RG_EMBEDDER_HIDDEN;
    draws->wanted = numbers(stage, iteration, "codes", N * CODE, 1.5f);
    draws->other_wanted = numbers(stage, iteration, "other_codes", N * CODE, 1.5f);
    draws->random = numbers(stage, iteration, "random_codes", N * CODE, 1.5f);
    draws->keep = bits(stage, iteration, "keep", N * CODE);
    draws->other_keep = bits(stage, iteration, "other_keep", N * CODE);
    draws->random_keep = bits(stage, iteration, "random_keep", N * CODE);
    draws->dropout = numbers(stage, iteration, "dropout", units, 1);
    for (size_t i = 0; i < units; i++) draws->dropout[i] = draws->dropout[i] < 0.8f ? 1 / 0.9f : 0;
}

static void run_stage2(lab_t *lab, const char *stage)
{
    rg_embedding_t triplet;
    model_new(lab, stage, RG_STAGE2_PARTS, RG_STAGE2_TRAINS);
    assert_int_equal(rg_embedding_init(&triplet, lab->model, lab->backend), 0);
    for (int i = 0; i < ITERATIONS; i++) {
        rg_batch_t batch;
        rg_triplet_draws_t draws;
        rg_losses_t losses;
        batch_init(&batch, stage, i, N);
        triplet_draws(&draws, stage, i);
        rg_tape_reset(triplet.tape);
        assert_int_equal(rg_triplet_step(&triplet, &batch, &draws, i, &losses), 0);
        check_losses(lab, i, &losses);
        void *owned[] = {draws.wanted,     draws.other_wanted, draws.random, draws.keep,
                         draws.other_keep, draws.random_keep,  draws.dropout};
        for (size_t e = 0; e < sizeof owned / sizeof *owned; e++) free(owned[e]);
        batch_fini(&batch);
    }
    rg_embedding_fini(&triplet);
}

static void test_stage2(void **state)
{
    run_stage2(*state, "stage2");
}

static void test_stage2_with_detail(void **state)
{
    run_stage2(*state, "detail2");
}

static void test_stage2_of_a_ranked_r(void **state)
{
    enum { UNITS = 2 * 2 * N * RG_EMBEDDER_HIDDEN };
    lab_t *lab = *state;
    rg_embedding_t ranking;
    model_new(lab, "ranked2", RG_STAGE2_PARTS, RG_STAGE2_TRAINS);
    assert_int_equal(rg_embedding_init(&ranking, lab->model, lab->backend), 0);
    for (int i = 0; i < ITERATIONS; i++) {
        rg_batch_t batch;
        rg_losses_t losses;
        batch_init(&batch, "ranked2", i, N);
        rg_ranking_draws_t draws = {.wanted = bits("ranked2", i, "wanted", N * ATTRS),
                                    .dropout = numbers("ranked2", i, "dropout", UNITS, 1)};
        for (size_t u = 0; u < UNITS; u++) draws.dropout[u] = draws.dropout[u] < 0.8f ? 1 / 0.9f : 0;
        rg_tape_reset(ranking.tape);
        assert_int_equal(rg_ranking_step(&ranking, &batch, &draws, i, &losses), 0);
        check_losses(lab, i, &losses);
        free(draws.wanted);
        free(draws.dropout);
        batch_fini(&batch);
    }
    rg_embedding_fini(&ranking);
}

// ---- life

static void set_training(rg_train_config_t *train, enum rg_optimizer optimizer, enum rg_schedule schedule,
                         double lr, double decay)
{
    *train = (rg_train_config_t){.iterations = ITERATIONS,
                                 .batch = N,
                                 .optimizer = (int)optimizer,
                                 .lr = lr,
                                 .beta1 = 0.5,
                                 .beta2 = 0.999,
                                 .momentum = 0.9,
                                 .weight_decay = decay,
                                 .warmup = 3,
                                 .schedule = (int)schedule,
                                 .clip = 2,
                                 .ema = 0.995};
}

static void set_config(rg_config_t *config)
{
    rg_config_init(config);
    config->data.attributes.count = ATTRS;
    config->data.img_size = IMG;
    config->model.gf = GF;
    config->model.n_res = 1;
    config->model.df = 4;
    config->model.d_layers = 3;
    config->model.d_scales = 2;
    config->model.attr_dims = DIMS;
    config->model.attr_std = 0.5;
    config->model.mlp = 16;
    config->model.embed_dim = 20;
    config->ranking.sharpness = 10;
    config->ranking.content = 5;
    config->model.k = K;
    config->triplet.margin = 0.2;
    config->triplet.easy = config->triplet.medium = config->triplet.hard = config->triplet.hardest = 1;
    config->stage1_loss = (rg_loss_weights_t){.recon = 10,
                                              .cycle = 10,
                                              .content = 1,
                                              .attribute = 1,
                                              .kl = 0.1,
                                              .isometry = 0.1,
                                              .adversarial = 1,
                                              .classify = 2};
    config->stage3_loss = config->stage1_loss;
    config->stage3_loss.kl = 0;
    set_training(&config->stage1, RG_OPTIMIZER_ADAM, RG_SCHEDULE_LINEAR, 1e-4, 0);
    set_training(&config->stage2, RG_OPTIMIZER_SGD, RG_SCHEDULE_LINEAR, 0.1, 1e-4);
    set_training(&config->stage3, RG_OPTIMIZER_ADAMW, RG_SCHEDULE_COSINE, 1e-4, 1e-4);
}

static int setup(void **state)
{
    lab_t *lab = rg_alloc(sizeof *lab);
    set_config(&lab->config);
    lab->reference = rg_reference_open("tests/grad/fixtures/stages.bin");
    *state = lab;
    return rg_fixture_backend_new(&lab->backend);
}

static int teardown(void **state)
{
    lab_t *lab = *state;
    rg_reference_close(&lab->reference);
    rg_backend_destroy(&lab->backend);
    free(lab);
    return 0;
}

static int drop_model(void **state)
{
    lab_t *lab = *state;
    rg_model_destroy(&lab->model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_stage1, drop_model),
        cmocka_unit_test_teardown(test_stage1_to_both_targets, drop_model),
        cmocka_unit_test_teardown(test_stage2, drop_model),
        cmocka_unit_test_teardown(test_stage2_of_a_ranked_r, drop_model),
        cmocka_unit_test_teardown(test_stage3, drop_model),
        cmocka_unit_test_teardown(test_interrupted_step_changes_nothing, drop_model),
        cmocka_unit_test_teardown(test_failed_step_changes_nothing, drop_model),
        cmocka_unit_test_teardown(test_stage1_with_perceptual_loss, drop_model),
        cmocka_unit_test_teardown(test_stage1_with_a_critic, drop_model),
        cmocka_unit_test_teardown(test_missing_vgg16_is_named, drop_model),
        cmocka_unit_test_teardown(test_stage1_with_detail, drop_model),
        cmocka_unit_test_teardown(test_stage2_with_detail, drop_model),
        cmocka_unit_test_teardown(test_stage3_by_style, drop_model),
        cmocka_unit_test_teardown(test_stage3_with_detail, drop_model),
    };
    return cmocka_run_group_tests_name("stages", tests, setup, teardown);
}
