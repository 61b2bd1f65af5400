#include "services/evaluator/domain.h"

#include <stdio.h>

int rg_domains(const rg_config_t *config)
{
    return 2 * config->data.attributes.count;
}

rg_domain_t rg_domain(int i)
{
    return (rg_domain_t){i / 2, i % 2 == 0};
}

void rg_domain_name(const rg_config_t *config, rg_domain_t domain, char name[RG_DOMAIN_NAME_SIZE])
{
    snprintf(name, RG_DOMAIN_NAME_SIZE, "%s%s", domain.value ? "" : "not_",
             config->data.attributes.name[domain.attribute]);
}
