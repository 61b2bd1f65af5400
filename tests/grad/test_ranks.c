// Two or more ranks (started by mpirun) reach the same losses and weights as one process with the whole
// batch. Each rank computes both: its share together with the others (one_of), and the whole batch alone
// (alone). They are compared after the last iteration, because a rank that fails earlier would leave the
// others waiting.
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/model/discriminator.h"
#include "common/nn/optim.h"
#include "tests/grad/fixture.h"
#include "tests/support/translation_step.h"
#include "tests/support/test.h"

enum { ITERATIONS = 5, N = 4, IMG = 32, PIXELS = IMG * IMG * 3, K = 2 }; // N: images per rank

static const double TOLERANCE = 1e-4;

typedef struct {
    rg_config_t config;
    rg_ranks_t *ranks;
    rg_backend_t *backend;
    int references; // per rank
} lab_t;

// ---- batches

typedef struct {
    rg_batch_t whole, share;
} batches_t;

static const unsigned char *bits(const char *name, size_t n)
{
    float *x = rg_alloc(n * sizeof *x);
    unsigned char *out = rg_alloc(n);
    rg_fixture_fill(name, x, n, 1);
    for (size_t i = 0; i < n; i++) out[i] = x[i] > 0;
    free(x);
    return out;
}

static const float *numbers(const char *name, size_t n)
{
    float *x = rg_alloc(n * sizeof *x);
    rg_fixture_fill(name, x, n, 1);
    return x;
}

static void *take(const rg_batch_t *share, int n, const void *whole, size_t bytes)
{
    void *out = rg_alloc((size_t)n * bytes);
    rg_batch_take_rows(share, n, whole, bytes, out);
    return out;
}

static void batches_init(batches_t *b, const lab_t *lab, int iteration)
{
    size_t ranks = (size_t)rg_ranks_count(lab->ranks), columns = (size_t)lab->config.data.attributes.count;
    size_t last = (size_t)lab->references;
    char name[2][32];
    for (int i = 0; i < 2; i++) snprintf(name[i], sizeof name[i], "ranks.%d.%d", iteration, i);
    b->whole = (rg_batch_t){.n = (int)(N * ranks),
                            .references = (int)(last * ranks),
                            .pixels = numbers(name[0], N * ranks * PIXELS),
                            .reference_pixels = numbers(name[1], last * ranks * PIXELS + 1),
                            .labels = bits(name[0], N * ranks * columns),
                            .target_labels = bits(name[1], N * ranks * columns),
                            .columns = (int)columns};
    rg_batch_t *share = &b->share;
    *share = (rg_batch_t){.n = N,
                          .references = lab->references,
                          .columns = (int)columns,
                          .whole = &b->whole,
                          .rank = rg_ranks_rank(lab->ranks)};
    share->pixels = take(share, N, b->whole.pixels, PIXELS * sizeof(float));
    share->reference_pixels =
        take(share, share->references, b->whole.reference_pixels, PIXELS * sizeof(float));
    share->labels = take(share, N, b->whole.labels, columns);
    share->target_labels = take(share, N, b->whole.target_labels, columns);
}

static void batch_fini(rg_batch_t *batch)
{
    free((void *)batch->pixels);
    free((void *)batch->reference_pixels);
    free((void *)batch->labels);
    free((void *)batch->target_labels);
}

// ---- comparison

// Compares the mean of the ranks' losses with the losses of one process.
static void compare_losses(const lab_t *lab, const rg_losses_t *share, const rg_losses_t *whole,
                           double *worst)
{
    for (int i = 0; i < share->n; i++) {
        double mean = share->item[i].value, want = whole->item[i].value;
        rg_ranks_mean(lab->ranks, &mean, 1);
        double off = fabs(mean - want) / fmax(1, fabs(want)); // a critic's loss may be zero
        if (!(off <= *worst)) *worst = off;
    }
}

static void compare_sets(const rg_params_t *got, const rg_params_t *want)
{
    rg_fixture_compare(got->name, got->value, want->value, got->count, TOLERANCE);
}

// ---- stages 1 and 3

// The neighbours of a query depend on its embedding only.
static int ask_neighbours(void *self, const float *embeddings, int n, const unsigned char *exclude,
                          float *features)
{
    const lab_t *lab = self;
    int width = lab->config.model.embed_dim, shape[3];
    (void)exclude;
    rg_fusion_features(&lab->config, shape);
    size_t row = (size_t)(K * shape[0] * shape[1] * shape[2]);
    for (int i = 0; i < n; i++, features += row, embeddings += width) {
        rg_fixture_fill("ranks.found", features, row, 1);
        for (size_t e = 0; e < row; e++) features[e] *= 1 + embeddings[e % (size_t)width];
    }
    return 0;
}

