// The networks of common/model, forward and backward, and their losses against the peer in PyTorch (peer.py,
// make_model_reference.py, which says how the fixture's names are built).
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/model/discriminator.h"
#include "common/model/encoders.h"
#include "common/model/model.h"
#include "common/model/perceptual.h"
#include "tests/grad/fixture.h"
#include "tests/grad/vgg16.h"
#include "tests/support/test.h"

// The sizes of make_model_reference.py.
enum { N = 2, GF = 4, ATTRS = 5, DIMS = 8, IMG = 32, EMBED = 20, K = 3 };
enum { SIDE = IMG / 4, WIDTH = 4 * GF, CODE = ATTRS * DIMS };
enum { SAMPLES = 32, INPUTS_MAX = 3, OUTPUTS_MAX = 4 };

static const double OUTPUT_TOLERANCE = 1e-5; // a dozen layers of rounding
// A unit that is within rounding of an activation's kink may fall on the other side.
static const double GRADIENT_TOLERANCE = 2e-4;
// Differences are relative to at least this share of the network's largest gradient, since terms cancel.
static const double ZERO = 1e-2;
static const double LOSS_TOLERANCE = 1e-6;

// ---- the networks

typedef struct {
    rg_fixture_t fixture;
    rg_model_t *model, *ranked; // ranked: with a ranked R
    rg_reference_t *reference;
} lab_t;

typedef struct {
    const char *name;
    enum rg_part part;
    int x[INPUTS_MAX][4];
    // Writes the outputs, returns their number.
    int (*run)(lab_t *lab, rg_tensor_t *const *x, rg_tensor_t **y);
} network_t;

static int run_content(lab_t *lab, rg_tensor_t *const *x, rg_tensor_t **y)
{
    y[0] = rg_content_encode(lab->fixture.tape, &lab->model->content, x[0]);
    return 1;
}

static int run_attribute(lab_t *lab, rg_tensor_t *const *x, rg_tensor_t **y)
{
    rg_code_t code = rg_attribute_encode_both(lab->fixture.tape, &lab->model->attribute, x[0]);
    y[0] = code.mean;
    y[1] = code.logvar;
    return 2;
}

static int run_generator(lab_t *lab, rg_tensor_t *const *x, rg_tensor_t **y)
{
    y[0] = rg_generate(lab->fixture.tape, &lab->model->generator, x[0], x[1]);
    return 1;
}

static int run_discriminator(lab_t *lab, rg_tensor_t *const *x, rg_tensor_t **y)
{
    rg_discriminator_output_t output = rg_discriminate(lab->fixture.tape, &lab->model->discriminator, x[0]);
    for (int s = 0; s < 2; s++) {
        y[2 * s] = output.source[s];
        y[2 * s + 1] = output.logits[s];
    }
    return 4;
}

static float *kept(lab_t *lab)
{
    size_t n = 2 * N * RG_EMBEDDER_HIDDEN;
    float *keep = rg_tape_alloc(lab->fixture.tape, n * sizeof *keep);
    rg_fixture_fill("keep", keep, n, 1);
    for (size_t i = 0; i < n; i++) keep[i] = keep[i] < 0.8f ? 1 / 0.9f : 0;
    return keep;
}

static int run_embedder(lab_t *lab, rg_tensor_t *const *x, rg_tensor_t **y)
{
    y[0] = rg_embed(lab->fixture.tape, &lab->model->embedder, x[0], x[1], kept(lab));
    return 1;
}

static int run_ranked(lab_t *lab, rg_tensor_t *const *x, rg_tensor_t **y)
{
    y[0] = rg_embed(lab->fixture.tape, &lab->ranked->embedder, x[0], x[1], kept(lab));
    return 1;
}

static int run_fusion(lab_t *lab, rg_tensor_t *const *x, rg_tensor_t **y)
{
    rg_tensor_t *code = NULL;
    y[0] = x[0];
    rg_fuse(lab->fixture.tape, &lab->model->fusion, &y[0], &code, NULL, x[1]);
    return 1;
}

