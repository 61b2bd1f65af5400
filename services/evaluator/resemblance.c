#include "services/evaluator/resemblance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "services/evaluator/frechet.h"
#include "services/evaluator/kid.h"
#include "services/evaluator/prdc.h"

typedef struct {
    double frechet;
    rg_kid_t kid;
    rg_prdc_t prdc;
} alike_t;

static int frechet(double *distance, const rg_vectors_t *real, const rg_vectors_t *made)
{
    rg_moments_t of_real, of_made;
    rg_moments_init(&of_real, real->d);
    rg_moments_init(&of_made, made->d);
    rg_moments_add(&of_real, real->row, real->n);
    rg_moments_add(&of_made, made->row, made->n);
    int err = rg_frechet(distance, &of_real, &of_made);
    rg_moments_fini(&of_real);
    rg_moments_fini(&of_made);
    return err;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int compare(alike_t *alike, const rg_vectors_t *real, const rg_vectors_t *made, uint64_t seed)
{
    size_t fewer = least(real->n, made->n);
    *alike = (alike_t){NAN, {NAN, NAN}, {NAN, NAN, NAN, NAN}};
    if (fewer < 2) return 0;
    int err = frechet(&alike->frechet, real, made);
    if (err || fewer < RG_DOMAIN_MIN) return err;
    err = rg_kid(&alike->kid, real, made, RG_KID_SUBSETS, least(fewer / 2, RG_KID_SIZE_MAX), seed);
    return err ? err : rg_prdc(&alike->prdc, real, made, RG_PRDC_K);
}

// suffix: "latent", "latent.Male"
static void report_all(rg_report_t *report, const alike_t *alike, const char *suffix)
{
    rg_report_number(report, alike->frechet, "frechet_%s", suffix);
    rg_report_number(report, alike->kid.mean, "kid_%s", suffix);
    rg_report_number(report, alike->kid.spread, "kid_spread_%s", suffix);
    rg_report_number(report, alike->prdc.precision, "precision_%s", suffix);
    rg_report_number(report, alike->prdc.recall, "recall_%s", suffix);
    rg_report_number(report, alike->prdc.density, "density_%s", suffix);
    rg_report_number(report, alike->prdc.coverage, "coverage_%s", suffix);
}

typedef struct {
    const rg_config_t *config;
    const rg_features_t *real, *made;
    const char *mode;
    float *part_real, *part_made; // room for a domain
} work_t;

static int compare_domain(const work_t *work, rg_domain_t domain, rg_report_t *report)
{
    alike_t alike;
    char name[RG_NAME_SIZE + 4], suffix[2 * RG_NAME_SIZE], count[2 * RG_NAME_SIZE + 8];
    rg_vectors_t real = rg_features_showing(work->real, domain, work->part_real),
                 made = rg_features_becoming(work->made, domain, work->part_made);
    if (real.n < RG_DOMAIN_MIN || made.n < RG_DOMAIN_MIN) return 0;
    int err = compare(&alike, &real, &made, work->config->seed);
    if (err) return err;
    rg_domain_name(work->config, domain, name);
    snprintf(suffix, sizeof suffix, "%.32s.%s", work->mode, name);
    snprintf(count, sizeof count, "images_%s", suffix);
    rg_report_integer(report, count, made.n);
    report_all(report, &alike, suffix);
    return 0;
}

static int compare_domains(const work_t *work, rg_report_t *report)
{
    int err = 0;
    for (int a = 0; a < work->config->data.attributes.count; a++)
        for (int value = 1; value >= 0 && !err; value--)
            err = compare_domain(work, (rg_domain_t){a, value}, report);
    return err;
}

int rg_resemblance(const rg_config_t *config, const rg_features_t *real, const rg_features_t *made,
                   const char *mode, rg_report_t *report)
{
    alike_t alike;
    rg_vectors_t all_real = rg_features_all(real), all_made = rg_features_all(made);
    int err = compare(&alike, &all_real, &all_made, config->seed);
    if (err) return err;
    report_all(report, &alike, mode);
    size_t width = (size_t)real->d;
    work_t work = {config,
                   real,
                   made,
                   mode,
                   rg_alloc((real->n + 1) * width * sizeof(float)),
                   rg_alloc((made->n + 1) * width * sizeof(float))};
    err = compare_domains(&work, report);
    free(work.part_real);
    free(work.part_made);
    return err;
}

int rg_resemblance_bounds(const rg_config_t *config, const rg_features_t *real, rg_report_t *report)
{
    alike_t alike;
    rg_vectors_t all = rg_features_all(real), first = rg_vectors_part(&all, 0, all.n / 2),
                 second = rg_vectors_part(&all, all.n / 2, all.n / 2);
    int err = compare(&alike, &first, &second, config->seed);
    if (err) return err;
    rg_report_number(report, alike.frechet, "frechet_floor");
    rg_report_number(report, alike.kid.mean, "kid_floor");
    rg_report_number(report, alike.prdc.precision, "precision_ceiling");
    rg_report_number(report, alike.prdc.recall, "recall_ceiling");
    rg_report_number(report, alike.prdc.density, "density_ceiling");
    rg_report_number(report, alike.prdc.coverage, "coverage_ceiling");
    rg_report_integer(report, "images_bounds", all.n / 2);
    return 0;
}
