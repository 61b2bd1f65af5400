// A command line is read in three steps:
//   1. list_options turns the command's table into options of argp. The key of an option is its letter, or
//      FIRST_POSITION + its position in the table if it has none.
//   2. argp calls parse_common_option for --config, --set and --json, and parse_command_option for all other
//      words. option_store writes the value into the command's own struct, which begins as its defaults.
//   3. check_command_line finds required options that are missing and calls the command's own check.
// Whatever is wrong goes to argp_error, which prints the sentence and exits with code 2.
#include "services/ctl/command.h"

#include <argp.h>
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

const rg_command_group_t rg_command_groups[] = {
    {"Run the services",
     {&rg_command_up, &rg_command_down, &rg_command_status, &rg_command_stats, &rg_command_config,
      &rg_command_keys}},
    {"Prepare a data set", {&rg_command_make_faces, &rg_command_data}},
    {"Train and measure",
     {&rg_command_train, &rg_command_device, &rg_command_evaluate, &rg_command_report,
      &rg_command_experiment}},
    {"Find and translate images", {&rg_command_query, &rg_command_translate}},
    {"Change the retrieval set",
     {&rg_command_add_images, &rg_command_remove, &rg_command_reindex, &rg_command_index,
      &rg_command_export}},
    {0},
};

const rg_command_t *rg_command_find(const char *name)
{
    for (const rg_command_group_t *group = rg_command_groups; group->title; group++)
        for (const rg_command_t *const *command = group->commands; *command; command++)
            if (strcmp((*command)->name, name) == 0) return *command;
    return NULL;
}

// ---- the command line

enum { KEY_JSON = 0x1000, FIRST_POSITION = 0x2000, OPTIONS_MAX = 32 };

static const struct argp_option common_options[] = {
    {"config", 'c', "FILE", 0, "Configuration file (default: the file that RG_CONFIG names)", 10},
    {"set", 's', "KEY=VALUE", 0, "Override one key of the configuration; may be repeated", 10},
    {"json", KEY_JSON, NULL, 0, "Print results as JSON, and no progress", 10},
    {0},
};

typedef struct {
    const rg_command_t *command;
    rg_options_t *options;
    void *own;               // the command's own struct
    char given[OPTIONS_MAX]; // by position: 1 once the option came
} command_line_t;

// Ends the program: the word after an option (or before: an argument) is wrong. The sentence escapes the
// word.
static void fail_word(struct argp_state *state, const char *option, const char *word, const char *problem)
{
    rg_fail(RG_EUSAGE, "%s%s%s: %s", option, *option ? " " : "", *word ? word : "''", problem);
    argp_error(state, "%s", rg_error());
}

static error_t parse_common_option(int key, char *arg, struct argp_state *state)
{
    command_line_t *line = state->input;
    rg_options_t *options = line->options;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = line;
        return 0;
    case 'c':
        if (!*arg) argp_error(state, "--config: expected FILE, not an empty text");
        options->path = arg;
        return 0;
    case KEY_JSON:
        options->json = 1;
        return 0;
    case 's':
        if (!strchr(arg, '=') || *arg == '=') fail_word(state, "--set", arg, "expected KEY=VALUE");
        if (options->n_set == RG_SETS_MAX) argp_error(state, "more than %d --set options", RG_SETS_MAX);
        options->set[options->n_set++] = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

// Writes the option as a user types it: "--out" or "-k".
static void option_spell(const rg_command_option_t *option, char out[RG_NAME_SIZE])
{
    if (option->name)
        snprintf(out, RG_NAME_SIZE, "--%s", option->name);
    else
        snprintf(out, RG_NAME_SIZE, "-%c", option->letter);
}

static int store_number(const rg_command_option_t *option, void *field, const char *text)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (*text == 0 || *end != 0 || errno || value < option->min || value > option->max)
        return rg_fail(RG_EUSAGE, "expected a whole number from %lld to %lld", option->min, option->max);
    if (option->size == sizeof(int64_t))
        *(int64_t *)field = value;
    else
        *(int32_t *)field = (int32_t)value;
    return 0;
}

static int option_store(const rg_command_option_t *option, void *own, const char *text)
{
    void *field = (char *)own + option->offset;
    switch (option->kind) {
    case RG_OPTION_IS_FLAG:
        *(int *)field = 1;
        return 0;
    case RG_OPTION_IS_TEXT:
        if (!*text) return rg_fail(RG_EUSAGE, "expected %s, not an empty text", option->value);
        *(const char **)field = text;
        return 0;
    case RG_OPTION_IS_NUMBER:
        return store_number(option, field, text);
    default:
        return option->read(field, text);
    }
}

static void check_command_line(const command_line_t *line, const struct argp_state *state)
{
    const rg_command_t *command = line->command;
    char name[RG_NAME_SIZE];
    for (int i = 0; command->options && command->options[i].help; i++) {
        const rg_command_option_t *option = &command->options[i];
        option_spell(option, name);
        if (option->required && !line->given[i]) argp_error(state, "%s %s is missing", name, option->value);
    }
    if (command->check && command->check(line->own) != 0) argp_error(state, "%s", rg_error());
}

