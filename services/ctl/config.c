// rg-ctl config: the keys, or the values in effect.
#include <stdio.h>
#include <stdlib.h>

#include <libfyaml.h>

#include "common/core/err.h"
#include "services/ctl/command.h"
#include "services/ctl/output.h"

typedef struct {
    int keys;
} config_t;

static const rg_command_option_t config_options[] = {
    {"keys", 0, NULL, "List every key with its default, range and meaning", RG_OPTION_FLAG(config_t, keys)},
    {0},
};

static int print_json(const char *yaml)
{
    struct fy_document *document = fy_document_build_from_string(NULL, yaml, FY_NT);
    char *text = document ? fy_emit_document_to_string(document, FYECF_MODE_JSON_ONELINE) : NULL;
    json_t *object = text ? json_loads(text, 0, NULL) : NULL;
    free(text);
    fy_document_destroy(document);
    if (!object) return rg_fail(RG_EFORMAT, "the configuration cannot be written as JSON");
    rg_output_json(object);
    return 0;
}

static int config_run(const rg_options_t *options, const void *input)
{
    const config_t *own = input;
    int err = 0;
    if (own->keys) {
        rg_config_help(stdout);
        return 0;
    }
    char *yaml = rg_config_dump(&options->config);
    if (options->json)
        err = print_json(yaml);
    else
        fputs(yaml, stdout);
    free(yaml);
    return err;
}

const rg_command_t rg_command_config = {
    .name = "config",
    .summary = "List the configuration keys, or the values in effect",
    .help = "Prints the configuration as the services see it: defaults, then the file, then --set. "
            "Without a file the defaults alone, which are the paper's setting but for R "
            "(model.retrieval).",
    .examples = "  rg-ctl config --keys\n"
                "  rg-ctl config --config configs/faces32.yaml --set model.k=5\n",
    .options = config_options,
    .size = sizeof(config_t),
    .config = RG_COMMAND_DEFAULTS,
    .run = config_run,
};
