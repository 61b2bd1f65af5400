#include "services/evaluator/distribution.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/core/alloc.h"

// ---- all measures of two sets

typedef struct {
    double frechet;
    rg_estimate_t kid;
    rg_prdc_t prdc;
} distances_t;

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

// Measures that need more images are NAN, which a report leaves out.
static int measure_distances(distances_t *distances, const rg_vectors_t *real, const rg_vectors_t *generated,
                             uint64_t seed)
{
    size_t fewer = smaller(real->n, generated->n);
    *distances = (distances_t){NAN, {NAN, NAN}, {NAN, NAN, NAN, NAN}};
    if (fewer < 2) return 0;
    int err = rg_frechet(&distances->frechet, real, generated);
    if (err || fewer < RG_DOMAIN_MIN) return err;
    err = rg_kid(&distances->kid, real, generated, RG_KID_SUBSETS, smaller(fewer / 2, RG_KID_SIZE_MAX), seed);
    return err ? err : rg_prdc(&distances->prdc, real, generated, RG_PRDC_K);
}

// ---- names of the numbers

// The parts of a name: MEASURE_of.DOMAIN.
typedef struct {
    const char *distance, *share; // of: "latent" and "latent", or "floor" and "ceiling"
    const char *domain;           // "": all domains
} names_t;

static void put_number(rg_report_t *report, double value, const char *measure, const char *of,
                       const char *domain)
{
    rg_report_number(report, value, "%s_%s%s%s", measure, of, *domain ? "." : "", domain);
}

static void put_count(rg_report_t *report, size_t n, const char *of, const char *domain)
{
    char key[2 * RG_NAME_SIZE + 16];
    snprintf(key, sizeof key, "images_%.32s.%s", of, domain);
    rg_report_integer(report, key, n);
}

static int report_distances(const rg_vectors_t *real, const rg_vectors_t *generated, uint64_t seed,
                            const names_t *names, rg_report_t *report)
{
    distances_t distances;
    int err = measure_distances(&distances, real, generated, seed);
    if (err) return err;
    put_number(report, distances.frechet, "frechet", names->distance, names->domain);
    put_number(report, distances.kid.mean, "kid", names->distance, names->domain);
    put_number(report, distances.kid.spread, "kid_spread", names->distance, names->domain);
    put_number(report, distances.prdc.precision, "precision", names->share, names->domain);
    put_number(report, distances.prdc.recall, "recall", names->share, names->domain);
    put_number(report, distances.prdc.density, "density", names->share, names->domain);
    put_number(report, distances.prdc.coverage, "coverage", names->share, names->domain);
    return 0;
}

// Only if the extractor has class probabilities.
static int report_inception_score(const rg_features_t *features, const char *of, rg_report_t *report)
{
    rg_estimate_t score;
    if (!features->classes || !features->n) return 0;
    int err = rg_inception_score(&score, features->probability, features->n, features->classes,
                                 rg_inception_splits(features->n));
    if (err) return err;
    put_number(report, score.mean, "inception_score", of, "");
    put_number(report, score.spread, "inception_spread", of, "");
    return 0;
}

static float *alloc_part(const rg_features_t *features)
{
    return rg_alloc(((size_t)features->n + 1) * (size_t)features->d * sizeof(float));
}

// ---- generated images

typedef struct {
    const rg_config_t *config;
    const rg_features_t *real, *generated;
    const char *mode;
    float *part_real, *part_generated; // scratch for the vectors of a domain
} comparison_t;

static int report_domain(const comparison_t *comparison, rg_domain_t domain, rg_report_t *report)
{
    char name[RG_DOMAIN_NAME_SIZE];
    rg_vectors_t real = rg_features_showing(comparison->real, domain, comparison->part_real),
                 generated = rg_features_becoming(comparison->generated, domain, comparison->part_generated);
    rg_domain_name(comparison->config, domain, name);
    put_count(report, generated.n, comparison->mode, name);
    if (real.n < RG_DOMAIN_MIN || generated.n < RG_DOMAIN_MIN) return 0;
    const names_t names = {comparison->mode, comparison->mode, name};
    return report_distances(&real, &generated, comparison->config->seed, &names, report);
}

int rg_distribution_report(const rg_config_t *config, const rg_features_t *real,
                           const rg_features_t *generated, const char *mode, rg_report_t *report)
{
    const rg_vectors_t all_real = rg_features_all(real), all_generated = rg_features_all(generated);
    const names_t names = {mode, mode, ""};
    const comparison_t comparison = {config, real, generated, mode, alloc_part(real), alloc_part(generated)};
    int err = report_distances(&all_real, &all_generated, config->seed, &names, report);
    if (!err) err = report_inception_score(generated, mode, report);
    for (int i = 0; i < rg_domains(config) && !err; i++)
        err = report_domain(&comparison, rg_domain(i), report);
    free(comparison.part_real);
    free(comparison.part_generated);
    return err;
}

// ---- real images

static int report_halves(const rg_vectors_t *set, uint64_t seed, const char *domain, rg_report_t *report)
{
    const rg_vectors_t first = rg_vectors_part(set, 0, set->n / 2),
                       second = rg_vectors_part(set, set->n / 2, set->n / 2);
    const names_t names = {"floor", "ceiling", domain};
    return report_distances(&first, &second, seed, &names, report);
}

int rg_distribution_bounds(const rg_config_t *config, const rg_features_t *real, rg_report_t *report)
{
    const rg_vectors_t all = rg_features_all(real);
    float *part = alloc_part(real);
    rg_report_integer(report, "images_bounds", all.n / 2);
    int err = report_halves(&all, config->seed, "", report);
    if (!err) err = report_inception_score(real, "ceiling", report);
    for (int i = 0; i < rg_domains(config) && !err; i++) {
        char name[RG_DOMAIN_NAME_SIZE];
        const rg_vectors_t shown = rg_features_showing(real, rg_domain(i), part);
        rg_domain_name(config, rg_domain(i), name);
        put_count(report, shown.n / 2, "bounds", name);
        if (shown.n / 2 >= RG_DOMAIN_MIN) err = report_halves(&shown, config->seed, name, report);
    }
    free(part);
    return err;
}
