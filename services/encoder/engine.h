// The trained networks, for inference: images to content maps, codes and embeddings, and back to images. The
// weights are the averaged ones of a checkpoint. Plain arrays go in and out; any number of images is computed
// in batches of RG_ENGINE_BATCH. Use an engine from one thread at a time.
//
// Letters: S = img_size, map = (S/4)*(S/4)*4*gf, Z = attributes * attr_dims, D = embed_dim.
#ifndef RG_ENCODER_ENGINE_H
#define RG_ENCODER_ENGINE_H

#include <stdint.h>

#include "common/config/config.h"
#include "common/model/translate.h"

enum { RG_ENGINE_BATCH = 16 };

typedef struct rg_engine rg_engine_t;

typedef struct {
    char stage[16]; // "" before anything is loaded
    uint64_t iteration;
    char model[17]; // id of the embedding model, "" where there is no R (stage 1)
    char path[RG_PATH_SIZE];
} rg_engine_info_t;

// Empty. The config is copied.
void rg_engine_new(rg_engine_t **engine, const rg_config_t *config);
void rg_engine_destroy(rg_engine_t **engine);

// Loads a checkpoint of stage 1, 2 or 3; path "": the latest stage's in the run directory, stage 2 only once
// it is finished. RG_ENOENT, RG_EFORMAT, RG_EMODEL (another architecture, other attributes): what was served
// before stays.
int rg_engine_load(rg_engine_t *engine, const char *path);

const rg_engine_info_t *rg_engine_info(const rg_engine_t *engine);
const rg_config_t *rg_engine_config(const rg_engine_t *engine);

// Floats in a content map.
size_t rg_engine_map_size(const rg_engine_t *engine);

// 0, or RG_ENOENT with what must be trained first.
int rg_engine_can_embed(const rg_engine_t *engine);
int rg_engine_can_translate(const rg_engine_t *engine);

// pixels u8 [n,S,S,3] -> content [n,map] (NULL: not wanted), code [n,Z]: the mean of E_a. Errors of the tape.
// Needs rg_engine_can_translate, as does decoding.
int rg_engine_encode(rg_engine_t *engine, const uint8_t *pixels, int n, float *content, float *code);

// content [n,map], code [n,Z] -> embeddings [n,D] of such images, or with `query` to ask for them. Needs
// rg_engine_can_embed.
int rg_engine_embed(rg_engine_t *engine, const float *content, const float *code, int n, int query,
                    float *embeddings);

// What shall be decoded: content [n,map], own code [n,Z] and pixels [n,S,S,3] of the sources, code [n,Z]
// wanted.
typedef struct {
    const float *content, *own, *code;
    const uint8_t *pixels;
} rg_engine_source_t;

// source -> pixels u8 [n,S,S,3]. The retriever is asked at most once per batch in stage 3, else never.
int rg_engine_decode(rg_engine_t *engine, rg_engine_source_t source, int n, const rg_retriever_t *retriever,
                     uint8_t *pixels);

#endif
