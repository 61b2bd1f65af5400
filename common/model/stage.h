// The stages of training and the parts of the model: the one table of what each stage has, trains and begins
// from. The trainer, the encoder, the evaluator and rg-ctl read it. It links no networks.
//
//   stage       trains                             begins from  what it is
//   classifier  the built-in classifier            -            judges the images of the other stages
//   stage1      E_c, E_a, G and D                  -            GMM-UNIT
//   stage2      R, the retrieval net               stage1
//   stage3      G, D and the fusion                stage2       RG-UNIT (rg-unit section 1)
//
// Two keys change stage 3. With `retrieval.neighbours: none` it has the networks of stage 1 and begins from
// stage 1: GMM-UNIT, continued. With `stage3.encoders: trained` it trains E_c and E_a too.
#ifndef RG_MODEL_STAGE_H
#define RG_MODEL_STAGE_H

#include "common/config/config.h"

enum rg_encoders { RG_ENCODERS_FROZEN, RG_ENCODERS_TRAINED }; // key stage3.encoders

// Parts of the model, each a network with a parameter set of its own (model.h).
enum rg_part { RG_CONTENT, RG_ATTRIBUTE, RG_GENERATOR, RG_DISCRIMINATOR, RG_EMBEDDER, RG_FUSION, RG_PARTS };

#define RG_PART_BIT(part) (1u << (part))

// "content": prefix of the names of its tensors.
const char *rg_part_name(enum rg_part part);

#define RG_STAGE1_PARTS                                                                                      \
    (RG_PART_BIT(RG_CONTENT) | RG_PART_BIT(RG_ATTRIBUTE) | RG_PART_BIT(RG_GENERATOR) |                       \
     RG_PART_BIT(RG_DISCRIMINATOR))
#define RG_STAGE1_TRAINS RG_STAGE1_PARTS
#define RG_STAGE2_PARTS  (RG_STAGE1_PARTS | RG_PART_BIT(RG_EMBEDDER))
#define RG_STAGE2_TRAINS RG_PART_BIT(RG_EMBEDDER)
#define RG_STAGE3_PARTS  (RG_STAGE2_PARTS | RG_PART_BIT(RG_FUSION))
#define RG_STAGE3_TRAINS (RG_PART_BIT(RG_GENERATOR) | RG_PART_BIT(RG_DISCRIMINATOR) | RG_PART_BIT(RG_FUSION))

enum rg_stage { RG_STAGE_NONE = -1, RG_STAGE_CLASSIFIER, RG_STAGE_1, RG_STAGE_2, RG_STAGE_3, RG_STAGES };

// "stage1": in messages, files and reports.
const char *rg_stage_name(enum rg_stage stage);

// "1": the shortest that `rg-ctl train --stage` accepts.
const char *rg_stage_argument(enum rg_stage stage);

// The stage with this name or argument. RG_EUSAGE naming the stages.
int rg_stage_find(const char *text, enum rg_stage *stage);

// The stage whose weights this one begins with, or RG_STAGE_NONE.
enum rg_stage rg_stage_before(enum rg_stage stage, const rg_config_t *config);

// Bits of the parts that the stage has, and of those that it trains. 0: the classifier, which is not a part.
unsigned rg_stage_parts(enum rg_stage stage, const rg_config_t *config);
unsigned rg_stage_trains(enum rg_stage stage, const rg_config_t *config);

// Keys STAGE.*: how the stage is trained. Lives as long as config.
const rg_train_config_t *rg_stage_training(enum rg_stage stage, const rg_config_t *config);

// RUN/STAGE.safetensors
void rg_stage_checkpoint(enum rg_stage stage, const rg_config_t *config, char path[RG_PATH_SIZE]);

#endif
