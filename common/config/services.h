// The services that make up the system, in the order they are started and listed.
#ifndef RG_CONFIG_SERVICES_H
#define RG_CONFIG_SERVICES_H

#include "common/config/config.h"

// The last, RG_GATEWAY, is only there where http.gateway has a port.
enum { RG_SERVICES = 6, RG_GATEWAY = RG_SERVICES - 1 };

const char *rg_services_name(int service); // "loader"
const char *rg_services_endpoint(const rg_config_t *config, int service);
int rg_services_find(const char *name); // or -1

// "loader,trainer" into a mask of 1 << service. RG_EUSAGE naming the unknown one and the choices.
int rg_services_parse(const char *text, unsigned *mask);

// Those that make up this system, as a mask.
unsigned rg_services_all(const rg_config_t *config);

// RG_EUSAGE naming the key if the mask has one that is not there.
int rg_services_check(const rg_config_t *config, unsigned mask);

#endif
