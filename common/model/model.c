#include "common/model/model.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/hash.h"
#include "common/model/layers.h"

static const char *const NAMES[RG_PARTS] = {"content",       "attribute", "generator",
                                            "discriminator", "embedder",  "fusion"};

static void declare(rg_model_t *model, enum rg_part part)
{
    rg_params_t *set = &model->set[part];
    switch (part) {
    case RG_CONTENT:
        rg_content_encoder_declare(&model->content, set, &model->config);
        break;
    case RG_ATTRIBUTE:
        rg_attribute_encoder_declare(&model->attribute, set, &model->config);
        break;
    case RG_GENERATOR:
        rg_generator_declare(&model->generator, set, &model->config);
        break;
    case RG_DISCRIMINATOR:
        rg_discriminator_declare(&model->discriminator, set, &model->config);
        break;
    case RG_EMBEDDER:
        rg_embedder_declare(&model->embedder, set, &model->config);
        break;
    case RG_FUSION:
        rg_fusion_declare(&model->fusion, set, &model->config);
        break;
    case RG_PARTS:
        break;
    }
}

static void alloc(rg_model_t *model, unsigned trains)
{
    size_t at[RG_PARTS] = {0}, of_d = 0, of_others = 0;
    for (int part = 0; part < RG_PARTS; part++) {
        size_t count = trains & RG_PART_BIT(part) ? model->set[part].count : 0;
        if (part == RG_DISCRIMINATOR)
            of_d = count;
        else
            at[part] = of_others, of_others += count;
    }
    if (trains)
        model->gradients = rg_alloc_lines((of_d > of_others ? of_d : of_others) * sizeof *model->gradients);
    for (int part = 0; part < RG_PARTS; part++) {
        if (!(model->parts & RG_PART_BIT(part))) continue;
        if (trains & RG_PART_BIT(part))
            rg_params_alloc_in(&model->set[part], model->gradients + at[part], part != RG_DISCRIMINATOR);
        else
            rg_params_alloc(&model->set[part], 0);
        rg_layers_init(&model->set[part], model->config.seed);
    }
}

void rg_model_new(rg_model_t **out, const rg_config_t *config, unsigned parts, unsigned trains)
{
    rg_model_t *model = rg_alloc(sizeof *model);
    model->config = *config;
    model->parts = parts;
    for (enum rg_part part = 0; part < RG_PARTS; part++) {
        if (!(parts & RG_PART_BIT(part))) continue;
        rg_params_init(&model->set[part], NAMES[part]);
        declare(model, part);
    }
    alloc(model, trains);
    if (parts & RG_PART_BIT(RG_FUSION)) rg_fusion_init(&model->fusion);
    *out = model;
}

void rg_model_destroy(rg_model_t **out)
{
    rg_model_t *model = *out;
    if (!model) return;
    for (int part = 0; part < RG_PARTS; part++) rg_params_fini(&model->set[part]);
    free(model->gradients);
    free(model);
    *out = NULL;
}

int rg_model_sets(rg_model_t *model, rg_params_t *sets[RG_PARTS])
{
    int n = 0;
    for (int part = 0; part < RG_PARTS; part++)
        if (model->parts & RG_PART_BIT(part) && model->set[part].n > 0) sets[n++] = &model->set[part];
    return n;
}

void rg_model_id(const rg_model_t *model, char id[17])
{
    static const enum rg_part EMBEDDING[] = {RG_CONTENT, RG_ATTRIBUTE, RG_EMBEDDER};
    uint64_t hash = rg_hash(&model->config.model.fusion, sizeof(int), (uint64_t)model->config.data.img_size);
    for (int i = 0; i < 3; i++) {
        const rg_params_t *set = &model->set[EMBEDDING[i]];
        hash = rg_hash(set->value, set->count * sizeof *set->value, hash);
    }
    rg_hash_hex(hash, id);
}
