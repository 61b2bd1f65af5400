// Tables 2 and 3: measures of the translations of every row. For one fraction of annotation (put_fraction):
//
//   put_mode                measures by row, for latent and for reference translations
//   draw_frechet            the Frechet distances as bars
//   put_mode_differences    RG-UNIT minus each other row, within seeds
//   put_swap                the swap test: the trained model with random neighbours
//   put_retrieval_beside    precision of the neighbours
//
// Table 2 is that for the whole annotation. Table 3 repeats it for each fraction, after an overview by
// fraction. sizes has the first two for its rows, each minus the whole set, and a curve by size.
#include "services/report/experiment/tables.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/model/stage.h"
#include "common/report/svg.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

// ---- table 2

// A column of a table: a number of the reports.
typedef struct {
    const char *title, *key;
    int decimals;
} column_t;

static void columns_init(rg_table_t *table, const char *id, const char *first, const column_t *column, int n)
{
    const char *titles[RG_TABLE_COLUMNS] = {first};
    for (int i = 0; i < n; i++) titles[1 + i] = column[i].title;
    rg_table_init(table, id, titles, 1 + n);
}

static const column_t MEASURES[] = {{"Frechet ↓", "frechet_%s", 3},
                                    {"by domain ↓", "frechet_%s.*", 2},
                                    {"kernel ↓", "kid_%s", 5},
                                    {"precision ↑", "precision_%s", 3},
                                    {"coverage ↑", "coverage_%s", 3},
                                    {"wanted ↑", "wanted_accuracy_%s", 3},
                                    {"untouched ↑", "untouched_accuracy_%s", 3},
                                    {"diversity ↑", "diversity_%s", 3},
                                    {"identity ↑", "identity_%s", 3}};

// Identity is the last one, and is left out if no network for it was configured.
static int measures_count(const rg_results_t *results)
{
    json_t *report = rg_results_report(results, RG_PLAN_BASE, RG_STAGE_1);
    return COUNT(MEASURES) - !json_object_get(report, "identity_latent");
}

static void put_measures(rg_table_t *table, const rg_results_t *results, rg_result_key_t number,
                         const char *mode)
{
    char key[RG__KEY];
    for (int i = 0; i < measures_count(results); i++) {
        number.key = rg__mode_key(key, MEASURES[i].key, mode);
        rg__put_mean(table, rg_results_mean(results, number), MEASURES[i].decimals);
    }
}

// The row of real images. In the reports their measures have names of their own: floors and ceilings.
static void put_real(rg_table_t *table, const rg_results_t *results, int annotated)
{
    static const char *const keys[] = {"frechet_floor",
                                       "frechet_floor.*",
                                       "kid_floor",
                                       "precision_ceiling",
                                       "coverage_ceiling",
                                       "ceiling_accuracy",
                                       "untouched_ceiling_accuracy",
                                       "diversity_real",
                                       "identity_real"};
    rg_table_cell(table, "real images");
    for (int i = 0; i < measures_count(results); i++)
        rg__put_mean(
            table, rg_results_mean(results, (rg_result_key_t){RG_PLAN_BASE, annotated, RG_STAGE_1, keys[i]}),
            MEASURES[i].decimals);
}

static void put_mode(rg_document_t *document, const rg_results_t *results, int annotated, const char *mode,
                     const char *id)
{
    const rg_plan_t *plan = results->plan;
    rg_table_t table;
    columns_init(&table, id, mode, MEASURES, measures_count(results));
    rg_table_cell(&table, "GMM-UNIT, after stage 1");
    put_measures(&table, results, (rg_result_key_t){RG_PLAN_BASE, annotated, RG_STAGE_1, NULL}, mode);
    for (int row = 0; row < plan->n_rows; row++) {
        rg_table_cell(&table, "%s", plan->row[row].title);
        put_measures(&table, results, (rg_result_key_t){row, annotated, RG_STAGE_3, NULL}, mode);
    }
    rg_table_cell(&table, "%s", rg__exemplars);
    put_measures(&table, results, (rg_result_key_t){RG_PLAN_BASE, annotated, RG_STAGE_1, NULL}, "exemplar");
    put_real(&table, results, annotated);
    rg_document_table(document, &table, "Mean and standard deviation over seeds.");
}

// Row a minus row b.
static void put_row_difference(rg_table_t *table, const rg_results_t *results, int a, int b, int annotated,
                               const char *mode)
{
    char key[RG__KEY];
    for (int i = 0; i < measures_count(results); i++) {
        rg_result_key_t of_a = {a, annotated, RG_STAGE_3, rg__mode_key(key, MEASURES[i].key, mode)},
                        of_b = of_a;
        of_b.row = b;
        rg__put_difference(table, rg_results_difference(results, of_a, of_b), MEASURES[i].decimals);
    }
}

