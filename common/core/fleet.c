#include "common/core/fleet.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

static const char *const names[RG_FLEET] = {"retrieval", "encoder",   "loader",
                                            "trainer",   "evaluator", "gateway"};

const char *rg_fleet_name(int service)
{
    assert(service >= 0 && service < RG_FLEET);
    return names[service];
}

const char *rg_fleet_endpoint(const rg_config_t *config, int service)
{
    const char *endpoints[RG_FLEET] = {config->endpoints.retrieval, config->endpoints.encoder,
                                       config->endpoints.loader,    config->endpoints.trainer,
                                       config->endpoints.evaluator, config->endpoints.gateway};
    assert(service >= 0 && service < RG_FLEET);
    return endpoints[service];
}

int rg_fleet_find(const char *name)
{
    for (int i = 0; i < RG_FLEET; i++)
        if (strcmp(names[i], name) == 0) return i;
    return -1;
}

int rg_fleet_parse(const char *text, unsigned *mask)
{
    unsigned found = 0;
    int err = 0;
    char *copy = rg_strdup(text), *rest = copy;
    for (char *name; !err && (name = strsep(&rest, ",")) != NULL;) {
        int service = rg_fleet_find(name);
        if (service < 0)
            err = rg_fail(RG_EUSAGE,
                          "there is no service '%s': choose from retrieval, encoder, loader, trainer, "
                          "evaluator, gateway",
                          name);
        else
            found |= 1u << service;
    }
    free(copy);
    if (!err) *mask = found;
    return err;
}

unsigned rg_fleet_all(const rg_config_t *config)
{
    return (1u << (config->http.gateway ? RG_FLEET : RG_GATEWAY)) - 1;
}

int rg_fleet_check(const rg_config_t *config, unsigned mask)
{
    if (!(mask & ~rg_fleet_all(config))) return 0;
    return rg_fail(RG_EUSAGE, "there is no gateway: http.gateway, the port of its page, is 0");
}
