// The services that make up the system, in the order they are started and listed.
#ifndef RG_CORE_FLEET_H
#define RG_CORE_FLEET_H

#include "common/core/config.h"

// The last, RG_GATEWAY, is only there where http.gateway has a port.
enum { RG_FLEET = 6, RG_GATEWAY = RG_FLEET - 1 };

const char *rg_fleet_name(int service); // "loader"
const char *rg_fleet_endpoint(const rg_config_t *config, int service);
int rg_fleet_find(const char *name); // or -1

// "loader,trainer" into a mask of 1 << service. RG_EUSAGE naming the unknown one and the choices.
int rg_fleet_parse(const char *text, unsigned *mask);

// Those that make up this system, as a mask.
unsigned rg_fleet_all(const rg_config_t *config);

// RG_EUSAGE naming the key if the mask has one that is not there.
int rg_fleet_check(const rg_config_t *config, unsigned mask);

#endif
