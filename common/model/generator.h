// G, the generator (rg-unit section 3): n_res AdaIN residual blocks, twice (nearest upsample x2, conv 5x5
// halving the width, layer norm, ReLU), conv 7x7 to RGB, tanh. AdaIN scales and shifts come from an MLP on
// the attribute code.
//   content [N,h,w,4*gf], code [N,1,1,A*Z] -> image [N,4h,4w,3] in -1..1
#ifndef RG_MODEL_GENERATOR_H
#define RG_MODEL_GENERATOR_H

#include "common/core/config.h"
#include "common/model/content.h"
#include "common/model/layers.h"

typedef struct {
    rg_conv_t res[RG_RES_MAX][2], up[2], out;
    rg_layer_norm_t norm[2];
    rg_linear_t mlp[3]; // last: per AdaIN layer in order, C shifts then C scales
    int n_res;
} rg_generator_t;

void rg_generator_declare(rg_generator_t *net, rg_params_t *set, const rg_config_t *config);
rg_tensor_t *rg_generate(rg_tape_t *tape, const rg_generator_t *net, rg_tensor_t *content, rg_tensor_t *code);

#endif