// RG-UNIT minus each other row.
static void put_mode_differences(rg_document_t *document, const rg_results_t *results, int annotated,
                                 const char *mode, const char *id)
{
    const rg_plan_t *plan = results->plan;
    rg_table_t table;
    columns_init(&table, id, mode, MEASURES, measures_count(results));
    for (int row = 0; row < plan->n_rows; row++) {
        if (row == RG_PLAN_ROW_RETRIEVED) continue;
        rg_table_cell(&table, "RG-UNIT minus %s", plan->row[row].title);
        put_row_difference(&table, results, RG_PLAN_ROW_RETRIEVED, row, annotated, mode);
    }
    rg_document_table(document, &table,
                      "Differences within a seed: mean and 95 % interval. An interval that contains 0 shows "
                      "no difference.");
}

// A row of the swap test: the measures with random neighbours minus those with the row's own, and the mean
// change of a pixel.
static void put_swap_row(rg_table_t *table, const rg_results_t *results, int row, int annotated,
                         const char *mode)
{
    static const column_t changes[] = {{NULL, "frechet_%s", 3},
                                       {NULL, "frechet_%s.*", 2},
                                       {NULL, "kid_%s", 5},
                                       {NULL, "wanted_accuracy_%s", 3}};
    char key[RG__KEY], other[RG__KEY], swapped[32];
    rg_result_key_t own = {row, annotated, RG_STAGE_3, NULL}, random = own;
    snprintf(swapped, sizeof swapped, "%s_random", mode);
    rg_table_cell(table, "%s, %s", results->plan->row[row].title, mode);
    for (int i = 0; i < COUNT(changes); i++) {
        own.key = rg__mode_key(key, changes[i].key, mode);
        random.key = rg__mode_key(other, changes[i].key, swapped);
        rg__put_difference(table, rg_results_difference(results, random, own), changes[i].decimals);
    }
    own.key = rg__mode_key(key, "pixel_change_255_%s", swapped);
    rg__put_mean(table, rg_results_mean(results, own), 2);
}

static void put_swap(rg_document_t *document, const rg_results_t *results, int annotated, const char *id)
{
    const char *titles[] = {"with random neighbours instead",
                            "Frechet, change",
                            "by domain, change",
                            "kernel, change",
                            "wanted, change",
                            "pixels, grey levels"};
    rg_table_t table;
    rg_table_init(&table, id, titles, COUNT(titles));
    for (int row = 0; row < results->plan->n_rows; row++) {
        if (row != RG_PLAN_ROW_RETRIEVED && row != RG_PLAN_ROW_RANDOM) continue;
        for (int m = 0; m < RG__MODES; m++) put_swap_row(&table, results, row, annotated, rg__modes[m]);
    }
    rg_document_table(
        document, &table,
        "The swap test. If neither distances nor pixels change, the generator ignores its neighbours.");
}

static void put_retrieval_beside(rg_document_t *document, const rg_results_t *results, int annotated, int k,
                                 const char *id)
{
    rg_table_t table;
    rg__precisions_init(&table, id, "precision of the neighbours");
    rg_table_cell(&table, "R as trained");
    rg__put_precisions(&table, results, (rg_result_key_t){RG_PLAN_BASE, annotated, RG_STAGE_2, NULL}, k,
                       "trained");
    rg__put_baselines(&table, results, annotated, k);
    rg_document_table(document, &table, "Precision of retrieval of the same seeds.");
}

static void draw_frechet(rg_document_t *document, const rg_results_t *results, int annotated, const char *id)
{
    const rg_plan_t *plan = results->plan;
    const char *group[RG__ROWS_MAX];
    rg_svg_bar_t bar[RG__ROWS_MAX * 2];
    char key[RG__KEY];
    for (int row = 0; row < plan->n_rows; row++) {
        group[row] = plan->row[row].name;
        for (int m = 0; m < 2; m++) {
            rg_statistic_t s =
                rg_results_mean(results, (rg_result_key_t){row, annotated, RG_STAGE_3,
                                                           rg__mode_key(key, "frechet_%s", rg__modes[m])});
            bar[row * 2 + m] = (rg_svg_bar_t){s.mean, s.half};
        }
    }
    const rg_svg_level_t level = {
        "real images",
        rg_results_mean(results, (rg_result_key_t){RG_PLAN_BASE, annotated, RG_STAGE_1, "frechet_floor"})
            .mean};
    const rg_svg_bars_t bars = {
        "Frechet distance by model", "Frechet distance", group, plan->n_rows, rg__modes, 2, bar, &level, 1};
    rg_document_figure(document, id, rg_svg_bars(&bars),
                       "Frechet distance, with 95 % intervals of the mean over seeds. They include the "
                       "spread of seeds, which "
                       "paired differences cancel.");
}

