// Checkpoints: one safetensors file with everything that resuming needs. Weights have PyTorch's layouts and
// names ("content.in.weight"); sets that train add "ema.", "m." and "v." copies. Random numbers and the order
// of the data are functions of (seed, stage, iteration) (core/rng.h, proto/batch.proto), so the iteration is
// their whole state. Saving is atomic. Every tensor has a checksum (safetensors.h).
#ifndef RG_MODEL_CHECKPOINT_H
#define RG_MODEL_CHECKPOINT_H

#include <stdint.h>

#include "common/config/config.h"
#include "common/model/stage.h"
#include "common/nn/param.h"

// The data sets that a stage was trained on, in order. More than one: the user accepted a changed data set, or
// files of it were replaced; then both have the same fingerprint.
enum { RG_DATA_SETS_MAX = 32 };
typedef struct {
    int n;
    struct {
        uint64_t fingerprint, from; // iteration from which it counts
    } item[RG_DATA_SETS_MAX];
} rg_data_sets_t;

typedef struct {
    char stage[16];       // classifier, stage1, stage2, stage3
    uint64_t iteration;   // finished iterations
    uint64_t iterations;  // of the whole stage; if both are equal, the stage is finished
    uint64_t fingerprint; // of the data set trained on, the last of data_sets
    uint64_t contents;    // hash of the sizes of its files; 0: not known
    rg_data_sets_t data_sets;
    // Of stage 3, else 0:
    uint64_t set_generation;      // the index generation when training began
    uint64_t retrieved;           // neighbours used so far
    uint64_t retrieved_new;       // of these, images that were added after training began
    uint64_t last_new_generation; // the index generation of the latest of them
    uint64_t missing_neighbours; // that the retrieval set did not have, so that nothing guided in their place
    uint64_t others;             // of the classifier: enum rg_classifier_images, else 0
    rg_names_t attributes;       // the columns of the classifier, or the attributes of the codes
} rg_checkpoint_info_t;

// RG_EFULL, RG_EIO: the file is then as before.
int rg_checkpoint_save(const char *path, const rg_config_t *config, rg_params_t *const *sets, int n,
                       const rg_checkpoint_info_t *info);

// ---- the previous checkpoint
// A training keeps two checkpoints, PATH and the one before it, PATH.previous, so that it goes on from there if
// PATH is damaged.

char *rg_checkpoint_previous(const char *path); // its path; free() it

// Saves, and what was PATH becomes PATH.previous. At every moment one of both is whole. first: it is the first
// checkpoint of its training, so PATH belongs to another one, and no PATH.previous remains. File systems
// without hard links keep no previous one, which is logged (no-previous). Errors of rg_checkpoint_save.
int rg_checkpoint_advance(const char *path, const rg_config_t *config, rg_params_t *const *sets, int n,
                          const rg_checkpoint_info_t *info, int first);

// 1 if this error of reading a checkpoint means that its file is damaged or cannot be read.
int rg_checkpoint_damaged(int err);

// PATH.previous becomes PATH, and the damaged PATH becomes PATH.damaged. RG_EIO.
int rg_checkpoint_restore(const char *path);

// ---- reading

// Reads the metadata only. RG_ENOENT, RG_EFORMAT, RG_EVERSION.
int rg_checkpoint_peek(const char *path, rg_checkpoint_info_t *info);

// The same for a stage's checkpoint in the run directory; path is where it is. RG_ENOENT names the command that
// makes it. RG_EMODEL: the file holds another stage.
int rg_checkpoint_peek_stage(const rg_config_t *config, enum rg_stage stage, char path[RG_PATH_SIZE],
                             rg_checkpoint_info_t *info);

// The checkpoint of the latest stage in the run directory. Stage 2 counts only once it is finished. RG_ENOENT;
// RG_EFORMAT or RG_EIO if the file at `path` is damaged.
int rg_checkpoint_newest(const rg_config_t *config, char path[RG_PATH_SIZE]);

// 1 for a checkpoint of stage 2 that is not finished.
int rg_checkpoint_unfinished(const rg_checkpoint_info_t *info);

enum rg_checkpoint_use {
    RG_CHECKPOINT_RESUME, // everything as it was
    RG_CHECKPOINT_START,  // averaged weights become the values: for inference and for the next stage
};

// What a checkpoint must be to be taken up.
typedef struct {
    const rg_config_t *config;    // its keys that form the sets, and the size of images, are compared
    const rg_names_t *attributes; // names and order are compared; NULL: any
    enum rg_checkpoint_use use;
} rg_checkpoint_wanted_t;

// Fills the sets. RG_EMODEL: the checkpoint is of other attributes or of another architecture; the sentence
// names both lists, the keys or the tensor, and what to do. RG_EFORMAT: it is damaged. A tensor that has no
// place in the sets is logged and left out; to resume it is refused, because the next save would lose it. On
// error the sets may be partly written.
int rg_checkpoint_load(const char *path, const rg_checkpoint_wanted_t *wanted, rg_params_t *const *sets,
                       int n, rg_checkpoint_info_t *info);

#endif
