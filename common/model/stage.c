#include "common/model/stage.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/core/err.h"

static const struct {
    const char *name, *argument;
    enum rg_stage before;
    unsigned parts, trains;
    size_t training; // offset of its rg_train_config_t
} STAGES[RG_STAGES] = {
    {"classifier", "classifier", RG_STAGE_NONE, 0, 0, offsetof(rg_config_t, classifier)},
    {"stage1", "1", RG_STAGE_NONE, RG_STAGE1_PARTS, RG_STAGE1_TRAINS, offsetof(rg_config_t, stage1)},
    {"stage2", "2", RG_STAGE_1, RG_STAGE2_PARTS, RG_STAGE2_TRAINS, offsetof(rg_config_t, stage2)},
    {"stage3", "3", RG_STAGE_2, RG_STAGE3_PARTS, RG_STAGE3_TRAINS, offsetof(rg_config_t, stage3)},
};

const char *rg_part_name(enum rg_part part)
{
    static const char *const names[RG_PARTS] = {"content",       "attribute", "generator",
                                                "discriminator", "embedder",  "fusion"};
    return names[part];
}

const char *rg_stage_name(enum rg_stage stage)
{
    assert(stage >= 0 && stage < RG_STAGES);
    return STAGES[stage].name;
}

const char *rg_stage_argument(enum rg_stage stage)
{
    assert(stage >= 0 && stage < RG_STAGES);
    return STAGES[stage].argument;
}

int rg_stage_find(const char *text, enum rg_stage *stage)
{
    for (int i = 0; i < RG_STAGES; i++)
        if (strcmp(text, STAGES[i].name) == 0 || strcmp(text, STAGES[i].argument) == 0) {
            *stage = (enum rg_stage)i;
            return 0;
        }
    return rg_fail(RG_EUSAGE, "'%.32s' is not a stage: expected classifier, 1, 2 or 3", text);
}

static int is_without_neighbours(enum rg_stage stage, const rg_config_t *config)
{
    return stage == RG_STAGE_3 && config->retrieval.neighbours == RG_NEIGHBOURS_NONE;
}

enum rg_stage rg_stage_before(enum rg_stage stage, const rg_config_t *config)
{
    return is_without_neighbours(stage, config) ? RG_STAGE_1 : STAGES[stage].before;
}

unsigned rg_stage_parts(enum rg_stage stage, const rg_config_t *config)
{
    return STAGES[is_without_neighbours(stage, config) ? RG_STAGE_1 : stage].parts;
}

unsigned rg_stage_trains(enum rg_stage stage, const rg_config_t *config)
{
    const int encoders = stage == RG_STAGE_3 && config->stage3_encoders == RG_ENCODERS_TRAINED;
    return STAGES[encoders ? RG_STAGE_1 : stage].trains & rg_stage_parts(stage, config);
}

const rg_train_config_t *rg_stage_training(enum rg_stage stage, const rg_config_t *config)
{
    return (const rg_train_config_t *)(const void *)((const char *)config + STAGES[stage].training);
}

void rg_stage_checkpoint(enum rg_stage stage, const rg_config_t *config, char path[RG_PATH_SIZE])
{
    char file[RG_NAME_SIZE];
    snprintf(file, sizeof file, "%s.safetensors", rg_stage_name(stage));
    rg_config_path(config, file, path);
}
