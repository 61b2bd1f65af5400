// The networks of a checkpoint, for inference: images to content maps, codes and embeddings, and back to
// images; images to the classifier's features and logits. The encoder serves with one, the evaluator measures
// with one, on the device of the key inference.device. The weights are the averaged ones, nothing is recorded
// for a backward pass, and plain arrays of the caller go in and out. Use an object from one thread at a time.
//
// Letters: S img_size, map (S/4)*(S/4)*4*gf, Z attributes * attr_dims, D embed_dim, L attributes of the
// classifier, F RG_CLASSIFIER_FEATURES. Pixels are f32 in -1..1.
#ifndef RG_MODEL_INFERENCE_H
#define RG_MODEL_INFERENCE_H

#include <stdatomic.h>

#include "common/model/checkpoint.h"
#include "common/model/encoders.h"
#include "common/model/model.h"

// Everything here is for reading. The tape is empty between two calls, and others may compute on it then.
typedef struct {
    const rg_config_t *config; // borrowed
    int batch;                 // images computed at a time; 0: all images of a call
    rg_backend_t *backend;
    rg_tape_t *tape;
    rg_model_t *model; // without D; NULL: the stage is the classifier
    char path[RG_PATH_SIZE];
    rg_checkpoint_info_t info; // of the checkpoint
    char weights[17];          // hash of the values
    char embedding[17];        // rg_model_id; "" where the stage has no R
    rg_params_t classifier_set;
    rg_classifier_t classifier;
    rg_checkpoint_info_t classifier_info; // its attributes are the columns of the logits
    char classifier_weights[17];
    atomic_int is_lost; // see rg_inference_is_lost
} rg_inference_t;

typedef struct {
    enum rg_stage stage; // RUN/STAGE.safetensors, which must hold this stage; RG_STAGE_NONE: see path
    const char *path;    // a checkpoint of stage 1, 2 or 3
    int with_classifier; // RUN/classifier.safetensors too
    int batch;
} rg_inference_spec_t;

// RG_ENOENT naming the file, and the command that makes it. RG_EFORMAT. RG_EMODEL: another stage, another
// architecture, other attributes.
int rg_inference_open(rg_inference_t **self, const rg_config_t *config, const rg_inference_spec_t *spec);
void rg_inference_close(rg_inference_t **self);

// 0, or RG_ENOENT saying which stage must be trained first. NULL: nothing was trained.
int rg_inference_can_embed(const rg_inference_t *self);
int rg_inference_can_translate(const rg_inference_t *self);

// 1: the device failed, and nothing can be computed with this object any more. Any thread may ask.
int rg_inference_is_lost(const rg_inference_t *self);

// All of the following return what their networks leave on the tape: errors of oneDNN, of the device or of a
// retriever.

// pixels [n,S,S,3] -> features [n,F], logits [n,L]; either may be NULL. Needs the classifier.
int rg_inference_classify(rg_inference_t *self, float *features, float *logits, const float *pixels, int n);

// pixels [n,S,S,3] -> content [n,map], code [n,Z], which is the mean of E_a; either may be NULL. Needs
// rg_inference_can_translate, as does rg_inference_translate.
int rg_inference_encode(rg_inference_t *self, float *content, float *code, const float *pixels, int n);

// content [n,map], code [n,Z] -> embeddings [n,D] of images that look so; with `query`, embeddings that find
// such images. net: an R of the same configuration, or NULL for the model's own, which needs
// rg_inference_can_embed.
int rg_inference_embed(rg_inference_t *self, const rg_embedder_t *net, float *embeddings,
                       const float *content, const float *code, int n, int query);

// What is translated. Where code and own are equal, nothing changes.
typedef struct {
    const float *pixels;  // [n,S,S,3] the sources; NULL: G(c, code) without their detail (model.h)
    const float *content; // [n,map] of the sources
    const float *own;     // [n,Z] of the sources
    const float *code;    // [n,Z] wanted
} rg_inference_source_t;

// source -> image [n,S,S,3]. A model with the fusion layers asks the retriever, at most once for each batch;
// the others may have NULL.
int rg_inference_translate(rg_inference_t *self, float *image, rg_inference_source_t source, int n,
                           const rg_retriever_t *retriever);

#endif
