// G, the generator (rg-unit section 3): n_res AdaIN residual blocks, twice (nearest upsample x2, conv 5x5
// halving the width, layer norm, ReLU), conv 7x7 to RGB, tanh. AdaIN scales and shifts come from an MLP on
// the attribute code.
//   content [N,h,w,4*gf], code [N,1,1,A*Z] -> image [N,4h,4w,3] in -1..1
//
// With model.attention a second conv 7x7 and a sigmoid make a mask [N,4h,4w,1] for all colours, and the image
// is tanh * mask + source * (1 - mask), source being the image that content was encoded from: of a cycle the
// translation, not the image it came from (GANimation, Pumarola et al. 2018, eq. 1, with the mask's sense
// turned round). A reconstruction may then copy; what G must invent is judged by D.
#ifndef RG_MODEL_GENERATOR_H
#define RG_MODEL_GENERATOR_H

#include "common/config/config.h"
#include "common/model/content.h"
#include "common/model/layers.h"

typedef struct {
    rg_conv_t res[RG_RES_MAX][2], up[2], out;
    rg_conv_t mask; // weight NULL: no attention
    rg_layer_norm_t norm[2];
    rg_linear_t mlp[3]; // last: per AdaIN layer in order, C shifts then C scales
    int n_res;
} rg_generator_t;

void rg_generator_declare(rg_generator_t *net, rg_params_t *set, const rg_config_t *config);

// source [N,4h,4w,3] is read with attention only, and may be NULL without.
rg_tensor_t *rg_generate(rg_tape_t *tape, const rg_generator_t *net, rg_tensor_t *content, rg_tensor_t *code,
                         rg_tensor_t *source);

#endif
