// The smallest configuration that builds every network.
#ifndef RG_TESTS_MODEL_SMALL_H
#define RG_TESTS_MODEL_SMALL_H

#include "common/model/model.h"

static inline void small_config(rg_config_t *config)
{
    rg_config_init(config);
    config->data.img_size = 32;
    config->model.gf = 4;
    config->model.n_res = 1;
    config->model.df = 4;
    config->model.d_layers = 3;
    config->model.mlp = 8;
    config->model.embed_dim = 8;
    config->model.k = 2;
}

#endif
