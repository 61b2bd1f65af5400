// E_c, the content encoder (rg-unit section 3; MUNIT, Huang et al. 2018, appendix B.2): conv 7x7, two conv
// 4x4/2 doubling the width, n_res residual blocks; instance norm, ReLU, reflection padding.
//   x [N,S,S,3] -> content [N,S/4,S/4,4*gf]
#ifndef RG_MODEL_CONTENT_H
#define RG_MODEL_CONTENT_H

#include "common/config/config.h"
#include "common/nn/ops.h"

enum { RG_RES_MAX = 16 };

typedef struct {
    rg_conv_t in, down[2], res[RG_RES_MAX][2];
    int n_res;
} rg_content_encoder_t;

void rg_content_encoder_declare(rg_content_encoder_t *net, rg_params_t *set, const rg_config_t *config);
rg_tensor_t *rg_content_encode(rg_tape_t *tape, const rg_content_encoder_t *net, rg_tensor_t *x);

// Channels and side of the content map, and its floats.
static inline int rg_content_channels(const rg_config_t *config)
{
    return 4 * config->model.gf;
}
static inline int rg_content_side(const rg_config_t *config)
{
    return config->data.img_size / 4;
}
static inline size_t rg_content_size(const rg_config_t *config)
{
    const size_t side = (size_t)rg_content_side(config);
    return side * side * (size_t)rg_content_channels(config);
}

#endif
