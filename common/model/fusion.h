// The fusion of stage 3: what the retrieved images say to G. Two forms (model.fusion):
//
// style, ours: the neighbours' codes, z_j = E_a(x_j), say how the wanted attributes look on real images. In
// the dims that shall change, G is given mean_j z_j in place of the wanted code. Where nothing shall change
// nothing is asked for.
//
// concat, the paper's (rg-unit section 3): the neighbours' content maps, concatenated by channel, conv 3x3 to
// C; joined with the source's content, conv 3x3 to C.
//
// Either way a neighbour is an array of features [h,w,C], which the retrieval set holds: E_c's map
// [S/4,S/4,4*gf] or E_a's mean [1,1,A*Z].
#ifndef RG_MODEL_FUSION_H
#define RG_MODEL_FUSION_H

#include "common/config/config.h"
#include "common/nn/ops.h"

enum rg_fusion_form { RG_FUSION_STYLE, RG_FUSION_CONCAT }; // key model.fusion

typedef struct {
    enum rg_fusion_form form;
    int k;
    rg_conv_t neighbours, join; // of concat
} rg_fusion_t;

// shape [3]: h, w, C of a neighbour's features.
void rg_fusion_features(const rg_config_t *config, int shape[3]);

void rg_fusion_declare(rg_fusion_t *net, rg_params_t *set, const rg_config_t *config);

// After rg_layers_init, of concat: the join passes the source's content through unchanged and adds a tenth of
// the neighbours' part, so that stage 3 starts from the generator that stage 1 trained.
void rg_fusion_init(rg_fusion_t *net);

// How many of the n first images need neighbours. code [n,1,1,A*Z] is wanted, own what the sources have: with
// style, images in which nothing changes need none.
int rg_fusion_rows(const rg_fusion_t *net, const rg_tensor_t *code, const rg_tensor_t *own);

// The content [n,h,w,C] and code [n,1,1,A*Z] that G is given, in place of the sources' content and the wanted
// code. found [rows,h,w,k*C]: the features of the first rows' neighbours, neighbour j in channels j*C..; all
// zero where the set had fewer than k. No gradient goes to code, or found.
void rg_fuse(rg_tape_t *tape, const rg_fusion_t *net, rg_tensor_t **content, rg_tensor_t **code,
             const rg_tensor_t *own, rg_tensor_t *found);

#endif
