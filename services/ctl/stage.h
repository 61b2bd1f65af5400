// Stages as typed: 1, 2, 3, stage1, ..., classifier.
#ifndef RG_CTL_STAGE_H
#define RG_CTL_STAGE_H

enum { RG_STAGE_CLASSIFIER, RG_STAGE_1, RG_STAGE_2, RG_STAGE_3, RG_STAGES };

int rg_stage_find(const char *text);  // or -1
const char *rg_stage_name(int stage); // as in messages: "stage1"

#endif
