// All networks of the system, each with its own parameter set. A process builds the parts it needs and says
// which of them train; the rest is frozen: no gradients, no graph.
#ifndef RG_MODEL_MODEL_H
#define RG_MODEL_MODEL_H

#include "common/config/config.h"
#include "common/model/attribute.h"
#include "common/model/content.h"
#include "common/model/discriminator.h"
#include "common/model/embedder.h"
#include "common/model/fusion.h"
#include "common/model/generator.h"
#include "common/model/stage.h"

typedef struct {
    rg_config_t config;
    unsigned parts;            // bits of the parts that exist
    rg_params_t set[RG_PARTS]; // named content, attribute, generator, discriminator, embedder, fusion
    float *gradients;          // of the sets that train: D's and the others' share it, see rg_model_new
    rg_content_encoder_t content;
    rg_attribute_encoder_t attribute;
    rg_generator_t generator;
    rg_discriminator_t discriminator;
    rg_embedder_t embedder;
    rg_fusion_t fusion;
} rg_model_t;

// Builds and initialises the parts from config->seed. One block holds D's gradients while D learns and the
// other networks' while they do: no backward pass may train both. D has no averaged weights, since it
// translates nothing.
void rg_model_new(rg_model_t **model, const rg_config_t *config, unsigned parts, unsigned trains);
void rg_model_destroy(rg_model_t **model);

// The sets of the parts that exist and have parameters, in order; returns their number.
int rg_model_sets(rg_model_t *model, rg_params_t *sets[RG_PARTS]);

// Id of the embedding space and of what the retrieval set holds beside it: xxh3-64 in hex over the values of
// E_c, E_a and R, the size of images and the form of the fusion.
void rg_model_id(const rg_model_t *model, char id[17]);

#endif
