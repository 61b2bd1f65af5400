#include "services/ctl/experiment/tables.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "services/ctl/report/bars.h"
#include "services/ctl/report/plot.h"
#include "services/ctl/stage.h"

enum { KEY = 96, ROWS_MAX = 8, WHOLE = 0 };

// A column of a table: a number of the reports.
typedef struct {
    const char *title, *key;
    int decimals;
} column_t;

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

// ---- cells

static void put_mean(rg_table_t *table, rg_statistic_t s, int decimals)
{
    if (s.n == 0)
        rg_table_cell(table, "–");
    else if (s.n == 1)
        rg_table_cell(table, "%.*f", decimals, s.mean);
    else
        rg_table_cell(table, "%.*f ± %.*f", decimals, s.mean, decimals, s.spread);
}

static void put_difference(rg_table_t *table, rg_statistic_t s, int decimals)
{
    if (s.n < 2)
        rg_table_cell(table, s.n ? "%+.*f" : "–", decimals, s.mean);
    else
        rg_table_cell(table, "%+.*f [%+.*f, %+.*f]", decimals, s.mean, decimals, s.mean - s.half, decimals,
                      s.mean + s.half);
}

static void start(rg_table_t *table, const char *id, const char *first, const column_t *column, int n)
{
    const char *titles[RG_TABLE_COLUMNS] = {first};
    for (int i = 0; i < n; i++) titles[1 + i] = column[i].title;
    rg_table_init(table, id, titles, 1 + n);
}

// ---- retrieval

static const char *const SPACES[][2] = {
    {"R untrained", "untrained"}, {"code alone, no R", "code_only"}, {"random images", "random"}};

static const char *const WHATS[] = {"attributes", "content", "average", "strict"};

// "p10.trained.average"
static const char *precision_key(char out[KEY], int k, const char *space, const char *what)
{
    snprintf(out, KEY, "p%d.%s.%s", k, space, what);
    return out;
}

static void put_precisions(rg_table_t *table, const rg_results_t *results, rg_number_t number, int k,
                           const char *space)
{
    char key[KEY];
    for (int i = 0; i < COUNT(WHATS); i++) {
        number.key = precision_key(key, k, space, WHATS[i]);
        put_mean(table, rg_results_mean(results, number), 3);
    }
}

static void start_precisions(rg_table_t *table, const char *id, const char *first)
{
    const char *titles[] = {first, "attributes", "content", "average", "all match"};
    rg_table_init(table, id, titles, COUNT(titles));
}

// The base's own R with the rows that any R must beat.
static void put_baselines(rg_table_t *table, const rg_results_t *results, int annotated, int k)
{
    for (int i = 0; i < COUNT(SPACES); i++) {
        rg_table_cell(table, "%s", SPACES[i][0]);
        put_precisions(table, results, (rg_number_t){RG_BASE, annotated, RG_STAGE_2, NULL}, k, SPACES[i][1]);
    }
}

static void put_gains(rg_document_t *document, const rg_results_t *results, int k)
{
    const rg_plan_t *plan = results->plan;
    const char *titles[] = {"average, minus", "R untrained", "code alone, no R", "random images"};
    char key[KEY], other[KEY];
    rg_table_t table;
    rg_table_init(&table, "gains", titles, COUNT(titles));
    for (int row = 0; row < plan->n_rows; row++) {
        rg_table_cell(&table, "%s", plan->row[row].title);
        rg_number_t of_row = {row, WHOLE, RG_STAGE_2, precision_key(key, k, "trained", "average")};
        for (int i = 0; i < COUNT(SPACES); i++) {
            rg_number_t of_base = {RG_BASE, WHOLE, RG_STAGE_2,
                                   precision_key(other, k, SPACES[i][1], "average")};
            put_difference(&table, rg_results_difference(results, of_row, of_base), 3);
        }
    }
    rg_document_table(document, &table,
                      "What each R gains, within a seed: mean and 95 % interval. An R that does not beat the "
                      "first two is not trained.");
}

