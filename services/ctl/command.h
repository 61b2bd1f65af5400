// A command of rg-ctl: its name, its help, its options and the function that runs it. Each command has a file
// in the folder commands/ (status and stats share one). command.c lists all commands,
// and main.c finds the one that the user typed.
//
// A command describes its options in a table. rg_command_run reads the command line into a struct that the
// command defines, loads the configuration and calls the command's function.
//
// Every command also takes --config FILE (or the environment variable RG_CONFIG), --set KEY=VALUE and --json.
// Results go to standard output, progress and errors to standard error (output.h). Exit codes: 0 done,
// 1 failed (one sentence says what and where), 2 wrong use (RG_EUSAGE).
#ifndef RG_CTL_COMMAND_H
#define RG_CTL_COMMAND_H

#include <stddef.h>

#include "common/config/config.h"
#include "common/model/stage.h"

enum { RG_SETS_MAX = 64 };

// The options that every command takes.
typedef struct {
    const char *path;             // of the configuration file; NULL: none
    const char *set[RG_SETS_MAX]; // "key=value"
    int n_set;
    int json;           // print results as JSON and no progress
    rg_config_t config; // loaded, unless the command is RG_COMMAND_PLAIN
} rg_options_t;

// ---- options of one command

enum rg_option_kind {
    RG_OPTION_IS_FLAG,   // an int: 1 if the option is given; the option has no value
    RG_OPTION_IS_TEXT,   // a const char *
    RG_OPTION_IS_NUMBER, // an int, uint32_t or uint64_t: a whole number from min to max
    RG_OPTION_IS_READ,   // whatever read() makes of the text
};

// One option. Its value goes into a field of the command's own struct; the macros below name the field.
typedef struct {
    const char *name;  // "out" for --out; NULL: the option has only its letter
    int letter;        // 'o' for -o; 0: none
    const char *value; // what the help calls the value: "DIR"; NULL for a flag
    const char *help;
    enum rg_option_kind kind;
    size_t offset, size; // of the field
    long long min, max;  // of a number
    // Reads the text into the field; an option that may be repeated is read each time. Otherwise returns an
    // error with a sentence that says what was expected; the option and the text are put before it.
    int (*read)(void *field, const char *text);
    int required;
} rg_command_option_t;

#define RG_OPTION_FLAG(type, field) .kind = RG_OPTION_IS_FLAG, .offset = offsetof(type, field)
#define RG_OPTION_TEXT(type, field) .kind = RG_OPTION_IS_TEXT, .offset = offsetof(type, field)
#define RG_OPTION_NUMBER(type, field, from, to)                                                              \
    .kind = RG_OPTION_IS_NUMBER, .offset = offsetof(type, field), .size = sizeof(((type *)0)->field),        \
    .min = (from), .max = (to)
#define RG_OPTION_READ(type, field, function)                                                                \
    .kind = RG_OPTION_IS_READ, .offset = offsetof(type, field), .read = (function)

// ---- commands

enum rg_command_config {
    RG_COMMAND_PLAIN,      // reads no configuration
    RG_COMMAND_DEFAULTS,   // uses the defaults if no file is given
    RG_COMMAND_CONFIGURED, // needs a file
};

typedef struct {
    const char *name;
    const char *summary;                // its line in `rg-ctl --help`
    const char *args;                   // how the help writes its arguments: "PATH..."; NULL: takes none
    const char *help;                   // what it does
    const char *examples;               // lines "  rg-ctl NAME ...\n"
    const rg_command_option_t *options; // ends with {0}; NULL: none of its own
    size_t size;                        // of the command's own struct; 0: it has none
    const void *defaults;               // what that struct holds first; NULL: zeros
    // Takes one argument that is not an option, or returns an error with a sentence. NULL: takes none.
    int (*argument)(void *own, char *text);
    // Called after the last option: an error with a sentence if they do not fit together. May be NULL.
    int (*check)(const void *own);
    enum rg_command_config config;
    int (*run)(const rg_options_t *options, const void *own);
} rg_command_t;

extern const rg_command_t rg_command_up, rg_command_down, rg_command_status, rg_command_stats,
    rg_command_make_faces, rg_command_train, rg_command_add_images, rg_command_remove, rg_command_query,
    rg_command_reindex, rg_command_index, rg_command_export, rg_command_translate, rg_command_evaluate,
    rg_command_report, rg_command_experiment, rg_command_keys, rg_command_config, rg_command_data,
    rg_command_device;

// The commands that serve one purpose.
enum { RG_GROUP_COMMANDS = 8 };
typedef struct {
    const char *title;                                   // what one wants to do
    const rg_command_t *commands[RG_GROUP_COMMANDS + 1]; // ends with NULL
} rg_command_group_t;

// All commands in the order of `rg-ctl --help`; ends with a title of NULL.
extern const rg_command_group_t rg_command_groups[];

const rg_command_t *rg_command_find(const char *name); // NULL if no command has this name

// Reads the command line (argv[0] is shown as the program's name) and runs the command. Returns the exit
// code. On wrong options and on --help the process exits here.
int rg_command_run(const rg_command_t *command, int argc, char **argv);

// Prints a script for bash that completes commands, options and file names.
void rg_command_print_completion(void);

// ---- commands that `rg-ctl train` runs as steps

// Measures a stage: asks the evaluator, shows its progress and prints its report.
int rg_evaluate_stage(const rg_options_t *options, enum rg_stage stage);

// Makes the encoder load a checkpoint (path as the encoder sees it; "": the newest of the run). If that is
// another embedding model, the encoder embeds all stored images anew; the old model serves until that is
// complete. Shows the progress and prints what serves then.
int rg_reindex(const rg_options_t *options, const char *checkpoint);

#endif
