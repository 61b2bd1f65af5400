#include "services/evaluator/resemblance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "services/evaluator/metrics/metrics.h"

typedef struct {
    double frechet;
    rg_estimate_t kid;
    rg_prdc_t prdc;
} alike_t;

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int compare(alike_t *alike, const rg_vectors_t *real, const rg_vectors_t *made, uint64_t seed)
{
    size_t fewer = least(real->n, made->n);
    *alike = (alike_t){NAN, {NAN, NAN}, {NAN, NAN, NAN, NAN}};
    if (fewer < 2) return 0;
    int err = rg_frechet(&alike->frechet, real, made);
    if (err || fewer < RG_DOMAIN_MIN) return err;
    err = rg_kid(&alike->kid, real, made, RG_KID_SUBSETS, least(fewer / 2, RG_KID_SIZE_MAX), seed);
    return err ? err : rg_prdc(&alike->prdc, real, made, RG_PRDC_K);
}

static void put(rg_report_t *report, double value, const char *stem, const char *of, const char *domain)
{
    rg_report_number(report, value, "%s_%s%s%s", stem, of, *domain ? "." : "", domain);
}

static void put_count(rg_report_t *report, size_t n, const char *of, const char *domain)
{
    char key[2 * RG_NAME_SIZE + 16];
    snprintf(key, sizeof key, "images_%.32s.%s", of, domain);
    rg_report_integer(report, key, n);
}

// What a set of numbers is about: distances and the others are of a mode, or the bounds that real images set.
typedef struct {
    const char *distance, *share; // "latent", "latent"; "floor", "ceiling"
    const char *domain;           // "" of all
} title_t;

static void put_all(rg_report_t *report, const alike_t *alike, const title_t *title)
{
    put(report, alike->frechet, "frechet", title->distance, title->domain);
    put(report, alike->kid.mean, "kid", title->distance, title->domain);
    put(report, alike->kid.spread, "kid_spread", title->distance, title->domain);
    put(report, alike->prdc.precision, "precision", title->share, title->domain);
    put(report, alike->prdc.recall, "recall", title->share, title->domain);
    put(report, alike->prdc.density, "density", title->share, title->domain);
    put(report, alike->prdc.coverage, "coverage", title->share, title->domain);
}

static int compare_and_put(const rg_vectors_t *real, const rg_vectors_t *made, uint64_t seed,
                           const title_t *title, rg_report_t *report)
{
    alike_t alike;
    int err = compare(&alike, real, made, seed);
    if (!err) put_all(report, &alike, title);
    return err;
}

// Where the extractor tells classes.
static int put_score(const rg_features_t *features, const char *of, rg_report_t *report)
{
    rg_estimate_t score;
    if (!features->classes || !features->n) return 0;
    int err = rg_inception_score(&score, features->probability, features->n, features->classes,
                                 rg_inception_splits(features->n));
    if (err) return err;
    put(report, score.mean, "inception_score", of, "");
    put(report, score.spread, "inception_spread", of, "");
    return 0;
}

static float *room_for(const rg_features_t *features)
{
    return rg_alloc(((size_t)features->n + 1) * (size_t)features->d * sizeof(float));
}

// ------------------------------------------------------------------ made images
typedef struct {
    const rg_config_t *config;
    const rg_features_t *real, *made;
    const char *mode;
    float *part_real, *part_made; // room for a domain
} work_t;

static int compare_domain(const work_t *work, rg_domain_t domain, rg_report_t *report)
{
    char name[RG_DOMAIN_NAME_SIZE];
    rg_vectors_t real = rg_features_showing(work->real, domain, work->part_real),
                 made = rg_features_becoming(work->made, domain, work->part_made);
    rg_domain_name(work->config, domain, name);
    put_count(report, made.n, work->mode, name);
    if (real.n < RG_DOMAIN_MIN || made.n < RG_DOMAIN_MIN) return 0;
    const title_t title = {work->mode, work->mode, name};
    return compare_and_put(&real, &made, work->config->seed, &title, report);
}

int rg_resemblance(const rg_config_t *config, const rg_features_t *real, const rg_features_t *made,
                   const char *mode, rg_report_t *report)
{
    const rg_vectors_t all_real = rg_features_all(real), all_made = rg_features_all(made);
    const title_t title = {mode, mode, ""};
    const work_t work = {config, real, made, mode, room_for(real), room_for(made)};
    int err = compare_and_put(&all_real, &all_made, config->seed, &title, report);
    if (!err) err = put_score(made, mode, report);
    for (int i = 0; i < rg_domains(config) && !err; i++) err = compare_domain(&work, rg_domain(i), report);
    free(work.part_real);
    free(work.part_made);
    return err;
}

// ------------------------------------------------------------------ real images
static int compare_halves(const rg_vectors_t *set, uint64_t seed, const char *domain, rg_report_t *report)
{
    const rg_vectors_t first = rg_vectors_part(set, 0, set->n / 2),
                       second = rg_vectors_part(set, set->n / 2, set->n / 2);
    const title_t title = {"floor", "ceiling", domain};
    return compare_and_put(&first, &second, seed, &title, report);
}

int rg_resemblance_bounds(const rg_config_t *config, const rg_features_t *real, rg_report_t *report)
{
    const rg_vectors_t all = rg_features_all(real);
    float *part = room_for(real);
    rg_report_integer(report, "images_bounds", all.n / 2);
    int err = compare_halves(&all, config->seed, "", report);
    if (!err) err = put_score(real, "ceiling", report);
    for (int i = 0; i < rg_domains(config) && !err; i++) {
        char name[RG_DOMAIN_NAME_SIZE];
        const rg_vectors_t shown = rg_features_showing(real, rg_domain(i), part);
        rg_domain_name(config, rg_domain(i), name);
        put_count(report, shown.n / 2, "bounds", name);
        if (shown.n / 2 >= RG_DOMAIN_MIN) err = compare_halves(&shown, config->seed, name, report);
    }
    free(part);
    return err;
}