static const network_t NETWORKS[] = {
    {"content", RG_CONTENT, {{N, IMG, IMG, 3}}, run_content},
    {"attribute", RG_ATTRIBUTE, {{N, IMG, IMG, 3}}, run_attribute},
    {"generator", RG_GENERATOR, {{N, SIDE, SIDE, WIDTH}, {N, 1, 1, CODE}}, run_generator},
    {"discriminator", RG_DISCRIMINATOR, {{N, IMG, IMG, 3}}, run_discriminator},
    {"embedder", RG_EMBEDDER, {{N, SIDE, SIDE, WIDTH}, {N, 1, 1, CODE}}, run_embedder},
    {"ranked", RG_EMBEDDER, {{N, SIDE, SIDE, WIDTH}, {N, 1, 1, CODE}}, run_ranked},
    {"fusion", RG_FUSION, {{N, SIDE, SIDE, WIDTH}, {N, SIDE, SIDE, K *WIDTH}}, run_fusion},
};

static float *filled(lab_t *lab, const char *name, int i, const char *role, size_t n)
{
    char full[64];
    float *x = rg_tape_alloc(lab->fixture.tape, n * sizeof *x);
    snprintf(full, sizeof full, "%s.%s%d", name, role, i);
    rg_fixture_fill(full, x, n, 1);
    return x;
}

static size_t size_of(const int shape[4])
{
    return (size_t)shape[0] * (size_t)shape[1] * (size_t)shape[2] * (size_t)shape[3];
}

static void compare_sample(const lab_t *lab, const char *of, const char *key, const float *grad, size_t n,
                           double tolerance)
{
    char name[96];
    float got[SAMPLES];
    snprintf(name, sizeof name, "%s.%s.sample", of, key);
    rg_reference_tensor_t want = rg_reference_tensor(lab->reference, "%s", name);
    size_t step = n / SAMPLES > 0 ? n / SAMPLES : 1;
    assert_in_range(want.count, 1, SAMPLES);
    assert_true(want.count == SAMPLES || want.count == n);
    for (size_t i = 0; i < want.count; i++) got[i] = grad[i * step];
    double scale = ZERO * (double)rg_reference_number(lab->reference, "%s.scale", of);
    rg_fixture_compare_scaled(name, got, want.data, want.count, scale, tolerance);
}

static void compare_params(const lab_t *lab, const char *of, rg_params_t *set, double tolerance)
{
    rg_fixture_pull_gradients(set);
    for (int i = 0; i < set->n; i++)
        compare_sample(lab, of, set->list[i]->name + strlen(set->name) + 1, set->list[i]->grad,
                       set->list[i]->count, tolerance);
}

// All outputs but the last get their upstream gradient in advance. The last one starts the backward pass.
static void run_backward(lab_t *lab, const network_t *net, rg_tensor_t **y, int outputs)
{
    for (int i = 0, add; i < outputs - 1; i++) {
        size_t n = rg_tensor_size(y[i]);
        float *grad = rg_tape_grad(lab->fixture.tape, y[i], &add);
        memcpy(grad, filled(lab, net->name, i, "dy", n), n * sizeof *grad);
        rg_fixture_push(grad, n);
    }
    rg_tensor_t *last = y[outputs - 1];
    rg_fixture_backward(&lab->fixture, last, filled(lab, net->name, outputs - 1, "dy", rg_tensor_size(last)));
}

