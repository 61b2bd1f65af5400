// Checkpoints: one safetensors file with all that resuming needs. Weights carry PyTorch's layouts and their
// own names
// ("content.in.weight"); trained sets add "ema.", "m." and "v." copies. Random numbers and the data order are
// functions of (seed, stage, iteration) (core/rng.h, proto/batch.proto), so the iteration is their whole
// state.
#ifndef RG_MODEL_CHECKPOINT_H
#define RG_MODEL_CHECKPOINT_H

#include <stdint.h>

#include "common/config/config.h"
#include "common/nn/param.h"

typedef struct {
    char stage[16];          // classifier, stage1, stage2, stage3
    uint64_t iteration;      // finished iterations
    uint64_t iterations;     // of the whole stage: equal = the stage is finished
    uint64_t fingerprint;    // of the data set trained on
    uint64_t set_generation; // stage3: index generation when training began
    uint64_t retrieved; // stage3: neighbours used so far, of which retrieved_new were added after training
    uint64_t retrieved_new; // began, the latest of them in index generation last_new_generation
    uint64_t last_new_generation;
    rg_names_t attributes; // what the outputs mean: columns of the classifier, attributes of the codes
} rg_checkpoint_info_t;

// RG_EFULL, RG_EIO: the file is as before.
int rg_checkpoint_save(const char *path, const rg_config_t *config, rg_params_t *const *sets, int n,
                       const rg_checkpoint_info_t *info);

// Metadata only. RG_ENOENT, RG_EFORMAT.
int rg_checkpoint_peek(const char *path, rg_checkpoint_info_t *info);

enum rg_checkpoint_use {
    RG_CHECKPOINT_RESUME, // everything as it was
    RG_CHECKPOINT_START,  // averaged weights become the values: for inference and for the next stage
};

// RG_EMODEL names the tensor that is missing, of another shape or one too many: a checkpoint of another
// architecture. On error the sets may be partly written.
int rg_checkpoint_load(const char *path, rg_params_t *const *sets, int n, enum rg_checkpoint_use use,
                       rg_checkpoint_info_t *info);

#endif
