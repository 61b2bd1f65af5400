// What an extractor says of images that were judged, with what was asked of each: feature vectors, whole or
// by domain, and the probabilities of its classes where it tells them.
#ifndef RG_EVALUATOR_FEATURES_H
#define RG_EVALUATOR_FEATURES_H

#include "common/data/target.h"
#include "services/evaluator/metrics/metrics.h"

typedef struct {
    int d, classes; // classes 0: none
    uint32_t n;
    float *row;          // [room,d], n filled, owned
    float *probability;  // [room,classes], n filled, owned
    rg_target_t *target; // [room], owned
} rg_features_t;

void rg_features_init(rg_features_t *features, uint32_t room, int d, int classes);
void rg_features_fini(rg_features_t *features); // tolerates a zeroed struct

// The next n rows of both, to be filled; their targets are copied.
typedef struct {
    float *row, *probability;
} rg_features_room_t;
rg_features_room_t rg_features_next(rg_features_t *features, const rg_target_t *targets, int n);

// All; those that show a domain themselves; those that were asked to become it. The last two fill part [n,d].
rg_vectors_t rg_features_all(const rg_features_t *features);
rg_vectors_t rg_features_showing(const rg_features_t *features, rg_domain_t domain, float *part);
rg_vectors_t rg_features_becoming(const rg_features_t *features, rg_domain_t domain, float *part);

#endif
