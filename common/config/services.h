// The services of the system, in the order in which they are started and listed.
#ifndef RG_CONFIG_SERVICES_H
#define RG_CONFIG_SERVICES_H

#include "common/config/config.h"

// The last service, RG_GATEWAY, exists only if http.gateway has a port.
enum { RG_SERVICES = 6, RG_GATEWAY = RG_SERVICES - 1 };

const char *rg_services_name(int service); // "loader"
const char *rg_services_endpoint(const rg_config_t *config, int service);
int rg_services_find(const char *name); // the number of the service, or -1

// Parses "loader,trainer" into a mask of 1 << service. RG_EUSAGE names an unknown service and the choices.
int rg_services_parse(const char *text, unsigned *mask);

// The mask of all services that this configuration has.
unsigned rg_services_all(const rg_config_t *config);

// RG_EUSAGE, with the key to set, if the mask has a service that this configuration does not have.
int rg_services_check(const rg_config_t *config, unsigned mask);

#endif