static error_t parse_command_option(int key, char *arg, struct argp_state *state)
{
    command_line_t *line = state->input;
    const rg_command_t *command = line->command;
    char name[RG_NAME_SIZE];
    if (key == ARGP_KEY_END) check_command_line(line, state);
    if (key == ARGP_KEY_ARG && !command->argument)
        fail_word(state, "", arg, "the command takes options only");
    if (key == ARGP_KEY_ARG) {
        if (!*arg) argp_error(state, "an argument is an empty text");
        if (command->argument(line->own, arg) != 0) argp_error(state, "%s", rg_error());
        return 0;
    }
    for (int i = 0; command->options && command->options[i].help; i++) {
        const rg_command_option_t *option = &command->options[i];
        if (key != FIRST_POSITION + i && (key != option->letter || !option->letter)) continue;
        option_spell(option, name);
        if (option_store(option, line->own, arg) != 0) fail_word(state, name, arg, rg_error());
        line->given[i] = 1;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static void list_options(const rg_command_t *command, struct argp_option out[OPTIONS_MAX + 1])
{
    int n = 0;
    for (; command->options && command->options[n].help; n++) {
        const rg_command_option_t *option = &command->options[n];
        assert(n < OPTIONS_MAX);
        out[n] = (struct argp_option){.name = option->name,
                                      .key = option->letter ? option->letter : FIRST_POSITION + n,
                                      .arg = option->value,
                                      .doc = option->help};
    }
    out[n] = (struct argp_option){0};
}

static void parse_command_line(command_line_t *line, int argc, char **argv)
{
    const rg_command_t *command = line->command;
    struct argp_option options[OPTIONS_MAX + 1];
    list_options(command, options);
    // argp never frees what it makes for a table without options.
    struct argp own = {.options = options[0].name || options[0].key ? options : NULL,
                       .parser = parse_command_option};
    struct argp_child children[] = {{&own, 0, NULL, 0}, {0}};
    char *help = rg_format("%s\vExamples:\n%s", command->help, command->examples);
    struct argp argp = {.options = common_options,
                        .parser = parse_common_option,
                        .args_doc = command->args,
                        .doc = help,
                        .children = children};
    // Leave out argp's note that long and short options take the same values.
    setenv("ARGP_HELP_FMT", "no-dup-args-note", 0);
    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, line);
    free(help);
}

// ---- running

static int load_config(const rg_command_t *command, rg_options_t *options)
{
    if (command->config == RG_COMMAND_PLAIN) return 0;
    if (!options->path && command->config == RG_COMMAND_CONFIGURED)
        return rg_fail(RG_EUSAGE, "no configuration: give --config FILE or set RG_CONFIG");
    return rg_config_load(&options->config, options->path, options->set, options->n_set);
}

int rg_command_run(const rg_command_t *command, int argc, char **argv)
{
    rg_options_t options = {.path = rg_config_from_environment()};
    command_line_t line = {.command = command, .options = &options, .own = rg_alloc(command->size)};
    if (command->defaults) memcpy(line.own, command->defaults, command->size);
    parse_command_line(&line, argc, argv);
    int err = load_config(command, &options);
    if (!err) err = command->run(&options, line.own);
    if (err) fprintf(stderr, "rg-ctl %s: %s\n", command->name, rg_error());
    if (err == RG_EUSAGE) fprintf(stderr, "Try `rg-ctl %s --help'.\n", command->name);
    free(line.own);
    return err == 0 ? 0 : err == RG_EUSAGE ? 2 : 1;
}

// ---- completion

static void print_completion_options(const rg_command_t *command)
{
    printf("    %s) words='--help", command->name);
    for (const struct argp_option *option = common_options; option->name; option++)
        printf(" --%s", option->name);
    for (int i = 0; command->options && command->options[i].help; i++)
        if (command->options[i].name) printf(" --%s", command->options[i].name);
    printf("' ;;\n");
}

void rg_command_print_completion(void)
{
    printf("# Completion of rg-ctl for bash, made by `rg-ctl --completion'.\n"
           "_rg_ctl()\n{\n"
           "    local words= word=${COMP_WORDS[COMP_CWORD]}\n"
           "    case ${COMP_WORDS[1]} in\n");
    for (const rg_command_group_t *group = rg_command_groups; group->title; group++)
        for (const rg_command_t *const *command = group->commands; *command; command++)
            print_completion_options(*command);
    printf("    esac\n    [ \"$COMP_CWORD\" -gt 1 ] || words=\"--help --version --completion");
    for (const rg_command_group_t *group = rg_command_groups; group->title; group++)
        for (const rg_command_t *const *command = group->commands; *command; command++)
            printf(" %s", (*command)->name);
    printf("\"\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
           "}\n"
           "complete -o bashdefault -o default -F _rg_ctl rg-ctl\n");
}
