#include "services/ctl/networks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "common/model/export.h"
#include "services/ctl/output.h"

static int networks_write_file(const rg_model_t *model, const rg_checkpoint_info_t *info,
                               enum rg_export network, const char *path)
{
    unsigned char *bytes;
    size_t size;
    int err = rg_export_pack(model, info, network, &bytes, &size);
    if (err) return err;
    err = rg_file_write(path, bytes, size);
    free(bytes);
    return err;
}

static void networks_print(const rg_options_t *options, const rg_checkpoint_info_t *info, const char *out,
                           json_t *files)
{
    size_t i;
    json_t *file;
    if (options->json) {
        rg_output_json(json_pack("{s:s, s:I, s:s, s:O}", "stage", info->stage, "iteration",
                                 (json_int_t)info->iteration, "out", out, "files", files));
        return;
    }
    rg_output_line("networks of %s at iteration %llu:", info->stage, (unsigned long long)info->iteration);
    json_array_foreach(files, i, file) rg_output_line("  %s", json_string_value(file));
}

static int networks_write_all(const rg_model_t *model, const rg_checkpoint_info_t *info, const char *out,
                              json_t *files)
{
    int err = rg_mkdirs(out);
    for (enum rg_export network = 0; network < RG_EXPORTS && !err; network++) {
        if (!rg_export_has(model->parts, network)) continue;
        char *path = rg_format("%s/%s.onnx", out, rg_export_name(network));
        err = networks_write_file(model, info, network, path);
        json_array_append_new(files, json_string(path));
        free(path);
    }
    return err;
}

int rg_networks_write(const rg_options_t *options, const char *out, enum rg_stage stage)
{
    rg_model_t *model;
    rg_checkpoint_info_t info;
    int err = rg_export_load(&model, &options->config, stage, &info);
    if (err) return err;
    json_t *files = json_array();
    err = networks_write_all(model, &info, out, files);
    if (!err) networks_print(options, &info, out, files);
    json_decref(files);
    rg_model_destroy(&model);
    return err;
}
