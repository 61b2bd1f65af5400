#include "common/wire/options.h"

#include "common/config/config.h"
#include "common/wire/settings.h"

rg_wire_options_t rg_wire_options(const struct rg_config *config)
{
    return (rg_wire_options_t){.message_max_mib = config->limits.message_max_mib,
                               .queue = config->limits.queue,
                               .heartbeat_ms = config->limits.heartbeat_ms,
                               .unread_mib = config->limits.unread_mib,
                               .connections = config->limits.connections,
                               .insecure = config->endpoints.insecure,
                               .keys = config->security.keys,
                               .identity = config->security.identity,
                               .http_address = config->http.address,
                               .describe = rg_settings_describe,
                               .config = config};
}
