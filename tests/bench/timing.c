#include "tests/bench/timing.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/rng.h"
#include "common/nn/backend.h"
#include "services/trainer/translation.h"

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

void rg_timing_batch(rg_batch_t *batch, const rg_config_t *config)
{
    int n = config->stage1.batch, side = config->data.img_size;
    size_t pixels = (size_t)n * (size_t)(side * side * 3);
    float *x = rg_alloc(pixels * sizeof *x), *r = rg_alloc(pixels * sizeof *r);
    unsigned char *labels = rg_alloc((size_t)n * RG_ATTRIBUTES_MAX),
                  *targets = rg_alloc((size_t)n * RG_ATTRIBUTES_MAX);
    rg_rng_t rng;
    rg_rng_init(&rng, 1, RG_RNG_STEP, 0);
    for (size_t i = 0; i < pixels; i++) {
        x[i] = 2 * rg_rng_uniform(&rng) - 1;
        r[i] = 2 * rg_rng_uniform(&rng) - 1;
    }
    for (int i = 0; i < n * config->data.attributes.count; i++) {
        labels[i] = (unsigned char)rg_rng_below(&rng, 2);
        targets[i] = (unsigned char)rg_rng_below(&rng, 2);
    }
    *batch = (rg_batch_t){.n = n,
                          .references = config->targets == RG_TARGETS_BOTH ? n : n / 2,
                          .pixels = x,
                          .reference_pixels = r,
                          .labels = labels,
                          .target_labels = targets,
                          .columns = config->data.attributes.count};
}
