// rg-loader: reads the data set and decodes images. All that it does is in loader.c.
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/wire/service_main.h"
#include "services/loader/loader.h"

int main(int argc, char **argv)
{
    rg_config_t *config = rg_alloc(sizeof *config);
    rg_loader_t *loader = NULL;
    rg_main_init(argc, argv, "loader", "Reads the data set and decodes images.", config);
    int err = rg_loader_new(&loader, config);
    if (!err) err = rg_loader_run(loader);
    int code = err ? rg_main_fail(err) : EXIT_SUCCESS;
    rg_loader_destroy(&loader);
    free(config);
    return code;
}
