// R, the retrieval net (rg-unit section 3): six conv blocks (layer norm, ReLU) of widths 128,128,64,64,32,32,
// alternately 3x3 and 4x4/2 until the content map is 4x4, flattened, joined with the attribute code, MLP
// 512-512-D.
//   content [N,h,w,4*gf], code [N,1,1,A*Z] -> embedding [N,1,1,embed_dim]
#ifndef RG_MODEL_EMBEDDER_H
#define RG_MODEL_EMBEDDER_H

#include "common/core/config.h"
#include "common/model/layers.h"

enum { RG_EMBEDDER_BLOCKS = 6, RG_EMBEDDER_HIDDEN = 512 };

typedef struct {
    rg_conv_t conv[RG_EMBEDDER_BLOCKS];
    rg_layer_norm_t norm[RG_EMBEDDER_BLOCKS];
    rg_linear_t fc[3];
} rg_embedder_t;

void rg_embedder_declare(rg_embedder_t *net, rg_params_t *set, const rg_config_t *config);

// keep: dropout factors (0 or 1/(1-p)) of the two hidden layers [2,N,512], borrowed until backward; NULL =
// inference.
rg_tensor_t *rg_embed(rg_tape_t *tape, const rg_embedder_t *net, rg_tensor_t *content, rg_tensor_t *code,
                      const float *keep);

#endif
