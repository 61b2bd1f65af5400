// How different images look to a network of the user's: LPIPS (lpips.h), with that paper's networks and
// weights.
#ifndef RG_EVALUATOR_PERCEPTION_H
#define RG_EVALUATOR_PERCEPTION_H

#include "services/evaluator/metrics/metrics.h"
#include "services/evaluator/network.h"

enum { RG_PERCEPTION_NAME = 128 };
typedef struct {
    rg_network_t network; // zeroed: there is none
    int layers;
    rg_lpips_layer_t layer[RG_ATTRIBUTES_MAX]; // shapes and weights
    float *weights;                            // of all layers one after the other, owned; NULL: all 1
    char name[RG_PERCEPTION_NAME];             // of the protocol
} rg_perception_t;

// evaluation.lpips; nothing is opened where it names no file. The tape is borrowed, paused. The errors of
// network.h and of the file of weights, RG_EMODEL if those do not fit the layers or one is below 0.
int rg_perception_open(rg_perception_t *perception, const rg_config_t *config, rg_tape_t *tape);
void rg_perception_close(rg_perception_t *perception); // tolerates a zeroed struct

// *mean: distance of two of the n >= 2 images pixels [n,S,S,3], over all pairs.
int rg_perception_pairs(const rg_perception_t *perception, double *mean, const float *pixels, int n);

#endif
