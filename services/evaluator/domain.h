// A domain: the images of an attribute, or those without it. Numbers by domain are named by it.
#ifndef RG_EVALUATOR_DOMAIN_H
#define RG_EVALUATOR_DOMAIN_H

#include "common/config/config.h"

typedef struct {
    int attribute, value;
} rg_domain_t;

// Domains of a config, two of each attribute: 0 <= i < rg_domains.
int rg_domains(const rg_config_t *config);
rg_domain_t rg_domain(int i);

// "Male", "not_Male"
enum { RG_DOMAIN_NAME_SIZE = RG_NAME_SIZE + 4 };
void rg_domain_name(const rg_config_t *config, rg_domain_t domain, char name[RG_DOMAIN_NAME_SIZE]);

#endif
