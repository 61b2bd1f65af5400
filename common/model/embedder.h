// R, the retrieval net (rg-unit section 3): six conv blocks (layer norm, ReLU) of widths 128,128,64,64,32,32,
// alternately 3x3 and 4x4/2 until the content map is 4x4, flattened, joined with the attribute code, MLP
// 512-512-D.
//   content [N,h,w,4*gf], code [N,1,1,A*Z] -> embedding [N,1,1,embed_dim]
//
// model.retrieval says which R it is. `triplet` is the paper's: embeddings of any length. `ranked` is ours:
// embeddings of unit length, trained to rank images (loss.h), and asked with components: of each attribute a
// query has the mean of the component that its code is nearest to, so that an attribute that shall stay is
// looked for as clearly as one that shall change, and not at the place in between where E_a saw it.
#ifndef RG_MODEL_EMBEDDER_H
#define RG_MODEL_EMBEDDER_H

#include "common/config/config.h"
#include "common/model/layers.h"

enum rg_retrieval { RG_RETRIEVAL_RANKED, RG_RETRIEVAL_TRIPLET }; // key model.retrieval

enum { RG_EMBEDDER_BLOCKS = 6, RG_EMBEDDER_HIDDEN = 512 };

typedef struct {
    rg_conv_t conv[RG_EMBEDDER_BLOCKS];
    rg_layer_norm_t norm[RG_EMBEDDER_BLOCKS];
    rg_linear_t fc[3];
    rg_param_t *scale;    // [1] of the ranking loss; NULL: the paper's R
    int attributes, dims; // of the code
} rg_embedder_t;

void rg_embedder_declare(rg_embedder_t *net, rg_params_t *set, const rg_config_t *config);

// keep: dropout factors (0 or 1/(1-p)) of the two hidden layers [2,N,512], borrowed until backward; NULL =
// inference.
rg_tensor_t *rg_embed(rg_tape_t *tape, const rg_embedder_t *net, rg_tensor_t *content, rg_tensor_t *code,
                      const float *keep);

// keep [2,n,512] of n embeddings: inverted dropout as the config has it.
void rg_embed_draw_keep(const rg_config_t *config, int n, rg_rng_t *rng, float *keep);

// The code to ask with for images that show `code`: that itself, or of a ranked R its components, without a
// gradient.
rg_tensor_t *rg_query_code(rg_tape_t *tape, const rg_embedder_t *net, rg_tensor_t *code);

#endif
