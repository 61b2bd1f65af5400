// The cells that all tables share, and table 1: precision of retrieval by what R was trained with, beside
// the precision of what needs no training (RG__SPACES), which a trained R must exceed.
#include "services/report/experiment/tables.h"

#include <stdio.h>
#include <string.h>

#include "common/model/stage.h"
#include "common/report/svg.h"

// ---- cells of all tables

const char rg__exemplars[] = "exemplars: real images with the wanted labels";
const char *const rg__modes[RG__MODES] = {"latent", "reference"};

const char *const rg__spaces[RG__SPACES][2] = {{"R untrained", "untrained"},
                                               {"code alone, no R", "code_only"},
                                               {"code alone, asked with components", "code_components"},
                                               {"random images", "random"}};

static const char *const WHATS[] = {"attributes", "content", "average", "strict", "found"};

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

void rg__put_mean(rg_table_t *table, rg_statistic_t s, int decimals)
{
    if (s.n == 0)
        rg_table_cell(table, "–");
    else if (s.n == 1)
        rg_table_cell(table, "%.*f", decimals, s.mean);
    else
        rg_table_cell(table, "%.*f ± %.*f", decimals, s.mean, decimals, s.spread);
}

void rg__put_difference(rg_table_t *table, rg_statistic_t s, int decimals)
{
    if (s.n < 2)
        rg_table_cell(table, s.n ? "%+.*f" : "–", decimals, s.mean);
    else
        rg_table_cell(table, "%+.*f [%+.*f, %+.*f]", decimals, s.mean, decimals, s.mean - s.half, decimals,
                      s.mean + s.half);
}

const char *rg__mode_key(char out[RG__KEY], const char *pattern, const char *mode)
{
    size_t stem = strcspn(pattern, "%");
    snprintf(out, RG__KEY, "%.*s%s%s", (int)stem, pattern, mode, pattern + stem + strlen("%s"));
    return out;
}

const char *rg__precision_key(char out[RG__KEY], int k, const char *space, const char *what)
{
    snprintf(out, RG__KEY, "p%d.%s.%s", k, space, what);
    return out;
}

void rg__put_precisions(rg_table_t *table, const rg_results_t *results, rg_result_key_t number, int k,
                        const char *space)
{
    char key[RG__KEY];
    for (int i = 0; i < COUNT(WHATS); i++) {
        number.key = rg__precision_key(key, k, space, WHATS[i]);
        rg__put_mean(table, rg_results_mean(results, number), 3);
    }
}

void rg__precisions_init(rg_table_t *table, const char *id, const char *first)
{
    const char *titles[] = {first, "attributes", "content", "average", "all match", "of the set"};
    rg_table_init(table, id, titles, COUNT(titles));
}

// The rows of what needs no training.
void rg__put_baselines(rg_table_t *table, const rg_results_t *results, int annotated, int k)
{
    for (int i = 0; i < RG__SPACES; i++) {
        rg_table_cell(table, "%s", rg__spaces[i][0]);
        rg__put_precisions(table, results, (rg_result_key_t){RG_PLAN_BASE, annotated, RG_STAGE_2, NULL}, k,
                           rg__spaces[i][1]);
    }
}

// ---- table 1

static void put_gains(rg_document_t *document, const rg_results_t *results, int k)
{
    const rg_plan_t *plan = results->plan;
    const char *titles[] = {"average, minus", "R untrained", "code alone, no R",
                            "code alone, asked with components", "random images"};
    char key[RG__KEY], other[RG__KEY];
    rg_table_t table;
    rg_table_init(&table, "gains", titles, COUNT(titles));
    for (int row = 0; row < plan->n_rows; row++) {
        rg_table_cell(&table, "%s", plan->row[row].title);
        rg_result_key_t of_row = {row, RG__WHOLE, RG_STAGE_2,
                                  rg__precision_key(key, k, "trained", "average")};
        for (int i = 0; i < RG__SPACES; i++) {
            rg_result_key_t of_base = {RG_PLAN_BASE, RG__WHOLE, RG_STAGE_2,
                                       rg__precision_key(other, k, rg__spaces[i][1], "average")};
            rg__put_difference(&table, rg_results_difference(results, of_row, of_base), 3);
        }
    }
    rg_document_table(document, &table,
                      "What each R gains, within a seed: mean and 95 % interval. An R that does not exceed "
                      "what needs no training has learned nothing.");
}

static rg_statistic_t precision_of(const rg_results_t *results, int row, int k, const char *space,
                                   const char *what)
{
    char key[RG__KEY];
    rg_result_key_t number = {row, RG__WHOLE, RG_STAGE_2, rg__precision_key(key, k, space, what)};
    return rg_results_mean(results, number);
}

static void draw_precisions(rg_document_t *document, const rg_results_t *results, int k)
{
    const rg_plan_t *plan = results->plan;
    static const char *const series[] = {"attributes", "content", "average"};
    const char *group[RG__ROWS_MAX];
    rg_svg_bar_t bar[RG__ROWS_MAX * 3];
    rg_svg_level_t level[2] = {{.name = "R untrained"}, {.name = "code alone"}};
    for (int row = 0; row < plan->n_rows; row++) {
        group[row] = plan->row[row].name;
        for (int i = 0; i < 3; i++) {
            rg_statistic_t s = precision_of(results, row, k, "trained", series[i]);
            bar[row * 3 + i] = (rg_svg_bar_t){s.mean, s.half};
        }
    }
    for (int i = 0; i < 2; i++)
        level[i].value = precision_of(results, RG_PLAN_BASE, k, rg__spaces[i][1], "average").mean;
    const rg_svg_bars_t bars = {.title = "Precision of retrieval by what R was trained with",
                                .y_title = "P@k",
                                .group = group,
                                .groups = plan->n_rows,
                                .series = series,
                                .n = 3,
                                .bar = bar,
                                .level = level,
                                .levels = 2};
    rg_document_figure(
        document, "precision", rg_svg_bars(&bars),
        "Precision by what R was trained with, with 95 % intervals of the mean over seeds. The lines are the "
        "averages of R before training and of the code alone.");
}

void rg_tables_retrieval(rg_document_t *document, const rg_results_t *results, int k)
{
    const rg_plan_t *plan = results->plan;
    rg_table_t table;
    rg__precisions_init(&table, "table1", "R trained with");
    for (int row = 0; row < plan->n_rows; row++) {
        rg_table_cell(&table, "%s", plan->row[row].title);
        rg__put_precisions(&table, results, (rg_result_key_t){row, RG__WHOLE, RG_STAGE_2, NULL}, k,
                           "trained");
    }
    rg__put_baselines(&table, results, RG__WHOLE, k);
    rg_document_heading(document, "Precision of retrieval");
    rg_document_text(
        document,
        "Queries are images with one attribute flipped. All training images are searched exactly. Of the %d "
        "images found for each query: the fraction of edited attributes that are as wanted; the fraction of "
        "other attributes that are as in the query; the mean of both; the fraction of images that match in "
        "every edited attribute; and the fraction of the set that some query found, which is small if all "
        "queries find the same images.",
        k);
    rg_document_table(document, &table, "Mean and standard deviation over seeds.");
    draw_precisions(document, results, k);
    put_gains(document, results, k);
}
