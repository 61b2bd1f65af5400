// G, the generator, and the fusion, by which retrieved images influence what G is given.
//
// G (rg-unit section 3) is n_res AdaIN residual blocks, then twice (nearest upsample x2, conv 5x5 that halves
// the width, layer norm, ReLU), conv 7x7 to RGB, tanh. An MLP on the attribute code gives AdaIN's scales and
// shifts.
//   content [N,h,w,4*gf], code [N,1,1,A*Z] -> image [N,4h,4w,3] in -1..1
#ifndef RG_MODEL_GENERATOR_H
#define RG_MODEL_GENERATOR_H

#include "common/config/config.h"
#include "common/model/encoders.h"

typedef struct {
    rg_conv_t res[RG_RES_MAX][2], up[2], out;
    rg_layer_norm_t norm[2];
    rg_linear_t mlp[3]; // last: per AdaIN layer in order, C shifts then C scales
    int n_res;
} rg_generator_t;

void rg_generator_declare(rg_generator_t *net, rg_params_t *set, const rg_config_t *config);

rg_tensor_t *rg_generate(rg_tape_t *tape, const rg_generator_t *net, rg_tensor_t *content, rg_tensor_t *code);

// ---- the fusion of stage 3
//
// A neighbour is a retrieved image. The retrieval set holds an array of features [h,w,C] for each: E_a's mean
// [1,1,A*Z] or E_c's map [S/4,S/4,4*gf]. model.fusion chooses between two forms:
//
//   style   ours: the neighbours' codes, z_j = E_a(x_j), say how the wanted attributes look on real images. In
//           the dimensions that shall change, G is given mean_j z_j + (z' - m(z')) in place of the wanted code
//           z', where m is the mean over the dimensions of each attribute. So neighbours say what the attribute
//           looks like, and z' in which way this translation differs from others: drawn codes give as many
//           translations as without neighbours. Where nothing shall change, no neighbours are needed.
//   concat  the paper's (rg-unit section 3): the neighbours' content maps, concatenated by channel, conv 3x3 to
//           C; joined with the source's content, conv 3x3 to C.
enum rg_fusion_form { RG_FUSION_STYLE, RG_FUSION_CONCAT }; // key model.fusion

typedef struct {
    enum rg_fusion_form form;
    int k, attributes, dims;    // neighbours; of a code
    rg_conv_t neighbours, join; // of concat
} rg_fusion_t;

// shape [3]: h, w, C of a neighbour's features.
void rg_fusion_features(const rg_config_t *config, int shape[3]);

void rg_fusion_declare(rg_fusion_t *net, rg_params_t *set, const rg_config_t *config);

// For concat, after rg_layers_init: the join passes the source's content through unchanged and adds a tenth of
// the neighbours' part, so that stage 3 starts from the generator that stage 1 trained.
void rg_fusion_init(rg_fusion_t *net);

// How many of the images, counted from the first, need neighbours. code [n,1,1,A*Z] is wanted, own is the
// sources'. With style the last images need none if nothing shall change in them; finding that out waits for the
// device unless code is own.
int rg_fusion_rows(rg_tape_t *tape, const rg_fusion_t *net, const rg_tensor_t *code, const rg_tensor_t *own);

// Replaces the sources' content and the wanted code with the content [n,h,w,C] and code [n,1,1,A*Z] that G is
// given. found [rows,h,w,k*C] has the features of the first rows' neighbours, neighbour j in channels j*C..;
// zeros where the set had fewer than k; the host wrote it. No gradient goes into code or found.
void rg_fuse(rg_tape_t *tape, const rg_fusion_t *net, rg_tensor_t **content, rg_tensor_t **code,
             const rg_tensor_t *own, rg_tensor_t *found);

#endif
