// The common start and end of every service's main function. In the library rg-wire-config.
#ifndef RG_WIRE_SERVICE_MAIN_H
#define RG_WIRE_SERVICE_MAIN_H

#include "common/config/config.h"
#include "common/wire/wire.h"

// Parses --config FILE, --set KEY=VALUE and --verbose (argp, with --help), loads the configuration and
// starts the log. Limits this thread's OpenMP, and OpenBLAS with it, to config->threads. Blocks SIGTERM and
// SIGINT, which the service loop reads from a descriptor. Prints the sentence and exits with 2 on wrong
// use, with 1 on a bad configuration.
void rg_main_init(int argc, char **argv, const char *service, const char *doc, rg_config_t *config);

// Logs rg_error() and returns the exit code 1.
int rg_main_fail(int err);

#endif
