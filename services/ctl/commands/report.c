// rg-ctl report: writes everything that a run recorded as one page.
#include <stdio.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "services/ctl/command.h"
#include "services/ctl/output.h"
#include "services/report/run_report.h"
#include "services/report/tensorboard.h"

typedef struct {
    const char *run;         // NULL: the configuration's
    const char *out;         // NULL: a folder in the run
    const char *tensorboard; // NULL: no event files
} report_options_t;

static const rg_command_option_t report_options[] = {
    {"run", 0, "DIR", "The run's folder (default: the configuration's)",
     RG_OPTION_TEXT(report_options_t, run)},
    {"out", 'o', "DIR", "Where to write the report (default: RUN/report)",
     RG_OPTION_TEXT(report_options_t, out)},
    {"tensorboard", 0, "DIR", "Also write event files for TensorBoard: curves, measures and all grids",
     RG_OPTION_TEXT(report_options_t, tensorboard)},
    {0},
};

static void report_tell(const rg_options_t *options, const char *folder, const char *tensorboard)
{
    if (options->json) {
        rg_output_json(json_pack("{s:s+, s:s+, s:s*}", "html", folder, "/report.html", "markdown", folder,
                                 "/report.md", "tensorboard", tensorboard));
        return;
    }
    rg_output_line("%s/report.html (report.md, *.csv beside it)", folder);
    if (tensorboard) rg_output_line("%s (tensorboard --logdir %s)", tensorboard, tensorboard);
}

static int report_run(const rg_options_t *options, const void *input)
{
    const report_options_t *own = input;
    const char *from = own->run ? own->run : options->config.run;
    char *folder = own->out ? rg_strdup(own->out) : rg_format("%s/report", from);
    int err = rg_run_report_write(from, folder);
    if (!err && own->tensorboard) err = rg_tensorboard_write(from, own->tensorboard);
    if (!err) report_tell(options, folder, own->tensorboard);
    free(folder);
    return err;
}

const rg_command_t rg_command_report = {
    .name = "report",
    .summary = "Write a run's curves, measures and pictures as a page",
    .help =
        "Reads what a run left in its folder: losses and speed (metrics.jsonl), measurements "
        "(evaluations.jsonl, reports) and sample grids. Writes one HTML page that needs no other file, the "
        "same as Markdown, and its tables as CSV. No service has to run, and the run may be training "
        "meanwhile.",
    .examples = "  rg-ctl report --run runs/faces32\n"
                "  rg-ctl report --config configs/smoke.yaml --out /tmp/page --json\n"
                "  rg-ctl report --run runs/faces32 --tensorboard events && tensorboard --logdir events\n",
    .options = report_options,
    .size = sizeof(report_options_t),
    .config = RG_COMMAND_DEFAULTS,
    .run = report_run,
};
