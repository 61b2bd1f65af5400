// The fusion of stage 3 (rg-unit section 3): content maps of the k retrieved images, concatenated by channel,
// conv 3x3 to C; joined with the source's content, conv 3x3 to C. G goes on from there.
//   content [N,h,w,C], neighbours [N,h,w,k*C] -> [N,h,w,C]
#ifndef RG_MODEL_FUSION_H
#define RG_MODEL_FUSION_H

#include "common/core/config.h"
#include "common/nn/ops.h"

typedef struct {
    rg_conv_t neighbours, join;
} rg_fusion_t;

void rg_fusion_declare(rg_fusion_t *net, rg_params_t *set, const rg_config_t *config);

// After rg_layers_init: the join passes the source's content through unchanged and adds a tenth of the
// neighbours' part, so that stage 3 starts from the generator that stage 1 trained.
void rg_fusion_init(rg_fusion_t *net);

rg_tensor_t *rg_fuse(rg_tape_t *tape, const rg_fusion_t *net, rg_tensor_t *content, rg_tensor_t *neighbours);

#endif
