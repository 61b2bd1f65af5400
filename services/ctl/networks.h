// Writes trained networks as ONNX files (common/model/export.h), for `rg-ctl export --model onnx`.
#ifndef RG_CTL_NETWORKS_H
#define RG_CTL_NETWORKS_H

#include "services/ctl/command.h"

// Writes the networks of a stage's checkpoint in the run directory (RG_STAGE_NONE: of the newest) into the folder
// `out`, and prints which. Each file appears when it is whole. The errors of rg_export_load and rg_export_pack;
// RG_EIO, RG_EFULL.
int rg_networks_write(const rg_options_t *options, const char *out, enum rg_stage stage);

#endif
