// rg-ctl config: prints the configuration keys, or the values in effect.
#include <stdio.h>
#include <stdlib.h>

#include "services/ctl/command.h"
#include "services/ctl/output.h"

typedef struct {
    int keys;
} config_t;

static const rg_command_option_t config_options[] = {
    {"keys", 0, NULL, "List every key with its default, range and meaning", RG_OPTION_FLAG(config_t, keys)},
    {0},
};

static int config_run(const rg_options_t *options, const void *own)
{
    if (((const config_t *)own)->keys) {
        rg_config_help(stdout);
        return 0;
    }
    char *text = options->json ? rg_config_dump_json(&options->config) : rg_config_dump(&options->config);
    if (options->json)
        rg_output_json(rg_output_parse(text));
    else
        fputs(text, stdout);
    free(text);
    return 0;
}

const rg_command_t rg_command_config = {
    .name = "config",
    .summary = "List the configuration keys, or the values in effect",
    .help = "Prints the configuration as the services see it: the defaults, then the file, then the words "
            "KEY=VALUE of the environment variable RG_SET, then --set. The output is a configuration file "
            "itself. Without a file the defaults are printed; they are the paper's setting except for the "
            "retrieval net R (model.retrieval).",
    .examples = "  rg-ctl config --keys\n"
                "  rg-ctl config --config configs/faces32.yaml --set model.k=5\n",
    .options = config_options,
    .size = sizeof(config_t),
    .config = RG_COMMAND_DEFAULTS,
    .run = config_run,
};