static void put_fraction(rg_document_t *document, const rg_results_t *results, int annotated, int k)
{
    char id[RG__KEY];
    int percent = (int)lround(100 * results->plan->annotated[annotated]);
    for (int m = 0; m < RG__MODES; m++) {
        snprintf(id, sizeof id, "translation-%d-%s", percent, rg__modes[m]);
        put_mode(document, results, annotated, rg__modes[m], id);
    }
    snprintf(id, sizeof id, "frechet-%d", percent);
    draw_frechet(document, results, annotated, id);
    for (int m = 0; m < RG__MODES; m++) {
        snprintf(id, sizeof id, "differences-%d-%s", percent, rg__modes[m]);
        put_mode_differences(document, results, annotated, rg__modes[m], id);
    }
    snprintf(id, sizeof id, "swap-%d", percent);
    put_swap(document, results, annotated, id);
    snprintf(id, sizeof id, "retrieval-%d", percent);
    put_retrieval_beside(document, results, annotated, k, id);
}

void rg_tables_translation(rg_document_t *document, const rg_results_t *results, int k)
{
    rg_document_heading(document, "Translation");
    rg_document_text(
        document,
        "Every image is translated to one flipped attribute: latent, with a sampled code, and reference, "
        "with "
        "the code of a real image. Distances and diversity are computed from the features of the extractor "
        "that "
        "is named below; only with Inception they are FID and KID. wanted: how often the classifier sees the "
        "flipped attribute; untouched: how often it sees the other attributes unchanged.");
    put_fraction(document, results, RG__WHOLE, k);
}

// ---- table 3

static void draw_annotation(rg_document_t *document, const rg_results_t *results, const char *mode)
{
    const rg_plan_t *plan = results->plan;
    double x[RG__ROWS_MAX], y[RG__ROWS_MAX][RG__ROWS_MAX];
    rg_svg_series_t series[RG__ROWS_MAX];
    char key[RG__KEY], id[RG__KEY], title[RG__KEY];
    for (int a = 0; a < plan->n_annotated; a++) x[a] = 100 * plan->annotated[a];
    for (int row = 0; row < plan->n_rows; row++) {
        for (int a = 0; a < plan->n_annotated; a++)
            y[row][a] = rg_results_mean(results, (rg_result_key_t){row, a, RG_STAGE_3,
                                                                   rg__mode_key(key, "frechet_%s", mode)})
                            .mean;
        series[row] = (rg_svg_series_t){plan->row[row].title, x, y[row], plan->n_annotated};
    }
    snprintf(title, sizeof title, "Frechet distance by annotation, %s", mode);
    snprintf(id, sizeof id, "annotation-%s", mode);
    const rg_svg_plot_t plot = {.title = title,
                                .x_title = "training images with annotation, %",
                                .y_title = title,
                                .series = series,
                                .n = plan->n_rows};
    rg_document_figure(document, id, rg_svg_plot(&plot), "Means over seeds.");
}

static void put_annotation(rg_document_t *document, const rg_results_t *results, const char *mode)
{
    const rg_plan_t *plan = results->plan;
    const char *titles[RG_TABLE_COLUMNS] = {"annotated"};
    char key[RG__KEY], id[RG__KEY];
    rg_table_t table;
    for (int row = 0; row < plan->n_rows; row++) titles[1 + row] = plan->row[row].title;
    titles[1 + plan->n_rows] = "RG-UNIT minus GMM-UNIT continued";
    snprintf(id, sizeof id, "table3-%s", mode);
    rg_table_init(&table, id, titles, 2 + plan->n_rows);
    for (int a = 0; a < plan->n_annotated; a++) {
        rg_result_key_t number = {0, a, RG_STAGE_3, rg__mode_key(key, "frechet_%s", mode)}, ours = number;
        ours.row = RG_PLAN_ROW_RETRIEVED;
        rg_table_cell(&table, "%.0f %%, %s", 100 * plan->annotated[a], mode);
        for (number.row = 0; number.row < plan->n_rows; number.row++)
            rg__put_mean(&table, rg_results_mean(results, number), 3);
        number.row = RG_PLAN_ROW_CONTINUED;
        rg__put_difference(&table, rg_results_difference(results, ours, number), 3);
    }
    rg_document_table(
        document, &table,
        "Frechet distance: mean and standard deviation over seeds, and the difference within seeds.");
}