static void draw_precisions(rg_document_t *document, const rg_results_t *results, int k)
{
    const rg_plan_t *plan = results->plan;
    static const char *const series[] = {"attributes", "content", "average"};
    const char *group[ROWS_MAX];
    rg_bar_t bar[ROWS_MAX * 3];
    rg_level_t level[2] = {{.name = "R untrained"}, {.name = "code alone"}};
    char key[KEY];
    for (int row = 0; row < plan->n_rows; row++) {
        group[row] = plan->row[row].name;
        for (int i = 0; i < 3; i++) {
            rg_statistic_t s = rg_results_mean(
                results, (rg_number_t){row, WHOLE, RG_STAGE_2, precision_key(key, k, "trained", series[i])});
            bar[row * 3 + i] = (rg_bar_t){s.mean, s.half};
        }
    }
    for (int i = 0; i < 2; i++)
        level[i].value =
            rg_results_mean(results, (rg_number_t){RG_BASE, WHOLE, RG_STAGE_2,
                                                   precision_key(key, k, SPACES[i][1], "average")})
                .mean;
    const rg_bars_t bars = {
        "Precision of retrieval by kind of negatives", "P@k", group, plan->n_rows, series, 3, bar, level, 2};
    rg_document_figure(document, "precision", rg_bars_svg(&bars),
                       "Precision by kind of negatives, with 95 % intervals of the mean over seeds; the "
                       "lines are the averages of "
                       "R before training and of the code alone.");
}

void rg_tables_retrieval(rg_document_t *document, const rg_results_t *results, int k)
{
    const rg_plan_t *plan = results->plan;
    rg_table_t table;
    start_precisions(&table, "table1", "negatives");
    for (int row = 0; row < plan->n_rows; row++) {
        rg_table_cell(&table, "%s", plan->row[row].title);
        put_precisions(&table, results, (rg_number_t){row, WHOLE, RG_STAGE_2, NULL}, k, "trained");
    }
    put_baselines(&table, results, WHOLE, k);
    rg_document_heading(document, "Precision of retrieval");
    rg_document_text(
        document,
        "Queries are images with one attribute flipped; the set is all training images, searched "
        "exactly. Of the %d images found: the fraction of the edited attributes that are as wanted, of "
        "all others that are as the query's, the mean of both, and how many match in every edited attribute.",
        k);
    rg_document_table(document, &table, "Mean and standard deviation over seeds.");
    draw_precisions(document, results, k);
    put_gains(document, results, k);
}

// ---- translation

static const char *const MODES[] = {"latent", "reference"};

static const column_t MEASURES[] = {
    {"Frechet ↓", "frechet_%s", 3},        {"kernel ↓", "kid_%s", 5},
    {"precision ↑", "precision_%s", 3},    {"coverage ↑", "coverage_%s", 3},
    {"wanted ↑", "wanted_accuracy_%s", 3}, {"untouched ↑", "untouched_accuracy_%s", 3},
    {"diversity ↑", "diversity_%s", 3}};

static const char *mode_key(char out[KEY], const char *pattern, const char *mode)
{
    size_t stem = strcspn(pattern, "%");
    snprintf(out, KEY, "%.*s%s", (int)stem, pattern, mode);
    return out;
}

static void put_measures(rg_table_t *table, const rg_results_t *results, rg_number_t number, const char *mode)
{
    char key[KEY];
    for (int i = 0; i < COUNT(MEASURES); i++) {
        number.key = mode_key(key, MEASURES[i].key, mode);
        put_mean(table, rg_results_mean(results, number), MEASURES[i].decimals);
    }
}

// Real images, under the names that their bounds have in the reports.
static void put_real(rg_table_t *table, const rg_results_t *results, int annotated)
{
    static const char *const keys[] = {"frechet_floor",    "kid_floor",        "precision_ceiling",
                                       "coverage_ceiling", "ceiling_accuracy", "untouched_ceiling_accuracy",
                                       "diversity_real"};
    rg_table_cell(table, "real images");
    for (int i = 0; i < COUNT(keys); i++)
        put_mean(table, rg_results_mean(results, (rg_number_t){RG_BASE, annotated, RG_STAGE_1, keys[i]}),
                 MEASURES[i].decimals);
}

static void put_mode(rg_document_t *document, const rg_results_t *results, int annotated, const char *mode,
                     const char *id)
{
    const rg_plan_t *plan = results->plan;
    rg_table_t table;
    start(&table, id, mode, MEASURES, COUNT(MEASURES));
    rg_table_cell(&table, "GMM-UNIT, after stage 1");
    put_measures(&table, results, (rg_number_t){RG_BASE, annotated, RG_STAGE_1, NULL}, mode);
    for (int row = 0; row < plan->n_rows; row++) {
        rg_table_cell(&table, "%s", plan->row[row].title);
        put_measures(&table, results, (rg_number_t){row, annotated, RG_STAGE_3, NULL}, mode);
    }
    put_real(&table, results, annotated);
    rg_document_table(document, &table, "Mean and standard deviation over seeds.");
}

