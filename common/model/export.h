// Trained networks as ONNX files, for programs that do not use this engine. The files hold standard operators only,
// take any number of images N at once, and say in their metadata what they are (rg_export_pack). Inputs and outputs,
// all f32, with S img_size, C 4*gf, A attributes, Z attr_dims, D embed_dim, K neighbours, as many as one likes:
//
//   content.onnx    image [N,3,S,S] -> content [N,C,S/4,S/4]
//   attribute.onnx  image [N,3,S,S] -> code [N,A*Z], its mean
//   embedder.onnx   content, code -> embedding [N,D] of an image that looks so; query [N,D], which finds such images
//   generator.onnx  content, code [N,A*Z] the wanted one -> translation [N,3,S,S]
//                   of stage 3 also neighbours, the features of retrieved images, zeros for missing ones:
//                     style   own [N,A*Z], the source's code, and neighbours [N,K,A*Z], their codes
//                     concat  neighbours [N,k,C,S/4,S/4], their content, exactly model.k of them
//                   with model.detail also image, the source, and own; with concat also own_neighbours, those of
//                   the source as it is
//
// Pixels are RGB in -1..1. Codes and content are what attribute.onnx and content.onnx give. Where code and own are
// equal, neighbours change nothing (style).
#ifndef RG_MODEL_EXPORT_H
#define RG_MODEL_EXPORT_H

#include "common/model/checkpoint.h"
#include "common/model/model.h"

enum rg_export {
    RG_EXPORT_CONTENT,
    RG_EXPORT_ATTRIBUTE,
    RG_EXPORT_EMBEDDER,
    RG_EXPORT_GENERATOR,
    RG_EXPORTS
};

const char *rg_export_name(enum rg_export network); // "content"

// Loads the networks of a stage's checkpoint in the run directory; RG_STAGE_NONE: of the newest. To be destroyed with
// rg_model_destroy. RG_EUSAGE: the classifier has no networks to export; the errors of rg_checkpoint_newest,
// rg_checkpoint_peek_stage and rg_model_load.
int rg_export_load(rg_model_t **model, const rg_config_t *config, enum rg_stage stage,
                   rg_checkpoint_info_t *info);

// 1 if a model with these parts (rg_stage_parts) has this network: a model of stage 1 has no embedder.
int rg_export_has(unsigned parts, enum rg_export network);

// The bytes of the network's file; free() them. Its metadata: network, stage, iteration, attributes (separated by
// spaces, in the order of the codes), attr_dims, img_size, pixels (how to normalise them), fusion (style, concat or
// none), weights (rg_model_weights) and, if there is R, model (rg_model_id). The same model gives the same bytes.
// RG_ELIMIT: over 2 GiB.
int rg_export_pack(const rg_model_t *model, const rg_checkpoint_info_t *info, enum rg_export network,
                   unsigned char **bytes, size_t *size);

#endif
