// All forms of the networks, with random weights and inputs, for tests that compare exported networks with ours.
#ifndef RG_TEST_MODEL_FORMS_H
#define RG_TEST_MODEL_FORMS_H

#include "tests/unit/model/tiny.h"

enum { N = 3, K = 2 };

typedef struct {
    const char *name;
    enum rg_stage stage;
    int detail, fusion, retrieval, n_res;
} form_t;

static const form_t FORMS[] = {
    {"stage 1", RG_STAGE_1, 0, RG_FUSION_STYLE, RG_RETRIEVAL_RANKED, 2},
    {"stage 1 with detail", RG_STAGE_1, 1, RG_FUSION_STYLE, RG_RETRIEVAL_RANKED, 1},
    {"stage 2, triplet", RG_STAGE_2, 0, RG_FUSION_STYLE, RG_RETRIEVAL_TRIPLET, 1},
    {"stage 3, style, with detail", RG_STAGE_3, 1, RG_FUSION_STYLE, RG_RETRIEVAL_RANKED, 1},
    {"stage 3, style", RG_STAGE_3, 0, RG_FUSION_STYLE, RG_RETRIEVAL_RANKED, 2},
    {"stage 3, concat", RG_STAGE_3, 0, RG_FUSION_CONCAT, RG_RETRIEVAL_TRIPLET, 1},
    {"stage 3, concat with detail", RG_STAGE_3, 1, RG_FUSION_CONCAT, RG_RETRIEVAL_RANKED, 2},
};

typedef struct {
    rg_config_t config;
    rg_model_t *model;
    rg_backend_t *backend;
    rg_tape_t *tape;
    float image[N * IMAGE], content[N * MAP], found[2 * N * MAP * K];
    float code[N * Z], own[N * Z]; // they differ in every second number
} lab_t;

static inline void forms_fill(float *values, size_t n, uint64_t stream)
{
    rg_rng_t rng;
    rg_rng_init(&rng, 3, 1, stream);
    for (size_t i = 0; i < n; i++) values[i] = 2 * rg_rng_uniform(&rng) - 1;
}

// Weights keep their initial spread. Biases, which begin with zeros, get values that a test can see.
static inline void forms_fill_biases(rg_params_t *set)
{
    for (int i = 0; i < set->n; i++)
        if (set->list[i]->rank == 1) forms_fill(set->list[i]->value, set->list[i]->count, (uint64_t)i);
    rg_params_changed(set);
}

static inline void lab_begin(lab_t *lab, const form_t *form)
{
    rg_params_t *sets[RG_PARTS];
    tiny_configure(&lab->config, "unused");
    lab->config.model.detail = form->detail;
    lab->config.model.fusion = form->fusion;
    lab->config.model.retrieval = form->retrieval;
    lab->config.model.n_res = form->n_res;
    rg_model_new(&lab->model, &lab->config,
                 rg_stage_parts(form->stage, &lab->config) & ~RG_PART_BIT(RG_DISCRIMINATOR), 0);
    int n = rg_model_sets(lab->model, sets);
    for (int i = 0; i < n; i++) forms_fill_biases(sets[i]);
    assert_ok(rg_cpu_backend_new(&lab->backend, 0));
    assert_ok(rg_tape_new(&lab->tape, lab->backend));
    rg_tape_pause(lab->tape);
    forms_fill(lab->image, N * IMAGE, 100);
    forms_fill(lab->code, N * Z, 101);
    forms_fill(lab->content, N * MAP, 102);
    forms_fill(lab->found, 2 * N * MAP * K, 103);
    for (int i = 0; i < N * Z; i++) lab->own[i] = lab->code[i] + (float)(i % 2);
}

static inline void lab_end(lab_t *lab)
{
    rg_tape_destroy(&lab->tape);
    rg_backend_destroy(&lab->backend);
    rg_model_destroy(&lab->model);
}

// ---- inputs

static inline rg_tensor_t *lab_image(lab_t *lab)
{
    return rg_tape_input(lab->tape, N, SIDE, SIDE, 3, lab->image);
}

static inline rg_tensor_t *lab_code(lab_t *lab)
{
    return rg_tape_input(lab->tape, N, 1, 1, Z, lab->code);
}

static inline rg_tensor_t *lab_content(lab_t *lab)
{
    return rg_tape_input(lab->tape, N, SIDE / 4, SIDE / 4, 4 * GF, lab->content);
}

static inline rg_tensor_t *lab_own(lab_t *lab)
{
    return rg_tape_input(lab->tape, N, 1, 1, Z, lab->own);
}

// Neighbours of the wanted images, or (which 1) of the sources as they are.
static inline rg_tensor_t *lab_found(lab_t *lab, int which)
{
    const float *found = lab->found + which * N * MAP * K;
    return rg_tape_input(lab->tape, N, SIDE / 4, SIDE / 4, 4 * GF * K, found);
}

#endif