static void check_network(lab_t *lab, const network_t *net)
{
    rg_model_t *model = net->run == run_ranked ? lab->ranked : lab->model;
    rg_params_t *set = &model->set[net->part];
    rg_tensor_t *x[INPUTS_MAX] = {0}, *y[OUTPUTS_MAX];
    rg_tape_reset(lab->fixture.tape);
    rg_fixture_fill_params(set);
    rg_fixture_zero_gradients(set); // D's gradients share memory with the others'
    for (int i = 0; i < INPUTS_MAX && net->x[i][0]; i++)
        x[i] = rg_fixture_leaf(&lab->fixture, net->x[i], filled(lab, net->name, i, "x", size_of(net->x[i])));
    int outputs = net->run(lab, x, y);
    for (int i = 0; i < outputs; i++) {
        rg_reference_tensor_t want = rg_reference_tensor(lab->reference, "%s.y%d", net->name, i);
        assert_int_equal(rg_tensor_size(y[i]), want.count);
        rg_fixture_compare(net->name, y[i]->data, want.data, want.count, OUTPUT_TOLERANCE);
    }
    run_backward(lab, net, y, outputs);
    for (int i = 0; i < INPUTS_MAX && x[i]; i++) {
        char key[16];
        snprintf(key, sizeof key, "dx%d", i);
        compare_sample(lab, net->name, key, rg_fixture_pull(x[i]->grad, rg_tensor_size(x[i])),
                       rg_tensor_size(x[i]), GRADIENT_TOLERANCE);
    }
    compare_params(lab, net->name, set, GRADIENT_TOLERANCE);
}

static void test_networks(void **state)
{
    for (size_t i = 0; i < sizeof NETWORKS / sizeof *NETWORKS; i++) check_network(*state, &NETWORKS[i]);
}

// R without dropout factors computes the same as with factors of 1.
static void test_embedder_without_dropout(void **state)
{
    lab_t *lab = *state;
    rg_tape_t *tape = lab->fixture.tape;
    rg_tape_reset(tape);
    float *ones = rg_tape_alloc(tape, 2 * N * RG_EMBEDDER_HIDDEN * sizeof *ones);
    for (int i = 0; i < 2 * N * RG_EMBEDDER_HIDDEN; i++) ones[i] = 1;
    const float *map = filled(lab, "embedder", 0, "x", N * SIDE * SIDE * WIDTH);
    rg_tensor_t *content = rg_tape_input(tape, N, SIDE, SIDE, WIDTH, map);
    rg_tensor_t *code = rg_tape_input(tape, N, 1, 1, CODE, filled(lab, "embedder", 1, "x", N * CODE));
    rg_tensor_t *a = rg_embed(tape, &lab->model->embedder, content, code, NULL);
    rg_tensor_t *b = rg_embed(tape, &lab->model->embedder, content, code, ones);
    rg_fixture_pull(a->data, rg_tensor_size(a));
    rg_fixture_pull(b->data, rg_tensor_size(b));
    assert_memory_equal(a->data, b->data, rg_tensor_size(a) * sizeof(float));
}

// ---- losses: the weight scales the gradient, not the value

static const float WEIGHT = 2.5f;

static rg_tensor_t *loss_input(lab_t *lab, const char *kind, int i, int n, int c)
{
    return rg_fixture_leaf(&lab->fixture, (int[4]){n, 1, 1, c},
                           filled(lab, kind, i, "x", (size_t)n * (size_t)c));
}

static void check_loss_within(lab_t *lab, const char *kind, double value, rg_tensor_t *const *x,
                              int gradients, double tolerance, double gradient_tolerance)
{
    float got = (float)value, want = rg_reference_number(lab->reference, "%s.value", kind);
    rg_fixture_compare(kind, &got, &want, 1, tolerance);
    assert_int_equal(rg_tape_backward(lab->fixture.tape), 0);
    for (int i = 0; i < gradients; i++) {
        rg_reference_tensor_t d = rg_reference_tensor(lab->reference, "%s.d%d", kind, i);
        float *grad = rg_fixture_pull(x[i]->grad, d.count);
        for (size_t e = 0; e < d.count; e++) grad[e] /= WEIGHT;
        rg_fixture_push(grad, d.count);
        rg_fixture_compare(kind, grad, d.data, d.count, gradient_tolerance);
    }
}

static void check_loss(lab_t *lab, const char *kind, double value, rg_tensor_t *const *x, int gradients)
{
    check_loss_within(lab, kind, value, x, gradients, LOSS_TOLERANCE, LOSS_TOLERANCE);
}

