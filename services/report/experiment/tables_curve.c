// The table of curve: models at equal accuracy. For each mode of translation (put_curve_mode):
//
//   put_points   measures of every model at every weight
//   draw_curve   distance by accuracy, a curve per model
//   put_equal    RG-UNIT minus each other model, where the curves of a seed have the same accuracy
#include <math.h>
#include <stdio.h>

#include "common/model/stage.h"
#include "common/report/svg.h"
#include "services/report/experiment/curve.h"
#include "services/report/experiment/tables.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static const char ACCURACY[] = "wanted_accuracy_%s";

// The distances that are compared.
typedef struct {
    const char *name, *title, *key;
    int decimals;
    int relative; // 1: has a natural zero, so that percentages make sense
} distance_t;

static const distance_t DISTANCES[] = {{"frechet", "Frechet distance by domain", "frechet_%s.*", 2, 1},
                                       {"kernel", "kernel distance by domain", "kid_%s.*", 5, 0}};

static rg_result_key_t key_at(char key[RG__KEY], int row, int weight, const char *pattern, const char *mode)
{
    return (rg_result_key_t){row, RG__WHOLE, RG_STAGE_3, rg__mode_key(key, pattern, mode), weight};
}

// Of the exemplars. All rows of a seed are measured with the same references, and so is the run of stage 1.
static rg_result_key_t exemplar_key(char key[RG__KEY], const char *pattern)
{
    return (rg_result_key_t){RG_PLAN_BASE, RG__WHOLE, RG_STAGE_1, rg__mode_key(key, pattern, "exemplar")};
}

// ---- measures of all points

static const struct {
    const char *title, *key;
    int decimals;
} POINTS[] = {{"wanted ↑", ACCURACY, 3},          {"untouched ↑", "untouched_accuracy_%s", 3},
              {"by domain ↓", "frechet_%s.*", 2}, {"kernel by domain ↓", "kid_%s.*", 5},
              {"Frechet ↓", "frechet_%s", 3},     {"diversity ↑", "diversity_%s", 3},
              {"identity ↑", "identity_%s", 3}};

// The last cell: what random neighbours at test time change.
static void put_point(rg_table_t *table, const rg_results_t *results, int row, int weight, const char *mode)
{
    char key[RG__KEY], other[RG__KEY], swapped[32];
    snprintf(swapped, sizeof swapped, "%s_random", mode);
    rg_table_cell(table, "%s, %g", results->plan->row[row].title, results->plan->weight[weight]);
    for (int i = 0; i < COUNT(POINTS); i++)
        rg__put_mean(table, rg_results_mean(results, key_at(key, row, weight, POINTS[i].key, mode)),
                     POINTS[i].decimals);
    rg__put_difference(table,
                       rg_results_difference(results, key_at(other, row, weight, "frechet_%s.*", swapped),
                                             key_at(key, row, weight, "frechet_%s.*", mode)),
                       2);
}

static void put_exemplars(rg_table_t *table, const rg_results_t *results)
{
    char key[RG__KEY];
    rg_table_cell(table, "%s", rg__exemplars);
    for (int i = 0; i < COUNT(POINTS); i++)
        rg__put_mean(table, rg_results_mean(results, exemplar_key(key, POINTS[i].key)), POINTS[i].decimals);
    rg_table_cell(table, "–");
}

static void put_points(rg_document_t *document, const rg_results_t *results, const char *mode)
{
    const rg_plan_t *plan = results->plan;
    const char *titles[COUNT(POINTS) + 2] = {mode};
    char id[RG__KEY];
    rg_table_t table;
    for (int i = 0; i < COUNT(POINTS); i++) titles[1 + i] = POINTS[i].title;
    titles[COUNT(POINTS) + 1] = "by domain, change with random neighbours";
    snprintf(id, sizeof id, "points-%s", mode);
    rg_table_init(&table, id, titles, COUNT(titles));
    for (int row = 0; row < plan->n_rows; row++)
        for (int weight = 0; weight < plan->n_weights; weight++)
            put_point(&table, results, row, weight, mode);
    put_exemplars(&table, results);
    rg_document_table(
        document, &table,
        "Every model at every weight: mean and standard deviation over seeds. Last column: the swap "
        "test, mean and 95 % interval.");
}

