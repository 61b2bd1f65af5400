// Table 1: how well retrieval works by what R was trained with.
#include <stdio.h>

#include "services/report/experiment/tables_private.h"
#include "services/report/document/bars.h"
#include "common/model/stage.h"

enum { WHOLE = 0 }; // the one fraction of annotation

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

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
        rg_number_t of_row = {row, WHOLE, RG_STAGE_2, rg__precision_key(key, k, "trained", "average")};
        for (int i = 0; i < RG__SPACES; i++) {
            rg_number_t of_base = {RG_BASE, WHOLE, RG_STAGE_2,
                                   rg__precision_key(other, k, rg__spaces[i][1], "average")};
            rg__put_difference(&table, rg_results_difference(results, of_row, of_base), 3);
        }
    }
    rg_document_table(document, &table,
                      "What each R gains, within a seed: mean and 95 % interval. An R that does not beat "
                      "what needs no training is not trained.");
}

static void draw_precisions(rg_document_t *document, const rg_results_t *results, int k)
{
    const rg_plan_t *plan = results->plan;
    static const char *const series[] = {"attributes", "content", "average"};
    const char *group[RG__ROWS_MAX];
    rg_bar_t bar[RG__ROWS_MAX * 3];
    rg_level_t level[2] = {{.name = "R untrained"}, {.name = "code alone"}};
    char key[RG__KEY];
    for (int row = 0; row < plan->n_rows; row++) {
        group[row] = plan->row[row].name;
        for (int i = 0; i < 3; i++) {
            rg_statistic_t s =
                rg_results_mean(results, (rg_number_t){row, WHOLE, RG_STAGE_2,
                                                       rg__precision_key(key, k, "trained", series[i])});
            bar[row * 3 + i] = (rg_bar_t){s.mean, s.half};
        }
    }
    for (int i = 0; i < 2; i++)
        level[i].value =
            rg_results_mean(results, (rg_number_t){RG_BASE, WHOLE, RG_STAGE_2,
                                                   rg__precision_key(key, k, rg__spaces[i][1], "average")})
                .mean;
    const rg_bars_t bars = {"Precision of retrieval by what R was trained with",
                            "P@k",
                            group,
                            plan->n_rows,
                            series,
                            3,
                            bar,
                            level,
                            2};
    rg_document_figure(
        document, "precision", rg_bars_svg(&bars),
        "Precision by what R was trained with, with 95 % intervals of the mean over seeds; the lines are the "
        "averages of R before training and of the code alone.");
}

void rg_tables_retrieval(rg_document_t *document, const rg_results_t *results, int k)
{
    const rg_plan_t *plan = results->plan;
    rg_table_t table;
    rg__precisions_init(&table, "table1", "R trained with");
    for (int row = 0; row < plan->n_rows; row++) {
        rg_table_cell(&table, "%s", plan->row[row].title);
        rg__put_precisions(&table, results, (rg_number_t){row, WHOLE, RG_STAGE_2, NULL}, k, "trained");
    }
    rg__put_baselines(&table, results, WHOLE, k);
    rg_document_heading(document, "Precision of retrieval");
    rg_document_text(
        document,
        "Queries are images with one attribute flipped; the set is all training images, searched "
        "exactly. Of the %d images found: the fraction of the edited attributes that are as wanted, of "
        "all others that are as the query's, the mean of both, how many match in every edited attribute, and "
        "the share of the set that some query found, which is little where all sources find the same.",
        k);
    rg_document_table(document, &table, "Mean and standard deviation over seeds.");
    draw_precisions(document, results, k);
    put_gains(document, results, k);
}