static void check_prior(lab_t *lab, const char *kind, enum rg_prior form)
{
    rg_tape_reset(lab->fixture.tape);
    rg_tensor_t *x[3];
    for (int i = 0; i < 3; i++) x[i] = loss_input(lab, kind, i, 3, CODE);
    double value = RG_FIXTURE_LOSS(rg_loss_prior, lab->fixture.tape, &lab->model->config, form, x[0], x[1],
                                   x[2]->data, WEIGHT);
    check_loss(lab, kind, value, x, 2);
}

static void test_prior(void **state)
{
    check_prior(*state, "kl", RG_PRIOR_KL);
    check_prior(*state, "earth_mover", RG_PRIOR_EARTH_MOVER);
}

static void test_isometry(void **state)
{
    lab_t *lab = *state;
    rg_tape_reset(lab->fixture.tape);
    rg_tensor_t *x[4];
    for (int i = 0; i < 4; i++) x[i] = loss_input(lab, "isometry", i, 3, CODE);
    double value = RG_FIXTURE_LOSS(rg_loss_isometry, lab->fixture.tape, x[0], x[1], x[2], x[3], WEIGHT);
    check_loss(lab, "isometry", value, x, 2);
    assert_null(x[2]->grad);
    assert_null(x[3]->grad);
}

static void test_ranking(void **state)
{
    lab_t *lab = *state;
    rg_param_t *scale = lab->ranked->embedder.scale;
    float relevance[4 * 4];
    rg_tape_reset(lab->fixture.tape);
    rg_fixture_fill("relevance", relevance, 4 * 4, 1);
    for (int i = 0; i < 4; i++) {
        double sum = 0;
        for (int j = 0; j < 4; j++) sum += relevance[4 * i + j] = i == j ? 0 : expf(relevance[4 * i + j]);
        for (int j = 0; j < 4; j++) relevance[4 * i + j] /= (float)sum;
    }
    rg_tensor_t *e = loss_input(lab, "ranking", 0, 2 * 4, EMBED);
    rg_fixture_fill("ranking.x1", scale->value, 1, 1);
    rg_params_changed(scale->set);
    rg_fixture_zero_gradients(scale->set);
    double value = RG_FIXTURE_LOSS(rg_loss_ranking, lab->fixture.tape, e, scale,
                                   rg_tape_input(lab->fixture.tape, 4, 1, 1, 4, relevance), WEIGHT);
    check_loss(lab, "ranking", value, &e, 1);
    rg_reference_tensor_t d = rg_reference_tensor(lab->reference, "ranking.d1");
    *rg_fixture_pull(scale->grad, 1) /= WEIGHT;
    rg_fixture_push(scale->grad, 1);
    rg_fixture_compare("ranking scale", scale->grad, d.data, 1, LOSS_TOLERANCE);
}

static void test_triplet(void **state)
{
    lab_t *lab = *state;
    rg_tape_reset(lab->fixture.tape);
    rg_tensor_t *e = loss_input(lab, "triplet", 0, 3 * 4, EMBED);
    double value = RG_FIXTURE_LOSS(rg_loss_triplet, lab->fixture.tape, e, 3, 2, 0.2f, WEIGHT);
    check_loss(lab, "triplet", value, &e, 1);
}

// WGAN-GP's penalty against PyTorch's double backward.
static void test_gradient_penalty(void **state)
{
    lab_t *lab = *state;
    rg_tape_t *tape = lab->fixture.tape;
    rg_params_t *set = &lab->model->set[RG_DISCRIMINATOR];
    rg_tensor_t *x[2];
    rg_tape_reset(tape);
    rg_fixture_fill_params(set);
    rg_fixture_zero_gradients(set);
    for (int i = 0; i < 2; i++)
        x[i] = rg_tape_input(tape, N, IMG, IMG, 3, filled(lab, "penalty", i, "x", N * IMG * IMG * 3));
    float mix[N];
    rg_fixture_fill("penalty.mix", mix, N, 1);
    for (int i = 0; i < N; i++) mix[i] = (1 + mix[i]) / 2;
    float value = (float)RG_FIXTURE_LOSS(rg_loss_gradient_penalty, tape, &lab->model->discriminator, x[0],
                                         x[1], mix, WEIGHT);
    float want = rg_reference_number(lab->reference, "penalty.value");
    rg_fixture_compare("penalty", &value, &want, 1, OUTPUT_TOLERANCE);
    assert_int_equal(rg_tape_backward(tape), 0);
    rg_fixture_pull_gradients(set);
    for (size_t i = 0; i < set->count; i++) set->grad[i] /= WEIGHT;
    rg_fixture_push(set->grad, set->count);
    compare_params(lab, "penalty", set, 1e-4);
}

