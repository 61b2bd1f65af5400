// E_a, the attribute encoder (rg-unit section 3), and the attribute space (section 4; GMM-UNIT, Liu et al.
// 2020, section 3.1): each attribute is a pair of Gaussian components, mean +1 if set and -1 if not in each
// of its dims.
//   x [N,S,S,3] -> mean, logvar [N,1,1,A*Z],   A attributes, Z = attr_dims
#ifndef RG_MODEL_ATTRIBUTE_H
#define RG_MODEL_ATTRIBUTE_H

#include "common/config/config.h"
#include "common/core/rng.h"
#include "common/nn/ops.h"

typedef struct {
    rg_conv_t in, down[4];
    rg_linear_t mean, logvar;
} rg_attribute_encoder_t;

typedef struct {
    rg_tensor_t *mean, *logvar;
} rg_code_t;

void rg_attribute_encoder_declare(rg_attribute_encoder_t *net, rg_params_t *set, const rg_config_t *config);

// The mean alone, or both: a code nobody reads is not encoded.
rg_tensor_t *rg_attribute_encode(rg_tape_t *tape, const rg_attribute_encoder_t *net, rg_tensor_t *x);
rg_code_t rg_attribute_encode_both(rg_tape_t *tape, const rg_attribute_encoder_t *net, rg_tensor_t *x);

// A * Z
static inline int rg_code_width(const rg_config_t *config)
{
    return config->data.attributes.count * config->model.attr_dims;
}

// code [N,A*Z]: the mean of the component of labels [N,A] (0/1), plus attr_std times a normal draw where rng
// is not NULL.
void rg_code_of_labels(const rg_config_t *config, const unsigned char *labels, int n, rg_rng_t *rng,
                       float *code);

// means [N,A*Z]: of each attribute that of the component which its code [N,A*Z] is nearest to, +1 or -1.
void rg_code_components(const float *code, int n, int attributes, int dims, float *means);

// keep [N,A*Z] = 1 where the source's label equals the wanted one (section 4: such attributes keep their own
// code).
void rg_code_keep(const rg_config_t *config, const unsigned char *source, const unsigned char *wanted, int n,
                  unsigned char *keep);

#endif
