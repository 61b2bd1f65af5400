// The networks an evaluation looks through: the built-in classifier and a stage's model, averaged weights,
// nothing recorded. Each call takes and fills the caller's buffers, so that between two of them only those
// are held. Sizes: S img_size, h S/4, C content channels, A*Z code width, D embed_dim, L classes, F
// RG_CLASSIFIER_FEATURES. Errors of every call: what its networks leave on the tape (oneDNN, a retriever).
#ifndef RG_EVALUATOR_NETS_H
#define RG_EVALUATOR_NETS_H

#include "common/model/checkpoint.h"
#include "common/model/encoders.h"
#include "common/model/model.h"

typedef struct {
    const rg_config_t *config; // borrowed
    rg_backend_t *backend;
    rg_tape_t *tape;
    rg_params_t classifier_set;
    rg_classifier_t classifier;
    rg_checkpoint_info_t classifier_info; // its attributes are the columns of the logits
    rg_model_t *model;                    // NULL: the stage has none
    rg_checkpoint_info_t info;            // of the stage's checkpoint
    char classifier_weights[17];          // hash of them
    char weights[17];                     // of the stage's
} rg_nets_t;

// Loads RUN/STAGE.safetensors with these parts (enum rg_part; none: the stage is the classifier itself) and,
// where with_classifier, RUN/classifier.safetensors. RG_ENOENT naming the file and the command that makes it,
// RG_EMODEL.
typedef struct {
    enum rg_stage stage;
    unsigned parts;
    int with_classifier;
} rg_nets_spec_t;
int rg_nets_open(rg_nets_t *nets, const rg_config_t *config, const rg_nets_spec_t *spec);
void rg_nets_close(rg_nets_t *nets); // tolerates a zeroed struct

// features [n,F] and logits [n,L] of pixels [n,S,S,3]; features may be NULL.
int rg_nets_classify(rg_nets_t *nets, float *features, float *logits, const float *pixels, int n);

// content [n,h,h,C] or code [n,A*Z] (the mean) of pixels [n,S,S,3]; either may be NULL.
int rg_nets_encode(rg_nets_t *nets, float *content, float *code, const float *pixels, int n);

// What is translated: content [n,h,h,C], own code [n,A*Z] and pixels [n,S,S,3] of the sources, code [n,A*Z]
// wanted of them.
typedef struct {
    const float *content, *own, *code, *pixels;
} rg_nets_source_t;

// image [n,S,S,3]. retriever: of a model with fusion, else NULL.
int rg_nets_translate(rg_nets_t *nets, float *image, rg_nets_source_t source, int n,
                      const rg_retriever_t *retriever);

// embedding [n,D] by this net: the model's or another; with `query` to ask for such images.
int rg_nets_embed(rg_nets_t *nets, const rg_embedder_t *net, float *embedding, const float *content,
                  const float *code, int n, int query);

#endif
