// R, the retrieval net, which embeds images, and its losses.
//
// R (rg-unit section 3) is six conv blocks (layer norm, ReLU) of widths 128,128,64,64,32,32, alternately 3x3
// and 4x4/2 until the content map is 4x4; then the map is flattened and joined with the attribute code, and an
// MLP 512-512-D follows.
//   content [N,h,w,4*gf], code [N,1,1,A*Z] -> embedding [N,1,1,D],   D = embed_dim
//
// model.retrieval chooses between two versions of R:
//   triplet  the paper's: embeddings of any length, trained with triplets
//   ranked   ours: embeddings of unit length, trained to rank images. A query has, for each attribute, the mean
//            of the component that its code is nearest to. So a query names the attributes that shall stay as
//            clearly as those that shall change; E_a's own value for them lies somewhere between the means.
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

// keep: dropout factors (0 or 1/(1-p)) of the two hidden layers [2,N,512], borrowed until backward; NULL for
// inference.
rg_tensor_t *rg_embed(rg_tape_t *tape, const rg_embedder_t *net, rg_tensor_t *content, rg_tensor_t *code,
                      const float *keep);

// Draws keep [2,n,512] for n embeddings: inverted dropout with model.dropout.
void rg_embed_draw_keep(const rg_config_t *config, int n, rg_rng_t *rng, float *keep);

// The code of a query for images that show `code`: the code itself, or for a ranked R its components, without
// a gradient.
rg_tensor_t *rg_query_code(rg_tape_t *tape, const rg_embedder_t *net, rg_tensor_t *code);

// The triplet loss (RG-UNIT, section 3.2): e [N*(2+K),1,1,D] holds N anchors, N positives and K groups of N
// negatives; the mean over N*K of max(0, |a-p| - |a-n| + margin), L2 with PyTorch's 1e-6 added to each
// difference. Adds the unweighted value to *sum, a scalar of the tape, as every loss does.
void rg_loss_triplet(rg_tape_t *tape, rg_tensor_t *e, int n, int kinds, float margin, float weight,
                     double *sum);

// The ranking loss (listwise, as ListNet: Cao et al. 2007): e [2N,1,1,D] holds N queries q, then N images b,
// all of unit length. The probability that image j is ranked first for query i, among all images but i itself,
// is softmax_j(exp(scale) q_i . b_j). The loss is its cross entropy with relevance [N,1,1,N], whose rows sum
// to 1 and are 0 on the diagonal, averaged over queries. scale [1] learns too.
void rg_loss_ranking(rg_tape_t *tape, rg_tensor_t *e, rg_param_t *scale, const rg_tensor_t *relevance,
                     float weight, double *sum);

#endif
