#include <argp.h>
#include <omp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/config/services.h"
#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/log.h"
#include "common/wire/accept.h"
#include "common/wire/service_main.h"

enum { OWN_FILES = 256 }; // descriptors besides those of connections

typedef struct {
    const char *config;
    const char **overrides;
    int n_overrides;
    int verbose;
} options_t;

static const struct argp_option table[] = {
    {"config", 'c', "FILE", 0,
     "YAML configuration (or from the environment: RG_CONFIG); without it, the defaults", 0},
    {"set", 's', "KEY=VALUE", 0, "Override one key of the configuration; may be repeated", 0},
    {"verbose", 'v', NULL, 0, "Log debug lines too", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    options_t *options = state->input;
    switch (key) {
    case 'c':
        options->config = value;
        return 0;
    case 's':
        options->overrides[options->n_overrides++] = value;
        return 0;
    case 'v':
        options->verbose = 1;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument: %s", value);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

// The service loop reads these signals from a descriptor. They must not end a thread that was started before
// the loop.
static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

// A connection needs one descriptor, or three over tcp, where as many again may be at the start (front.c).
static void limit_connections(const rg_config_t *config, const char *service)
{
    const char *endpoint = rg_services_endpoint(config, rg_services_find(service));
    int each = strncmp(endpoint, "ipc://", 6) == 0 ? 1 : 6;
    rg_accept_limit(OWN_FILES + each * config->limits.connections);
}

static void print_version(FILE *out, struct argp_state *state)
{
    fprintf(out, "%s %s\n", state->name, RG_VERSION);
}

void rg_main_init(int argc, char **argv, const char *service, const char *doc, rg_config_t *config)
{
    options_t options = {.config = rg_config_from_environment(),
                         .overrides = rg_alloc((size_t)argc * sizeof *options.overrides)};
    char *text = rg_format("%s\v"
                           "Example: rg-%s --config configs/smoke.yaml --set threads=1\n\n"
                           "SIGTERM ends it after the current request.",
                           doc, service);
    struct argp parser = {.options = table, .parser = parse_option, .doc = text};
    argp_err_exit_status = 2;
    argp_program_version_hook = print_version;
    argp_parse(&parser, argc, argv, 0, NULL, &options);
    rg_log_init(service, options.verbose ? RG_LOG_DEBUG : RG_LOG_INFO);
    int err = rg_config_load(config, options.config, options.overrides, options.n_overrides);
    free(options.overrides);
    free(text);
    if (err) exit(rg_main_fail(err));
    umask(077); // images, weights and locks are this user's alone
    rg_alloc_keep();
    block_signals();
    limit_connections(config, service);
    omp_set_num_threads(config->threads);
}

int rg_main_fail(int err)
{
    rg_log(RG_LOG_ERROR, "failed", "code=%s error=\"%s\"", rg_errname(err),
           *rg_error() ? rg_error() : rg_strerror(err));
    return 1;
}