static void test_perceptual(void **state)
{
    static const int widths[VGG16_BLOCKS] = {4, 6, 8, 12, 12};
    static const int image[4] = {N, IMG, IMG, 3};
    lab_t *lab = *state;
    rg_perceptual_t net;
    rg_tensor_t *x[2];
    rg_tape_reset(lab->fixture.tape);
    char path[VGG16_PATH];
    vgg16_write(path, widths);
    assert_int_equal(rg_perceptual_init(&net, path, IMG), 0);
    unlink(path);
    for (int i = 0; i < 2; i++)
        x[i] = rg_fixture_leaf(&lab->fixture, image, filled(lab, "perceptual", i, "x", size_of(image)));
    x[1]->needs_grad = 0;
    double value = RG_FIXTURE_LOSS(rg_loss_perceptual, lab->fixture.tape, &net, x[0], x[1], WEIGHT);
    check_loss_within(lab, "perceptual", value, x, 1, OUTPUT_TOLERANCE, GRADIENT_TOLERANCE);
    assert_null(x[1]->grad);
    rg_perceptual_fini(&net);
}

// ---- life

static rg_config_t small_config(void)
{
    rg_config_t config;
    rg_config_init(&config);
    config.data.attributes.count = ATTRS;
    config.data.img_size = IMG;
    config.model.gf = GF;
    config.model.n_res = 2;
    config.model.df = 4;
    config.model.d_layers = 3;
    config.model.d_scales = 2;
    config.model.attr_dims = DIMS;
    config.model.attr_std = 0.5;
    config.model.mlp = 16;
    config.model.retrieval = RG_RETRIEVAL_TRIPLET;
    config.model.embed_dim = EMBED;
    config.model.k = K;
    config.model.fusion = RG_FUSION_CONCAT;
    return config;
}

static int setup(void **state)
{
    lab_t *lab = rg_alloc(sizeof *lab);
    rg_config_t config = small_config();
    unsigned all = RG_STAGE3_PARTS;
    rg_model_new(&lab->model, &config, all, all);
    config.model.retrieval = RG_RETRIEVAL_RANKED;
    rg_model_new(&lab->ranked, &config, RG_PART_BIT(RG_EMBEDDER), RG_PART_BIT(RG_EMBEDDER));
    lab->reference = rg_reference_open("tests/grad/fixtures/models.bin");
    *state = lab;
    if (rg_fixture_backend_new(&lab->fixture.backend)) return -1;
    return rg_tape_new(&lab->fixture.tape, lab->fixture.backend);
}

static int teardown(void **state)
{
    lab_t *lab = *state;
    rg_reference_close(&lab->reference);
    rg_tape_destroy(&lab->fixture.tape);
    rg_model_destroy(&lab->model);
    rg_model_destroy(&lab->ranked);
    rg_backend_destroy(&lab->fixture.backend);
    free(lab);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_networks),   cmocka_unit_test(test_embedder_without_dropout),
        cmocka_unit_test(test_prior),      cmocka_unit_test(test_isometry),
        cmocka_unit_test(test_triplet),    cmocka_unit_test(test_ranking),
        cmocka_unit_test(test_perceptual), cmocka_unit_test(test_gradient_penalty),
    };
    return cmocka_run_group_tests_name("models", tests, setup, teardown);
}