// ---- curves of means
//
// Random neighbours lie far away from all others, which would then be one line: the table has them.

static void draw_curve(rg_document_t *document, const rg_results_t *results, const distance_t *distance,
                       const char *mode)
{
    const rg_plan_t *plan = results->plan;
    double x[RG__ROWS_MAX + 1][RG_PLAN_WEIGHTS_MAX], y[RG__ROWS_MAX + 1][RG_PLAN_WEIGHTS_MAX];
    rg_svg_series_t series[RG__ROWS_MAX + 1];
    char key[RG__KEY], id[RG__KEY], title[RG__KEY];
    int n = 0;
    for (int row = 0; row < plan->n_rows; row++) {
        if (row == RG_PLAN_ROW_RANDOM) continue;
        for (int w = 0; w < plan->n_weights; w++) {
            x[n][w] = rg_results_mean(results, key_at(key, row, w, ACCURACY, mode)).mean;
            y[n][w] = rg_results_mean(results, key_at(key, row, w, distance->key, mode)).mean;
        }
        series[n] = (rg_svg_series_t){plan->row[row].title, x[n], y[n], plan->n_weights};
        n++;
    }
    x[n][0] = rg_results_mean(results, exemplar_key(key, ACCURACY)).mean;
    y[n][0] = rg_results_mean(results, exemplar_key(key, distance->key)).mean;
    series[n] = (rg_svg_series_t){rg__exemplars, x[n], y[n], 1};
    n++;
    snprintf(title, sizeof title, "%s, %s", distance->title, mode);
    snprintf(id, sizeof id, "curve-%s-%s", distance->name, mode);
    const rg_svg_plot_t plot = {.title = title,
                                .x_title = "wanted attribute seen",
                                .y_title = title,
                                .series = series,
                                .n = n,
                                .dots = 1};
    rg_document_figure(document, id, rg_svg_plot(&plot),
                       "Means over seeds. The points of a model are joined in the order of their weights.");
}

// ---- equal accuracy

enum { LOWEST, MIDDLE, HIGHEST, PLACES };
static const char *const PLACE_NAMES[PLACES] = {"lowest", "middle", "highest"};

// One value per seed; NAN where the two curves have no accuracy in common.
typedef struct {
    double accuracy[RG_STATISTIC_MAX], ours[RG_STATISTIC_MAX], other[RG_STATISTIC_MAX],
        percent[RG_STATISTIC_MAX];
} equal_t;

// The curves of a row, one per seed: curve [seeds].
static void curves_of(rg_curve_t *curve, const rg_results_t *results, int row, const char *pattern,
                      const char *mode)
{
    const int seeds = results->plan->seeds, n = results->plan->n_weights;
    double x[RG_PLAN_WEIGHTS_MAX][RG_STATISTIC_MAX], y[RG_PLAN_WEIGHTS_MAX][RG_STATISTIC_MAX];
    char key[RG__KEY];
    for (int w = 0; w < n; w++) {
        rg_results_values(results, key_at(key, row, w, ACCURACY, mode), x[w]);
        rg_results_values(results, key_at(key, row, w, pattern, mode), y[w]);
    }
    for (int seed = 0; seed < seeds; seed++) {
        double of_x[RG_PLAN_WEIGHTS_MAX], of_y[RG_PLAN_WEIGHTS_MAX];
        for (int w = 0; w < n; w++) of_x[w] = x[w][seed], of_y[w] = y[w][seed];
        rg_curve_init(&curve[seed], of_x, of_y, n);
    }
}

