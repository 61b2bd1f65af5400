// Table 3: table 2 by fraction of annotation.
#include <stdio.h>

#include "services/report/experiment/tables_private.h"
#include "services/report/document/plot.h"
#include "common/model/stage.h"

static void draw_annotation(rg_document_t *document, const rg_results_t *results, const char *mode)
{
    const rg_plan_t *plan = results->plan;
    double x[RG__ROWS_MAX], y[RG__ROWS_MAX][RG__ROWS_MAX];
    rg_series_t series[RG__ROWS_MAX];
    char key[RG__KEY], id[RG__KEY], title[RG__KEY];
    for (int a = 0; a < plan->n_annotated; a++) x[a] = 100 * plan->annotated[a];
    for (int row = 0; row < plan->n_rows; row++) {
        for (int a = 0; a < plan->n_annotated; a++)
            y[row][a] = rg_results_mean(
                            results, (rg_number_t){row, a, RG_STAGE_3, rg__mode_key(key, "frechet_%s", mode)})
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
    char key[RG__KEY], id[RG__KEY];
    rg_table_t table;
    for (int row = 0; row < plan->n_rows; row++) titles[1 + row] = plan->row[row].title;
    titles[1 + plan->n_rows] = "RG-UNIT minus GMM-UNIT continued";
    snprintf(id, sizeof id, "table3-%s", mode);
    rg_table_init(&table, id, titles, 2 + plan->n_rows);
    for (int a = 0; a < plan->n_annotated; a++) {
        rg_number_t number = {0, a, RG_STAGE_3, rg__mode_key(key, "frechet_%s", mode)}, ours = number;
        ours.row = RG_ROW_RETRIEVED;
        rg_table_cell(&table, "%.0f %%, %s", 100 * plan->annotated[a], mode);
        for (number.row = 0; number.row < plan->n_rows; number.row++)
            rg__put_mean(&table, rg_results_mean(results, number), 3);
        number.row = RG_ROW_CONTINUED;
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
        rg__put_fraction(document, results, a, k);
    }
}
