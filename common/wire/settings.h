// Settings: the configuration that a service was started with, as its status tells it, and the comparison with
// the configuration of a command. The services hold the configuration, so a key that a command sets for itself
// would otherwise be accepted and have no effect.
#ifndef RG_WIRE_SETTINGS_H
#define RG_WIRE_SETTINGS_H

#include "common/config/config.h"
#include "common/wire/msg.h"

// Adds all keys to a status reply.
void rg_settings_describe(const rg_config_t *config, rg_msg_t *reply);

// RG_ECONFIG, naming service, keys, values and what to do, if a key of config would have no effect: it is
// overridden (--set, RG_SET), and the service has another value. whole: the keys that config has from its file
// count as well, unless an override of the service explains the difference. Keys that say how to reach the
// services, or bound what this process takes, may differ.
int rg_settings_check(const rg_config_t *config, const Rg__V1__StatusReply *status, int whole);

#endif