static void compare_at(equal_t *equal, const rg_curve_t *ours, const rg_curve_t *other, int seed, int place)
{
    double low = NAN, high = NAN;
    int common = rg_curve_common(ours, other, &low, &high);
    double x = !common ? NAN : place == LOWEST ? low : place == HIGHEST ? high : (low + high) / 2;
    equal->accuracy[seed] = x;
    equal->ours[seed] = common ? rg_curve_at(ours, x) : NAN;
    equal->other[seed] = common ? rg_curve_at(other, x) : NAN;
    equal->percent[seed] = 100 * (equal->ours[seed] / equal->other[seed] - 1);
}

static void put_equal_row(rg_table_t *table, const equal_t *equal, int seeds, const distance_t *distance)
{
    rg_statistic_t difference = rg_statistic_paired(equal->ours, equal->other, seeds);
    rg__put_mean(table, rg_statistic(equal->accuracy, seeds), 3);
    rg__put_mean(table, rg_statistic(equal->ours, seeds), distance->decimals);
    rg__put_mean(table, rg_statistic(equal->other, seeds), distance->decimals);
    rg__put_difference(table, difference, distance->decimals);
    rg__put_difference(table,
                       distance->relative ? rg_statistic(equal->percent, seeds) : rg_statistic(NULL, 0), 1);
    rg_table_cell(table, "%d of %d", difference.n, seeds);
}

static void put_equal(rg_document_t *document, const rg_results_t *results, const distance_t *distance,
                      const char *mode)
{
    const rg_plan_t *plan = results->plan;
    const char *titles[] = {mode, "at accuracy", "RG-UNIT", "the other", "difference", "in %", "pairs"};
    rg_curve_t ours[RG_STATISTIC_MAX], other[RG_STATISTIC_MAX];
    char id[RG__KEY], caption[256];
    rg_table_t table;
    snprintf(id, sizeof id, "equal-%s-%s", distance->name, mode);
    rg_table_init(&table, id, titles, COUNT(titles));
    curves_of(ours, results, plan->main_row, distance->key, mode);
    for (int row = 0; row < plan->n_rows; row++) {
        if (row == plan->main_row) continue;
        curves_of(other, results, row, distance->key, mode);
        for (int place = 0; place < PLACES; place++) {
            equal_t equal;
            for (int seed = 0; seed < plan->seeds; seed++)
                compare_at(&equal, &ours[seed], &other[seed], seed, place);
            rg_table_cell(&table, "RG-UNIT minus %s, %s common accuracy", plan->row[row].title,
                          PLACE_NAMES[place]);
            put_equal_row(&table, &equal, plan->seeds, distance);
        }
    }
    snprintf(caption, sizeof caption,
             "%s at equal accuracy. Differences within a seed: mean and 95 %% interval. A dash: in no seed "
             "have the two an accuracy in common.",
             distance->title);
    rg_document_table(document, &table, caption);
}

// ---- all of it

static void put_curve_mode(rg_document_t *document, const rg_results_t *results, const char *mode)
{
    for (int i = 0; i < COUNT(DISTANCES); i++) {
        draw_curve(document, results, &DISTANCES[i], mode);
        put_equal(document, results, &DISTANCES[i], mode);
    }
    put_points(document, results, mode);
}

void rg_tables_curve(rg_document_t *document, const rg_results_t *results, int k)
{
    (void)k;
    rg_document_heading(document, "Distance by accuracy");
    rg_document_text(
        document,
        "Each model was trained with several weights of stage3.loss.classify. A larger weight makes "
        "translations show the wanted attribute more often, and look less real. So models are compared at "
        "equal "
        "accuracy, not at equal weight. By domain: the mean over the domains of the distance between images "
        "translated to a domain and real images that show it.");
    rg_document_text(
        document,
        "Equal accuracy: in each seed, the points of a model are sorted by accuracy and joined by straight "
        "lines. Two models of a seed are compared at the lowest, the middle and the highest accuracy that "
        "both "
        "lines have; nothing is extrapolated. A seed in which they have none in common gives no pair. Then "
        "other weights are needed (--classify), unless one of the models cannot reach the other's accuracy. "
        "The "
        "lowest and the highest accuracy are each a measured point of one of the two.");
    for (int m = 0; m < RG__MODES; m++) put_curve_mode(document, results, rg__modes[m]);
}
