#include "services/ctl/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

enum { KEY_JSON = 0x1000 };

static const struct argp_option common_options[] = {
    {"config", 'c', "FILE", 0, "Configuration file (or from the environment: RG_CONFIG)", 10},
    {"set", 's', "KEY=VALUE", 0, "Override one key of the configuration; repeatable", 10},
    {"json", KEY_JSON, NULL, 0, "Results as JSON, no progress", 10},
    {0},
};

typedef struct {
    rg_options_t *options;
    void *own;
} input_t;

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
    input_t *input = state->input;
    rg_options_t *options = input->options;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = input->own;
        return 0;
    case 'c':
        options->path = arg;
        return 0;
    case KEY_JSON:
        options->json = 1;
        return 0;
    case 's':
        if (!strchr(arg, '=')) argp_error(state, "--set %s: expected KEY=VALUE", arg);
        if (options->n_set == RG_SETS_MAX) argp_error(state, "more than %d --set options", RG_SETS_MAX);
        options->set[options->n_set++] = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const rg_command_t *rg_command_find(const char *name)
{
    for (const rg_command_t *const *command = rg_commands; *command; command++)
        if (strcmp((*command)->name, name) == 0) return *command;
    return NULL;
}

long long rg_command_number(const struct argp_state *state, const char *option, const char *text,
                            long long min, long long max)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (*text == 0 || *end != 0 || errno || value < min || value > max)
        argp_error(state, "%s %s: expected a whole number from %lld to %lld", option, text, min, max);
    return value;
}

static int load_config(const rg_command_t *command, rg_options_t *options)
{
    if (command->config == RG_COMMAND_PLAIN) return 0;
    if (!options->path && command->config == RG_COMMAND_CONFIGURED)
        return rg_fail(RG_EUSAGE, "no configuration: give --config FILE or set RG_CONFIG");
    return rg_config_load(&options->config, options->path, options->set, options->n_set);
}

static error_t parse_nothing(int key, char *arg, struct argp_state *state)
{
    (void)key, (void)arg, (void)state;
    return ARGP_ERR_UNKNOWN;
}

int rg_command_run(const rg_command_t *command, int argc, char **argv)
{
    rg_options_t options = {.path = rg_config_from_environment()};
    input_t input = {.options = &options, .own = rg_alloc(command->size)};
    struct argp own = {command->options,
                       command->parse ? command->parse : parse_nothing,
                       NULL,
                       NULL,
                       command->children,
                       NULL,
                       NULL};
    struct argp_child children[] = {{&own, 0, NULL, 0}, {0}};
    struct argp argp = {common_options, parse_common, command->args, command->doc, children, NULL, NULL};
    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, &input);

    int err = load_config(command, &options);
    if (!err) err = command->run(&options, input.own);
    if (err) fprintf(stderr, "rg-ctl %s: %s\n", command->name, rg_error());
    if (err == RG_EUSAGE) fprintf(stderr, "Try `rg-ctl %s --help'.\n", command->name);
    free(input.own);
    return err == 0 ? 0 : err == RG_EUSAGE ? 2 : 1;
}
