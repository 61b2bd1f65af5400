// rg-ctl: the command line of the system. Finds the command (command.h) that the user typed and runs it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/log.h"
#include "services/ctl/command.h"

static void usage(FILE *out)
{
    fprintf(out, "Usage: rg-ctl COMMAND [OPTION...]\n");
    for (const rg_command_group_t *group = rg_command_groups; group->title; group++) {
        fprintf(out, "\n%s:\n", group->title);
        for (const rg_command_t *const *command = group->commands; *command; command++)
            fprintf(out, "  %-12s %s\n", (*command)->name, (*command)->summary);
    }
    fprintf(out, "\nExamples:\n"
                 "  rg-ctl up --config configs/smoke.yaml\n"
                 "  rg-ctl train --config configs/smoke.yaml\n"
                 "\n`rg-ctl COMMAND --help' explains a command, and `rg-ctl --completion'\nprints a script "
                 "that completes the words in bash. "
                 "Exit codes: 0 done, 1 failed,\n2 wrong use.\n");
}

int main(int argc, char **argv)
{
    rg_log_init("rg-ctl", RG_LOG_WARN);
    if (argc < 2) {
        usage(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0) {
        usage(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        printf("rg-ctl %s\n", RG_VERSION);
        return 0;
    }
    if (strcmp(argv[1], "--completion") == 0) {
        rg_command_print_completion();
        return 0;
    }
    const rg_command_t *command = rg_command_find(argv[1]);
    if (!command) {
        rg_fail(RG_EUSAGE, "there is no command '%s'", argv[1]);
        fprintf(stderr, "rg-ctl: %s\nTry `rg-ctl --help'.\n", rg_error());
        return 2;
    }
    argv[1] = rg_format("rg-ctl %s", command->name);
    int code = rg_command_run(command, argc - 1, argv + 1);
    free(argv[1]);
    return code;
}
