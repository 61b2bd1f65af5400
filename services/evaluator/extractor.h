// What networks say of images. The extractor's features say how alike images are: every distance and
// diversity goes through it and is named by it in the protocol. It is the built-in classifier, or a network
// of the user's; with Inception as published, the Frechet distance is FID. What an image shows is judged by
// the built-in classifier's logits, whatever the extractor.
#ifndef RG_EVALUATOR_EXTRACTOR_H
#define RG_EVALUATOR_EXTRACTOR_H

#include "services/evaluator/nets.h"
#include "services/evaluator/network.h"

enum { RG_EXTRACTOR_NAME = 256, RG_CLASSES_MAX = 65536 };
typedef struct {
    rg_nets_t *nets;              // borrowed
    rg_network_t network;         // the user's; zeroed: the built-in classifier is the extractor
    char name[RG_EXTRACTOR_NAME]; // of the protocol: kind, hash of the weights, what is taken of it
    int d;                        // width of the features
    int classes;                  // that it tells the probabilities of; 0: none
} rg_extractor_t;

// What is said of n images, the caller's: features [n,d]; classes [n,classes]; logits of attributes.
typedef struct {
    float *features, *classes, *logits;
} rg_said_t;

// evaluation.extractor of nets that were opened with the classifier. The errors of network.h, RG_EMODEL where
// a value has too many classes.
int rg_extractor_open(rg_extractor_t *extractor, const rg_config_t *config, rg_nets_t *nets);
void rg_extractor_close(rg_extractor_t *extractor); // tolerates a zeroed struct

// Of pixels [n,S,S,3]; logits [n,L] are the classifier's.
int rg_extractor_run(const rg_extractor_t *extractor, const rg_said_t *said, const float *pixels, int n);

#endif
