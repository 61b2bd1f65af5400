// rg-trainer: of several ranks (ranks.h) rank 0 is the service; the others train with it, answer nobody, and
// end with it. With the word `measure` it only times a training step and ends (measure.h).
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/wire/service_main.h"
#include "services/trainer/measure.h"
#include "services/trainer/trainer.h"

int main(int argc, char **argv)
{
    rg_config_t *config = rg_alloc(sizeof *config);
    rg_ranks_t *ranks = NULL;
    const int measures = argc > 1 && strcmp(argv[1], "measure") == 0;
    if (measures) argv[1] = argv[0];
    rg_main_init(
        argc - measures, argv + measures, "trainer",
        "Trains the stages of RG-UNIT; asks the loader for batches and the retrieval service for neighbours. "
        "With the word `measure` before the options it only times a training step, for rg-ctl device "
        "--bench.",
        config);
    if (measures) {
        int failed = rg_measure_print(config);
        free(config);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    int err = rg_ranks_open(&ranks);
    if (!err && rg_ranks_rank(ranks) > 0) {
        rg_rank_commands_follow(ranks);
    } else if (!err) {
        err = rg_trainer_serve(config, ranks);
        rg_rank_commands_end(ranks);
    }
    rg_ranks_close(&ranks);
    free(config);
    return err ? rg_main_fail(err) : EXIT_SUCCESS;
}