static int wait_for_all(void *self)
{
    (void)self;
    return 0;
}

typedef struct {
    rg_model_t *model;
    rg_translation_t translation;
} trainer_t;

static void trainer_init(trainer_t *trainer, const lab_t *lab, const rg_retriever_t *retriever)
{
    int stage3 = retriever != NULL;
    rg_model_new(&trainer->model, &lab->config, stage3 ? RG_STAGE3_PARTS : RG_STAGE1_PARTS,
                 stage3 ? RG_STAGE3_TRAINS : RG_STAGE1_TRAINS);
    assert_int_equal(rg_translation_init(&trainer->translation, trainer->model, lab->backend,
                                         stage3 ? &lab->config.stage3 : &lab->config.stage1,
                                         stage3 ? &lab->config.stage3_loss : &lab->config.stage1_loss,
                                         retriever),
                     0);
}

static void trainer_fini(trainer_t *trainer)
{
    rg_translation_fini(&trainer->translation);
    rg_model_destroy(&trainer->model);
}

static void train(lab_t *lab, const rg_retriever_t *retriever)
{
    trainer_t alone, one_of;
    double worst = 0;
    int err = 0;
    lab->references = lab->config.targets == RG_TARGETS_BOTH ? N : N / 2;
    trainer_init(&alone, lab, retriever);
    trainer_init(&one_of, lab, retriever);
    one_of.translation.ranks = lab->ranks;
    for (int i = 0; i < ITERATIONS && !err; i++) {
        batches_t b;
        rg_losses_t whole, share;
        batches_init(&b, lab, i);
        err = translation_step(&alone.translation, 1, &b.whole, i, &whole);
        if (!err) err = translation_step(&one_of.translation, 1, &b.share, i, &share);
        if (!err) compare_losses(lab, &share, &whole, &worst);
        batch_fini(&b.whole);
        batch_fini(&b.share);
    }
    assert_int_equal(err, 0);
    if (!(worst <= TOLERANCE)) fail_msg("a loss is off by %.3g", worst);
    for (int part = 0; part < RG_PARTS; part++)
        if (alone.model->set[part].grad) compare_sets(&one_of.model->set[part], &alone.model->set[part]);
    trainer_fini(&alone);
    trainer_fini(&one_of);
}

static void test_stage1(void **state)
{
    train(*state, NULL);
}

static void test_stage1_to_both_targets(void **state)
{
    lab_t *lab = *state;
    lab->config.targets = RG_TARGETS_BOTH;
    train(lab, NULL);
    lab->config.targets = RG_TARGETS_HALF;
}

static void test_stage1_with_a_critic(void **state)
{
    lab_t *lab = *state;
    rg_loss_weights_t before = lab->config.stage1_loss;
    lab->config.stage1_loss.gan = RG_GAN_WGAN_GP;
    lab->config.stage1_loss.penalty = 10;
    train(lab, NULL);
    lab->config.stage1_loss = before;
}

static void test_stage3(void **state)
{
    lab_t *lab = *state;
    const rg_retriever_t retriever = {ask_neighbours, wait_for_all, lab};
    const enum rg_fusion_form forms[] = {RG_FUSION_STYLE, RG_FUSION_CONCAT};
    for (int i = 0; i < 2; i++) {
        lab->config.model.fusion = (int)forms[i];
        train(lab, &retriever);
    }
}

// ---- the classifier

// State of the learner of the classifier.
typedef struct {
    rg_learner_spec_t spec;
    void *state;
} classifier_t;

static void classifier_init(classifier_t *classifier, const lab_t *lab, rg_ranks_t *ranks)
{
    const rg_learner_t *learner = &rg_classification_learner;
    classifier->spec = (rg_learner_spec_t){.config = &lab->config,
                                           .attributes = lab->config.data.attributes.count,
                                           .backend = lab->backend,
                                           .ranks = ranks};
    classifier->state = rg_alloc(learner->size);
    assert_int_equal(learner->init(classifier->state, &classifier->spec), 0);
}

static void classifier_fini(classifier_t *classifier)
{
    rg_classification_learner.fini(classifier->state);
    free(classifier->state);
}

