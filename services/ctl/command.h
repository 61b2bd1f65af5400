// A command of rg-ctl: what it is called, how its options are read, what it does. One file per command, all
// of them listed in commands.c; main.c dispatches.
//
// Every command understands --config FILE (or RG_CONFIG), --set KEY=VALUE and --json beside its own options.
// Results go to standard output, progress and errors to standard error. Exit codes: 0 fine, 1 failed with one
// sentence, 2 wrong use (RG_EUSAGE).
#ifndef RG_CTL_COMMAND_H
#define RG_CTL_COMMAND_H

#include <argp.h>
#include <stddef.h>

#include "common/config/config.h"

enum { RG_SETS_MAX = 64 };

typedef struct {
    const char *path;             // of the config file, NULL: none
    const char *set[RG_SETS_MAX]; // "key=value"
    int n_set;
    int json;           // results as JSON, no progress
    rg_config_t config; // unless the command takes none
} rg_options_t;

enum rg_command_config {
    RG_COMMAND_PLAIN,      // reads no config
    RG_COMMAND_DEFAULTS,   // defaults where no file is given
    RG_COMMAND_CONFIGURED, // needs a file
};

typedef struct {
    const char *name;
    const char *summary;               // its line in `rg-ctl --help`
    const char *args;                  // argp args_doc, NULL: takes no arguments
    const char *doc;                   // argp doc: what it does, \v, examples
    const struct argp_option *options; // its own
    argp_parser_t parse;               // of its own options, into state->input; NULL: none
    const struct argp_child *children; // further options; parse sets their inputs. NULL: none
    size_t size;                       // of the zeroed struct behind state->input
    enum rg_command_config config;
    int (*run)(const rg_options_t *options, const void *own);
} rg_command_t;

// All commands, in the order of the listing; ends with name NULL.
extern const rg_command_t *const rg_commands[];

const rg_command_t *rg_command_find(const char *name); // NULL if there is none

// Reads the command line (argv[0] is shown as the program) and runs the command. Returns the exit code; use
// errors and --help exit from within argp.
int rg_command_run(const rg_command_t *command, int argc, char **argv);

// A whole number between min and max from an option's text; a use error naming the option otherwise.
long long rg_command_number(const struct argp_state *state, const char *option, const char *text,
                            long long min, long long max);

#endif