// RG-UNIT minus each other row.
static void put_mode_differences(rg_document_t *document, const rg_results_t *results, int annotated,
                                 const char *mode, const char *id)
{
    const rg_plan_t *plan = results->plan;
    rg_table_t table;
    char key[KEY];
    start(&table, id, mode, MEASURES, COUNT(MEASURES));
    for (int row = 0; row < plan->n_rows; row++) {
        if (row == RG_ROW_RETRIEVED) continue;
        rg_table_cell(&table, "RG-UNIT minus %s", plan->row[row].title);
        for (int i = 0; i < COUNT(MEASURES); i++) {
            rg_number_t ours = {RG_ROW_RETRIEVED, annotated, RG_STAGE_3,
                                mode_key(key, MEASURES[i].key, mode)},
                        other = ours;
            other.row = row;
            put_difference(&table, rg_results_difference(results, ours, other), MEASURES[i].decimals);
        }
    }
    rg_document_table(
        document, &table,
        "Differences within a seed: mean and 95 % interval. An interval that holds 0 shows no difference.");
}

// What changes when the trained model is given random neighbours.
static void put_swap(rg_document_t *document, const rg_results_t *results, int annotated, const char *id)
{
    const char *titles[] = {"given random neighbours instead", "Frechet, change", "kernel, change",
                            "wanted, change", "pixels, grey levels"};
    char key[KEY], other[KEY];
    rg_table_t table;
    rg_table_init(&table, id, titles, COUNT(titles));
    for (int row = 0; row < results->plan->n_rows; row++) {
        if (row != RG_ROW_RETRIEVED && row != RG_ROW_RANDOM) continue;
        for (int m = 0; m < COUNT(MODES); m++) {
            static const char *const stems[] = {"frechet_%s", "kid_%s", "wanted_accuracy_%s"};
            char swapped[32];
            snprintf(swapped, sizeof swapped, "%s_random", MODES[m]);
            rg_table_cell(&table, "%s, %s", results->plan->row[row].title, MODES[m]);
            for (int i = 0; i < COUNT(stems); i++) {
                rg_number_t with = {row, annotated, RG_STAGE_3, mode_key(key, stems[i], MODES[m])},
                            without = {row, annotated, RG_STAGE_3, mode_key(other, stems[i], swapped)};
                put_difference(&table, rg_results_difference(results, without, with), i == 1 ? 5 : 3);
            }
            put_mean(&table,
                     rg_results_mean(results, (rg_number_t){row, annotated, RG_STAGE_3,
                                                            mode_key(key, "pixel_change_255_%s", swapped)}),
                     2);
        }
    }
    rg_document_table(document, &table,
                      "The swap test. Where neither distances nor pixels change, the generator ignores what "
                      "was retrieved.");
}

static void put_retrieval_beside(rg_document_t *document, const rg_results_t *results, int annotated, int k,
                                 const char *id)
{
    rg_table_t table;
    start_precisions(&table, id, "what the neighbours are worth");
    rg_table_cell(&table, "R as trained");
    put_precisions(&table, results, (rg_number_t){RG_BASE, annotated, RG_STAGE_2, NULL}, k, "trained");
    put_baselines(&table, results, annotated, k);
    rg_document_table(document, &table, "Precision of retrieval of the same seeds.");
}

static void draw_frechet(rg_document_t *document, const rg_results_t *results, int annotated, const char *id)
{
    const rg_plan_t *plan = results->plan;
    const char *group[ROWS_MAX];
    rg_bar_t bar[ROWS_MAX * 2];
    char key[KEY];
    for (int row = 0; row < plan->n_rows; row++) {
        group[row] = plan->row[row].name;
        for (int m = 0; m < 2; m++) {
            rg_statistic_t s = rg_results_mean(
                results, (rg_number_t){row, annotated, RG_STAGE_3, mode_key(key, "frechet_%s", MODES[m])});
            bar[row * 2 + m] = (rg_bar_t){s.mean, s.half};
        }
    }
    const rg_level_t level = {
        "real images",
        rg_results_mean(results, (rg_number_t){RG_BASE, annotated, RG_STAGE_1, "frechet_floor"}).mean};
    const rg_bars_t bars = {
        "Frechet distance by model", "Frechet distance", group, plan->n_rows, MODES, 2, bar, &level, 1};
    rg_document_figure(
        document, id, rg_bars_svg(&bars),
        "Frechet distance, with 95 % intervals of the mean over seeds (the spread of seeds, which paired "
        "differences leave out).");
}

