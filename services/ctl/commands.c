#include "services/ctl/commands.h"

const rg_command_t *const rg_commands[] = {
    &rg_command_up,
    &rg_command_down,
    &rg_command_status,
    &rg_command_stats,
    &rg_command_make_faces,
    &rg_command_train,
    &rg_command_add_images,
    &rg_command_remove,
    &rg_command_query,
    &rg_command_reindex,
    &rg_command_index,
    &rg_command_export,
    &rg_command_translate,
    &rg_command_evaluate,
    &rg_command_report,
    &rg_command_experiment,
    &rg_command_keys,
    &rg_command_config,
    NULL,
};
