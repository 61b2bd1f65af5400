#include "services/ctl/stage.h"

#include <assert.h>
#include <string.h>

static const char *const names[RG_STAGES] = {"classifier", "stage1", "stage2", "stage3"};

int rg_stage_find(const char *text)
{
    for (int i = 0; i < RG_STAGES; i++)
        if (strcmp(text, names[i]) == 0) return i;
    return text[0] >= '1' && text[0] <= '3' && text[1] == 0 ? text[0] - '0' : -1;
}

const char *rg_stage_name(int stage)
{
    assert(stage >= 0 && stage < RG_STAGES);
    return names[stage];
}