static void test_classifier(void **state)
{
    lab_t *lab = *state;
    const rg_learner_t *learner = &rg_classification_learner;
    classifier_t alone, one_of;
    double worst = 0;
    int err = 0;
    lab->references = 0;
    classifier_init(&alone, lab, NULL);
    classifier_init(&one_of, lab, lab->ranks);
    for (int i = 0; i < ITERATIONS && !err; i++) {
        batches_t b;
        rg_losses_t whole, share;
        batches_init(&b, lab, i);
        err = learner->step(alone.state, &b.whole, NULL, i, &whole);
        if (!err) err = learner->step(one_of.state, &b.share, NULL, i, &share);
        if (!err) compare_losses(lab, &share, &whole, &worst);
        batch_fini(&b.whole);
        batch_fini(&b.share);
    }
    assert_int_equal(err, 0);
    assert_true(worst <= TOLERANCE);
    rg_params_t *got[RG_PARTS], *want[RG_PARTS];
    assert_int_equal(learner->sets(one_of.state, got), 1);
    assert_int_equal(learner->sets(alone.state, want), 1);
    compare_sets(got[0], want[0]);
    classifier_fini(&alone);
    classifier_fini(&one_of);
}

// ---- agreement

static void test_all_ranks_get_the_error_of_one(void **state)
{
    const lab_t *lab = *state;
    int last = rg_ranks_count(lab->ranks) - 1, is_last = rg_ranks_rank(lab->ranks) == last;
    assert_int_equal(rg_ranks_agree(lab->ranks, 0), 0);
    int err = rg_ranks_agree(lab->ranks, is_last ? rg_fail(RG_EFORMAT, "a broken image") : 0);
    assert_int_equal(err, RG_EFORMAT);
    assert_non_null(strstr(rg_error(), "a broken image"));
    assert_int_equal(rg_ranks_agree(lab->ranks, 0), 0);
}

// Two jobs, one after the other: the stop of the first one must not stop the second.
static void test_rank_0_stops_the_others(void **state)
{
    const lab_t *lab = *state;
    static atomic_int stop;
    for (int job = 0; job < 2; job++) {
        atomic_store(&stop, 0);
        rg_ranks_watch(lab->ranks, &stop);
        int before = rg_ranks_rank(lab->ranks) > 0 && atomic_load(rg_ranks_stop(lab->ranks));
        assert_int_equal(rg_ranks_agree(lab->ranks, 0), 0);
        if (rg_ranks_rank(lab->ranks) == 0)
            atomic_store(&stop, 1);
        else
            while (!atomic_load(rg_ranks_stop(lab->ranks))) sched_yield();
        assert_int_equal(rg_ranks_agree(lab->ranks, 0), 0);
        assert_int_equal(before, 0);
    }
}

// ---- life

// SGD, because Adam would turn rounding errors in gradients that are zero into full steps.
static void set_training(rg_train_config_t *train, double lr)
{
    train->iterations = ITERATIONS;
    train->batch = N;
    train->optimizer = RG_OPTIMIZER_SGD;
    train->lr = lr;
    train->warmup = 0;
    train->clip = 1;
}

static int setup(void **state)
{
    lab_t *lab = rg_alloc(sizeof *lab);
    rg_config_t *config = &lab->config;
    rg_config_init(config);
    config->data.img_size = IMG;
    config->model.gf = config->model.df = 4;
    config->model.n_res = 1;
    config->model.d_layers = 3;
    config->model.mlp = 16;
    config->model.embed_dim = 16;
    config->model.k = K;
    set_training(&config->classifier, 0.05);
    set_training(&config->stage1, 0.004);
    set_training(&config->stage3, 0.004);
    *state = lab;
    int err = rg_cpu_backend_new(&lab->backend, 0);
    return err ? err : rg_ranks_open(&lab->ranks);
}

static int teardown(void **state)
{
    lab_t *lab = *state;
    rg_ranks_close(&lab->ranks);
    rg_backend_destroy(&lab->backend);
    free(lab);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_ranks_get_the_error_of_one),
        cmocka_unit_test(test_rank_0_stops_the_others),
        cmocka_unit_test(test_classifier),
        cmocka_unit_test(test_stage1),
        cmocka_unit_test(test_stage1_to_both_targets),
        cmocka_unit_test(test_stage1_with_a_critic),
        cmocka_unit_test(test_stage3),
    };
    return cmocka_run_group_tests_name("ranks", tests, setup, teardown);
}
