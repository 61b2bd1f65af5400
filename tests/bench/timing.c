#include "tests/bench/timing.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/nn/backend.h"

typedef struct {
    const char *config;
    const char **overrides;
    int n_overrides;
} options_t;

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
    default:
        return ARGP_ERR_UNKNOWN; // arguments too
    }
}

void rg_timing_config(int argc, char **argv, const char *doc, rg_config_t *config)
{
    static const struct argp_option table[] = {
        {"config", 'c', "FILE", 0, "YAML configuration; without it, the defaults", 0},
        {"set", 's', "KEY=VALUE", 0, "Override one key of the configuration; may be repeated", 0},
        {0},
    };
    options_t options = {.overrides = rg_alloc((size_t)argc * sizeof *options.overrides)};
    struct argp parser = {.options = table, .parser = parse_option, .doc = doc};
    argp_err_exit_status = 2;
    argp_parse(&parser, argc, argv, 0, NULL, &options);
    int err = rg_config_load(config, options.config, options.overrides, options.n_overrides);
    free(options.overrides);
    if (err) {
        fprintf(stderr, "%s: %s\n", program_invocation_short_name, rg_error());
        exit(2);
    }
    rg_cpu_threads(config->threads);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double rg_timing_median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, compare);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

double rg_timing_busy_ms(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return 1e3 * (double)used.tv_sec + 1e-6 * (double)used.tv_nsec;
}
