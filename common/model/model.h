// All networks of the system, each with its own parameter set, and the translation that they do together. A
// process builds the parts that it needs and says which of them train. The others are frozen: they have no
// gradients and record no graph.
#ifndef RG_MODEL_MODEL_H
#define RG_MODEL_MODEL_H

#include "common/model/checkpoint.h"
#include "common/model/discriminator.h"
#include "common/model/embedder.h"
#include "common/model/generator.h"
#include "common/model/stage.h"

typedef struct {
    rg_config_t config;
    unsigned parts;            // bits of the parts that exist
    rg_params_t set[RG_PARTS]; // named content, attribute, generator, discriminator, embedder, fusion
    float *gradients;          // of the sets that train, see rg_model_new
    rg_content_encoder_t content;
    rg_attribute_encoder_t attribute;
    rg_generator_t generator;
    rg_discriminator_t discriminator;
    rg_embedder_t embedder;
    rg_fusion_t fusion;
} rg_model_t;

// Builds the parts and initialises them from config->seed. One block of memory holds D's gradients while D
// learns and the other networks' gradients while those learn: no backward pass may train both. D has no
// averaged weights, since it translates nothing.
void rg_model_new(rg_model_t **model, const rg_config_t *config, unsigned parts, unsigned trains);
void rg_model_destroy(rg_model_t **model);

// Builds the parts that a stage has, without D, for inference, and loads their averaged weights from a checkpoint
// of that stage. On error there is no model. The errors of rg_checkpoint_load.
int rg_model_load(rg_model_t **model, const rg_config_t *config, enum rg_stage stage, const char *path,
                  rg_checkpoint_info_t *info);

// The sets of the parts that exist and have parameters, in order; returns their number.
int rg_model_sets(rg_model_t *model, rg_params_t *sets[RG_PARTS]);

// Id of the embedding space and of what the retrieval set holds beside it: xxh3-64 in hexadecimal over the
// values of E_c, E_a and R, the size of images and the form of the fusion.
void rg_model_id(const rg_model_t *model, char id[17]);

// xxh3-64 in hexadecimal over the values of all parts.
void rg_model_weights(const rg_model_t *model, char hash[17]);

// ---- translation: from content and wanted code to an image
//
// The decoder gives G(c, z'), where z' is the wanted code. That is the translation, unless model.detail is on:
//
//   y = G(c, z') + (x - G(c, z))    cut off to -1..1
//
// The bracket is the detail of the source x that its reconstruction, with its own code z, lacks. So a translation
// is as sharp as its source, and G decides only what changes. (Editors by GAN inversion use such a residual: the
// distortion map of Wang et al. 2022.) Gradients go into both images of G, so that G gains nothing by what both
// have in common.
//
// A model with the fusion asks for neighbours first (rg-unit section 1: in stage 3 every decode asks the
// retrieval server). A model without it is G alone.

// Finds k neighbours of each of n embeddings [n,D] and fills features [n,h,w,k*C] (rg_fusion_features):
// neighbour j in channels j*C..(j+1)*C-1, zeros where the set has fewer. exclude [n,16]: the id of an image
// that each query must not find, or NULL. ask has read embeddings and exclude when it returns, but features
// may be filled later: wait returns when they are. ask NULL: the image is decoded as if the set were empty.
typedef struct {
    int (*ask)(void *self, const float *embeddings, int n, const unsigned char *exclude, float *features);
    int (*wait)(void *self);
    void *self;
} rg_retriever_t;

// What is translated. Where code and own are equal, nothing changes.
typedef struct {
    rg_tensor_t *content; // [N,h,w,C] of the sources
    rg_tensor_t *code;    // [N,1,1,A*Z] wanted; a reconstruction's is own
    rg_tensor_t *own;     // [N,1,1,A*Z] of the sources
    int changed;          // the code of all images but the first `changed` is own; 0: not known
} rg_translate_source_t;

// A translation between ask and finish.
typedef struct {
    rg_translate_source_t source;
    rg_tensor_t *found; // [rows,h,w,k*C] for the first images, under way; NULL: no neighbours are needed
    rg_tensor_t *code;  // [N,1,1,A*Z] that G is given; set by rg_translate_finish
    const rg_retriever_t *retriever; // to wait for, or NULL
} rg_decode_t;

// Begins a decode: asks for the neighbours. retriever may be NULL for a model without fusion. An error of
// the retriever is sticky on the tape.
rg_decode_t rg_translate_ask(rg_tape_t *tape, const rg_model_t *model, rg_translate_source_t source,
                             const rg_retriever_t *retriever, const unsigned char *exclude);

// Waits for the neighbours and decodes to images [N,4h,4w,3].
rg_tensor_t *rg_translate_finish(rg_tape_t *tape, const rg_model_t *model, rg_decode_t *decode);

// y + image - rebuilt, cut off: the translation of model.detail. All [N,4h,4w,3]; y is the decoded image, rebuilt
// the decoded reconstruction of the source, image the source.
rg_tensor_t *rg_keep_detail(rg_tape_t *tape, rg_tensor_t *y, rg_tensor_t *rebuilt, rg_tensor_t *image);

// All of it at once: the translation, with or without detail. image [N,4h,4w,3]: the sources; NULL:
// without detail. With detail and concat the queries of the N reconstructions follow those of the N translations.
rg_tensor_t *rg_translate(rg_tape_t *tape, const rg_model_t *model, rg_translate_source_t source,
                          rg_tensor_t *image, const rg_retriever_t *retriever, const unsigned char *exclude);

#endif
