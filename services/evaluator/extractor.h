// The network whose features say how alike images are. Every distance and diversity goes through it and is
// named by it in the protocol; what an image shows is judged by the built-in classifier's logits, whatever
// the extractor. Here both are one network, which one pass asks for both.
#ifndef RG_EVALUATOR_EXTRACTOR_H
#define RG_EVALUATOR_EXTRACTOR_H

#include "services/evaluator/nets.h"

typedef struct {
    rg_nets_t *nets; // borrowed
    char name[48];   // of the protocol: kind and hash of the weights
    int d;           // width of the features
} rg_extractor_t;

// The built-in one of nets that were opened with the classifier.
void rg_extractor_init(rg_extractor_t *extractor, rg_nets_t *nets);

// features [n,d], and logits [n,L] of the classifier, of pixels [n,S,S,3].
int rg_extractor_run(const rg_extractor_t *extractor, float *features, float *logits, const float *pixels,
                     int n);

#endif
