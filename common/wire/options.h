// The settings of links and services: the part of the configuration that common/wire needs. Plain values,
// so that a program without a configuration file (the client library) fills them in itself.
#ifndef RG_WIRE_OPTIONS_H
#define RG_WIRE_OPTIONS_H

struct rg_config;
struct rg_msg;

typedef struct {
    int message_max_mib; // largest frame that is sent or taken
    int queue;           // high-water mark of each socket, messages
    int heartbeat_ms;    // between the pings of a link
    int unread_mib;      // replies that a service holds until its peers read them
    int connections;     // to a service at a time
    int insecure;        // 1: unencrypted tcp beyond loopback is allowed
    // Borrowed. An object that keeps the options copies these texts.
    const char *keys;         // folder of key pairs (wire/keypair.h); "": tcp is not encrypted
    const char *identity;     // name of the key pair that links show
    const char *http_address; // where services listen for HTTP
    // Adds the settings to a status reply (rg_settings_describe); NULL: a process without a configuration.
    void (*describe)(const struct rg_config *config, struct rg_msg *reply);
    const struct rg_config *config; // borrowed, for the life of a service
} rg_wire_options_t;

// The settings that a configuration asks for; they point into it. In the library rg-wire-config.
rg_wire_options_t rg_wire_options(const struct rg_config *config);

#endif
