#include "services/ctl/experiment/training.h"

#include <stdlib.h>

#include "common/core/alloc.h"
#include "services/ctl/document/plot.h"
#include "services/ctl/report/curves.h"
#include "services/ctl/stage.h"

// One curve per row of what the key says.
static void draw(rg_document_t *document, const rg_plan_t *plan, json_t *const *stages, const char *key)
{
    rg_curve_t curve[RG_PLOT_SERIES];
    int n = 0;
    for (int row = 0; row < plan->n_rows && n < RG_PLOT_SERIES; row++)
        curve[n++] =
            (rg_curve_t){plan->row[row].title, json_object_get(stages[row], rg_stage_name(plan->stage)), key};
    char *id = rg_format("loss-%s", key);
    rg_curves_draw(document, id, key, 1, curve, n);
    free(id);
}

// Every loss that some row has.
static void draw_losses(rg_document_t *document, const rg_plan_t *plan, json_t *const *stages)
{
    json_t *losses = json_object(), *value;
    const char *key;
    for (int row = 0; row < plan->n_rows; row++) {
        const json_t *lines = json_object_get(stages[row], rg_stage_name(plan->stage));
        json_object_update(losses, json_array_get(lines, 0));
    }
    json_object_foreach(losses, key, value)
    {
        if (rg_curves_is_loss(key)) draw(document, plan, stages, key);
    }
    json_decref(losses);
}

static int read_row(json_t **stages, const rg_plan_t *plan, const char *root, int row)
{
    const rg_run_t *run = rg_plan_find(plan, row, plan->n_annotated - 1, 0);
    char *folder = rg_format("%s/%s", root, run->folder);
    int err = rg_curves_of_training(stages, folder);
    free(folder);
    return err;
}

int rg_training_put(rg_document_t *document, const rg_plan_t *plan, const char *root)
{
    json_t **stages = rg_alloc((size_t)plan->n_rows * sizeof *stages);
    int err = 0;
    for (int row = 0; row < plan->n_rows && !err; row++) err = read_row(&stages[row], plan, root, row);
    if (!err) {
        rg_document_heading(document, "Training");
        draw_losses(document, plan, stages);
    }
    for (int row = 0; row < plan->n_rows; row++) json_decref(stages[row]);
    free(stages);
    return err;
}
