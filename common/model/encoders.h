// The networks that read an image, and the losses of attribute codes.
//
//   E_c, the content encoder    x [N,S,S,3] -> content [N,S/4,S/4,4*gf]
//   E_a, the attribute encoder  x [N,S,S,3] -> mean, logvar [N,1,1,A*Z]
//   the built-in classifier     x [N,S,S,3] -> features [N,1,1,256], logits [N,1,1,L]
//
// Letters: S img_size, A attributes, Z attr_dims, L attributes of the classifier.
#ifndef RG_MODEL_ENCODERS_H
#define RG_MODEL_ENCODERS_H

#include "common/config/config.h"
#include "common/core/rng.h"
#include "common/model/layers.h"

enum { RG_RES_MAX = 16 };

// ---- E_c
//
// rg-unit section 3; MUNIT, Huang et al. 2018, appendix B.2: conv 7x7, two conv 4x4/2 that double the width,
// n_res residual blocks; instance norm, ReLU, reflection padding.
typedef struct {
    rg_conv_t in, down[2], res[RG_RES_MAX][2];
    int n_res;
} rg_content_encoder_t;

void rg_content_encoder_declare(rg_content_encoder_t *net, rg_params_t *set, const rg_config_t *config);
rg_tensor_t *rg_content_encode(rg_tape_t *tape, const rg_content_encoder_t *net, rg_tensor_t *x);

// Channels and side of the content map, and its number of floats.
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

// ---- E_a and its codes
//
// rg-unit sections 3 and 4; GMM-UNIT, Liu et al. 2020, section 3.1. Each attribute is a pair of Gaussian
// components in Z dimensions: the mean is +1 in each dimension where the attribute is set, and -1 where it is
// not. A code is a point in the space of all A*Z dimensions.
typedef struct {
    rg_conv_t in, down[4];
    rg_linear_t mean, logvar;
} rg_attribute_encoder_t;

typedef struct {
    rg_tensor_t *mean, *logvar;
} rg_code_t;

void rg_attribute_encoder_declare(rg_attribute_encoder_t *net, rg_params_t *set, const rg_config_t *config);

// The mean alone, or mean and logvar. The first saves the work where nothing reads logvar.
rg_tensor_t *rg_attribute_encode(rg_tape_t *tape, const rg_attribute_encoder_t *net, rg_tensor_t *x);
rg_code_t rg_attribute_encode_both(rg_tape_t *tape, const rg_attribute_encoder_t *net, rg_tensor_t *x);

// A * Z
static inline int rg_code_width(const rg_config_t *config)
{
    return config->data.attributes.count * config->model.attr_dims;
}

// code [N,A*Z]: the means of the components of labels [N,A] (0 or 1), plus attr_std times a normal draw where
// rng is not NULL.
void rg_code_of_labels(const rg_config_t *config, const unsigned char *labels, int n, rg_rng_t *rng,
                       float *code);

// means [N,A*Z]: for each attribute the mean, +1 or -1, of the component that is nearest to code [N,A*Z].
void rg_code_components(const float *code, int n, int attributes, int dims, float *means);

// keep [N,A*Z] = 1 where the source's label equals the wanted label: such attributes keep the source's own
// code (rg-unit section 4).
void rg_code_keep(const rg_config_t *config, const unsigned char *source, const unsigned char *wanted, int n,
                  unsigned char *keep);

enum rg_prior { RG_PRIOR_KL, RG_PRIOR_EARTH_MOVER }; // key STAGE.loss.prior

// Distance of E_a's Gaussian from the component of the labels (GMM-UNIT, section 3.2), s = attr_std:
//   kl           0.5 * (log(s^2 / exp(logvar)) + (exp(logvar) + (mean - m)^2) / s^2 - 1)
//   earth_mover  (mean - m)^2 + (exp(logvar / 2) - s)^2, the squared 2-Wasserstein distance of Gaussians
//                (Givens and Shortt 1984)
// summed over attributes, averaged over images and dimensions. component [N,A*Z] holds m (borrowed until
// backward). The unweighted value is added to *sum, a scalar of the tape, as every loss does.
void rg_loss_prior(rg_tape_t *tape, const rg_config_t *config, enum rg_prior form, rg_tensor_t *mean,
                   rg_tensor_t *logvar, const float *component, float weight, double *sum);

// Isometry (GMM-UNIT, section 3.2): the mean over images of | d(a, b) - d(z, z2) |, where d is the mean
// absolute difference of two codes, and a and b are the codes of G(c,z) and G(c,z2). No gradient goes into z
// and z2.
void rg_loss_isometry(rg_tape_t *tape, rg_tensor_t *a, rg_tensor_t *b, rg_tensor_t *z, rg_tensor_t *z2,
                      float weight, double *sum);

// ---- the built-in classifier
//
// A small classifier of every annotated attribute. It judges translations, and its pooled features stand in
// for Inception's where the user brings no Inception network (rg-unit section 7).
enum { RG_CLASSIFIER_BLOCKS = 4, RG_CLASSIFIER_FEATURES = 256 };

typedef struct {
    rg_conv_t conv[RG_CLASSIFIER_BLOCKS]; // 3x3, then 4x4/2; widths 32, 64, 128, 256
    rg_layer_norm_t norm[RG_CLASSIFIER_BLOCKS];
    rg_linear_t head;
} rg_classifier_t;

typedef struct {
    rg_tensor_t *features, *logits;
} rg_classifier_output_t;

void rg_classifier_declare(rg_classifier_t *net, rg_params_t *set, int attributes);
rg_classifier_output_t rg_classify(rg_tape_t *tape, const rg_classifier_t *net, rg_tensor_t *x);

#endif
