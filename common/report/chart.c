// A long run has more lines than a figure has pixels, so neighbouring lines are averaged: a loss is noisy,
// and a figure cannot be smoothed later. The page draws the lowest and the highest value of neighbouring
// lines instead, and smooths on request (page/charts.js).
#include "common/report/chart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/report/svg.h"

enum { POINTS = 400 }; // of a drawn curve

// ---- families

const rg_chart_family_t rg_chart_training[] = {
    {"Adversarial", {"g_adversarial", "d_adversarial"}},
    {"Classification", {"g_classify", "d_classify", "classify"}},
    {"Reconstruction", {"recon", "cycle"}},
    {"Codes", {"attribute", "content"}},
    {"Prior", {"kl", "earth_mover"}},
    {"Ranking", {"ranking", "triplet"}},
    {"Isometry", {"isometry"}},
    {"Perceptual", {"perceptual"}},
    {"Learning rate", {"lr"}, .is_rate = 1},
    {"Images per second", {"images_per_s"}, .is_rate = 1},
    {"Share of waiting", {"wait_share"}, .is_rate = 1},
    {0},
};

const rg_chart_family_t rg_chart_evaluations[] = {
    {"Accuracy", {"accuracy_edited", "accuracy_all"}},
    {"Wanted attribute seen",
     {"wanted_accuracy_latent", "wanted_accuracy_reference", "wanted_accuracy_latent_random"}},
    {"Untouched attributes kept", {"untouched_accuracy_latent", "untouched_accuracy_reference"}},
    {"Frechet inception distance", {"fid_latent", "fid_reference", "fid_latent_random"}},
    {"Frechet distance", {"frechet_latent", "frechet_reference", "frechet_latent_random"}},
    {"Coverage", {"coverage_latent", "coverage_reference"}},
    {"Precision and recall", {"precision_latent", "recall_latent"}},
    {"Diversity", {"lpips_latent", "diversity_latent"}},
    {"Identity", {"identity_latent", "identity_reference", "identity_latent_random"}},
    {"Reconstruction, of 255", {"reconstruction_l1_255"}},
    {"P@10, average",
     {"p10.trained.average", "p10.untrained.average", "p10.code.average", "p10.random.average"}},
    {0},
};

const rg_chart_family_t *rg_chart_family_find(const char *key)
{
    for (const rg_chart_family_t *family = rg_chart_training; family->title; family++)
        for (int i = 0; i < RG_CHART_KEYS && family->key[i]; i++)
            if (strcmp(family->key[i], key) == 0) return family;
    return NULL;
}

int rg_chart_is_loss(const char *key)
{
    const rg_chart_family_t *family = rg_chart_family_find(key);
    return family ? !family->is_rate : strcmp(key, "stage") != 0 && strcmp(key, "iteration") != 0;
}

// ---- figures

typedef struct {
    double x[POINTS], y[POINTS];
} points_t;

static double curve_mean(const rg_chart_curve_t *curve, const char *key, size_t first, size_t end)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = first; i < end; i++) {
        const json_t *value = json_object_get(json_array_get(curve->lines, i), key);
        if (!json_is_number(value)) continue;
        sum += json_number_value(value);
        n++;
    }
    return n ? sum / (double)n : NAN;
}

// Averages the lines to at most POINTS points. Returns how many of them are finite.
static int curve_fill(points_t *points, rg_svg_series_t *series, const rg_chart_curve_t *curve)
{
    size_t lines = json_array_size(curve->lines), n = lines < POINTS ? lines : POINTS;
    int finite = 0;
    for (size_t i = 0; i < n; i++) {
        size_t first = i * lines / n, end = (i + 1) * lines / n;
        points->x[i] = curve_mean(curve, "iteration", first, end);
        points->y[i] = curve_mean(curve, curve->key, first, end);
        finite += isfinite(points->y[i]);
    }
    *series = (rg_svg_series_t){curve->name, points->x, points->y, (int)n};
    return finite;
}

void rg_chart_draw(rg_document_t *document, const char *id, const char *title, int log,
                   const rg_chart_curve_t *curve, int n)
{
    points_t *points = rg_alloc((size_t)n * sizeof *points);
    rg_svg_series_t series[RG_SVG_CURVES];
    int drawn = 0, most = 0;
    for (int i = 0; i < n && drawn < RG_SVG_CURVES; i++) {
        int finite = curve_fill(&points[drawn], &series[drawn], &curve[i]);
        if (finite > most) most = finite;
        drawn += finite > 0;
    }
    const rg_svg_plot_t plot = {title, "iteration", title, log, series, drawn};
    if (most >= 2) rg_document_figure(document, id, rg_svg_plot(&plot), title);
    free(points);
}
