#include "common/config/services.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

static const char *const names[RG_SERVICES] = {"retrieval", "encoder",   "loader",
                                               "trainer",   "evaluator", "gateway"};

const char *rg_services_name(int service)
{
    assert(service >= 0 && service < RG_SERVICES);
    return names[service];
}

const char *rg_services_endpoint(const rg_config_t *config, int service)
{
    const char *endpoints[RG_SERVICES] = {config->endpoints.retrieval, config->endpoints.encoder,
                                          config->endpoints.loader,    config->endpoints.trainer,
                                          config->endpoints.evaluator, config->endpoints.gateway};
    assert(service >= 0 && service < RG_SERVICES);
    return endpoints[service];
}

int rg_services_find(const char *name)
{
    for (int i = 0; i < RG_SERVICES; i++)
        if (strcmp(names[i], name) == 0) return i;
    return -1;
}

int rg_services_parse(const char *text, unsigned *mask)
{
    unsigned found = 0;
    int err = 0;
    char *copy = rg_strdup(text), *rest = copy;
    for (char *name; !err && (name = strsep(&rest, ",")) != NULL;) {
        int service = rg_services_find(name);
        if (service < 0)
            err = rg_fail(RG_EUSAGE,
                          "'%s' is not a service: choose from retrieval, encoder, loader, trainer, "
                          "evaluator, gateway",
                          name);
        else
            found |= 1u << service;
    }
    free(copy);
    if (!err) *mask = found;
    return err;
}

unsigned rg_services_all(const rg_config_t *config)
{
    return (1u << (config->http.gateway ? RG_SERVICES : RG_GATEWAY)) - 1;
}

int rg_services_check(const rg_config_t *config, unsigned mask)
{
    if (!(mask & ~rg_services_all(config))) return 0;
    return rg_fail(RG_EUSAGE, "the gateway is off: set http.gateway, the port of its page");
}