static void put_fraction(rg_document_t *document, const rg_results_t *results, int annotated, int k)
{
    char id[KEY];
    int percent = (int)lround(100 * results->plan->annotated[annotated]);
    for (int m = 0; m < COUNT(MODES); m++) {
        snprintf(id, sizeof id, "translation-%d-%s", percent, MODES[m]);
        put_mode(document, results, annotated, MODES[m], id);
    }
    snprintf(id, sizeof id, "frechet-%d", percent);
    draw_frechet(document, results, annotated, id);
    for (int m = 0; m < COUNT(MODES); m++) {
        snprintf(id, sizeof id, "differences-%d-%s", percent, MODES[m]);
        put_mode_differences(document, results, annotated, MODES[m], id);
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
        "Every image is translated to one flipped attribute: latent, with a drawn code, and reference, with "
        "the code of a real image. Distances and diversity are of the features of the extractor named below, "
        "not "
        "FID or LPIPS. wanted and untouched: how often the classifier sees what was asked, and what was "
        "not.");
    put_fraction(document, results, WHOLE, k);
}

// ---- annotation

static void draw_annotation(rg_document_t *document, const rg_results_t *results, const char *mode)
{
    const rg_plan_t *plan = results->plan;
    double x[ROWS_MAX], y[ROWS_MAX][ROWS_MAX];
    rg_series_t series[ROWS_MAX];
    char key[KEY], id[KEY], title[KEY];
    for (int a = 0; a < plan->n_annotated; a++) x[a] = 100 * plan->annotated[a];
    for (int row = 0; row < plan->n_rows; row++) {
        for (int a = 0; a < plan->n_annotated; a++)
            y[row][a] =
                rg_results_mean(results, (rg_number_t){row, a, RG_STAGE_3, mode_key(key, "frechet_%s", mode)})
                    .mean;
        series[row] = (rg_series_t){plan->row[row].title, x, y[row], plan->n_annotated};
    }
    snprintf(title, sizeof title, "Frechet distance by annotation, %s", mode);
    snprintf(id, sizeof id, "annotation-%s", mode);
    const rg_plot_t plot = {.title = title,
                            .x_title = "training images with annotation, %",
                            .y_title = title,
                            .series = series,
                            .n = plan->n_rows};
    rg_document_figure(document, id, rg_plot_svg(&plot), "Means over seeds.");
}

static void put_annotation(rg_document_t *document, const rg_results_t *results, const char *mode)
{
    const rg_plan_t *plan = results->plan;
    const char *titles[RG_TABLE_COLUMNS] = {"annotated"};
    char key[KEY], id[KEY];
    rg_table_t table;
    for (int row = 0; row < plan->n_rows; row++) titles[1 + row] = plan->row[row].title;
    titles[1 + plan->n_rows] = "RG-UNIT minus GMM-UNIT continued";
    snprintf(id, sizeof id, "table3-%s", mode);
    rg_table_init(&table, id, titles, 2 + plan->n_rows);
    for (int a = 0; a < plan->n_annotated; a++) {
        rg_number_t number = {0, a, RG_STAGE_3, mode_key(key, "frechet_%s", mode)}, ours = number;
        ours.row = RG_ROW_RETRIEVED;
        rg_table_cell(&table, "%.0f %%, %s", 100 * plan->annotated[a], mode);
        for (number.row = 0; number.row < plan->n_rows; number.row++)
            put_mean(&table, rg_results_mean(results, number), 3);
        number.row = RG_ROW_CONTINUED;
        put_difference(&table, rg_results_difference(results, ours, number), 3);
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
    for (int m = 0; m < COUNT(MODES); m++) {
        put_annotation(document, results, MODES[m]);
        draw_annotation(document, results, MODES[m]);
    }
    for (int a = 0; a < results->plan->n_annotated; a++) {
        snprintf(heading, sizeof heading, "%.0f %% annotated", 100 * results->plan->annotated[a]);
        rg_document_heading(document, heading);
        put_fraction(document, results, a, k);
    }
}