void rg_tables_annotation(rg_document_t *document, const rg_results_t *results, int k)
{
    char heading[64];
    rg_document_heading(document, "By fraction of annotation");
    rg_document_text(document, "The retrieval set is all training images, annotated or not.");
    for (int m = 0; m < RG__MODES; m++) {
        put_annotation(document, results, rg__modes[m]);
        draw_annotation(document, results, rg__modes[m]);
    }
    for (int a = 0; a < results->plan->n_annotated; a++) {
        snprintf(heading, sizeof heading, "%.0f %% annotated", 100 * results->plan->annotated[a]);
        rg_document_heading(document, heading);
        put_fraction(document, results, a, k);
    }
}

// ---- sizes

static void put_size_differences(rg_document_t *document, const rg_results_t *results, const char *mode)
{
    const rg_plan_t *plan = results->plan;
    char id[RG__KEY];
    rg_table_t table;
    snprintf(id, sizeof id, "gains-%s", mode);
    columns_init(&table, id, mode, MEASURES, measures_count(results));
    for (int row = 0; row < plan->n_rows; row++) {
        if (row == plan->main_row) continue;
        rg_table_cell(&table, "%s minus all", plan->row[row].title);
        put_row_difference(&table, results, row, plan->main_row, RG__WHOLE, mode);
    }
    rg_document_table(document, &table, "Differences within a seed: mean and 95 % interval.");
}

static void draw_sizes(rg_document_t *document, const rg_results_t *results)
{
    const rg_plan_t *plan = results->plan;
    const int n = plan->main_row + 1; // sizes in ascending order
    double x[RG__ROWS_MAX], y[RG__MODES][RG__ROWS_MAX];
    rg_svg_series_t series[RG__MODES];
    char key[RG__KEY];
    for (int row = 0; row < n; row++) x[row] = 100 * plan->row[row].share;
    for (int m = 0; m < RG__MODES; m++) {
        for (int row = 0; row < n; row++)
            y[m][row] =
                rg_results_mean(results, (rg_result_key_t){row, RG__WHOLE, RG_STAGE_3,
                                                           rg__mode_key(key, "frechet_%s.*", rg__modes[m])})
                    .mean;
        series[m] = (rg_svg_series_t){rg__modes[m], x, y[m], n};
    }
    const rg_svg_plot_t plot = {.title = "Frechet distance by domain, by size of the retrieval set",
                                .x_title = "unannotated training images in the retrieval set, %",
                                .y_title = "Frechet distance by domain",
                                .series = series,
                                .n = RG__MODES};
    rg_document_figure(document, "sizes", rg_svg_plot(&plot), "Means over seeds.");
}

// When the images of growing sets had come.
static void put_growth(rg_document_t *document, const rg_results_t *results)
{
    const rg_plan_t *plan = results->plan;
    double iteration[RG_STATISTIC_MAX];
    rg_table_t table;
    rg_table_init(&table, "growth", (const char *[]){"seed", "all images in the set after iteration"}, 2);
    for (int row = 0; row < plan->n_rows; row++) {
        if (!plan->row[row].grows) continue;
        rg_results_values(results, (rg_result_key_t){row, RG__WHOLE, RG_STAGE_3, "set_complete_at"},
                          iteration);
        for (int seed = 0; seed < plan->seeds; seed++) {
            rg_table_cell(&table, "%d", plan->first_seed + seed);
            rg_table_cell(&table, "%.0f", iteration[seed]);
        }
    }
    rg_document_table(document, &table,
                      "Stage 3 of the row \"all, added while it trained\" began without unannotated images.");
}

void rg_tables_sizes(rg_document_t *document, const rg_results_t *results, int k)
{
    char id[RG__KEY];
    (void)k;
    rg_document_heading(document, "By size of the retrieval set");
    rg_document_text(
        document,
        "RG-UNIT with the annotated training images (%g %% of them) and a share of the others in "
        "its retrieval set. A smaller share is a part of a larger one. Other settings are those of "
        "table 2.",
        100 * results->plan->annotated[RG__WHOLE]);
    draw_sizes(document, results);
    for (int m = 0; m < RG__MODES; m++) {
        snprintf(id, sizeof id, "sizes-%s", rg__modes[m]);
        put_mode(document, results, RG__WHOLE, rg__modes[m], id);
        put_size_differences(document, results, rg__modes[m]);
    }
    put_growth(document, results);
}
