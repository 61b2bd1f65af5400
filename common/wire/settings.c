#include "common/wire/settings.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

void rg_settings_describe(const rg_config_t *config, rg_msg_t *reply)
{
    Rg__V1__StatusReply *status = rg_msg_body(reply);
    rg_config_setting_t own;
    status->settings =
        (Rg__V1__Setting **)rg_msg_array(reply, &rg__v1__setting__descriptor, RG_CONFIG_KEYS_MAX);
    for (size_t i = 0; rg_config_setting(config, i, &own); i++) {
        Rg__V1__Setting *setting = status->settings[status->n_settings++];
        setting->key = rg_msg_text(reply, "%s", own.key);
        setting->value = rg_msg_text(reply, "%s", own.value);
        setting->overridden = own.origin == RG_ORIGIN_OVERRIDE;
        free(own.value);
    }
}

static const Rg__V1__Setting *find_setting(const Rg__V1__StatusReply *status, const char *key)
{
    for (size_t i = 0; i < status->n_settings; i++)
        if (strcmp(status->settings[i]->key, key) == 0) return status->settings[i];
    return NULL;
}

// Keys that a command reads for itself.
static int is_own(const char *key)
{
    static const char *const prefixes[] = {"run", "endpoints.", "security.", "limits.", "http."};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(key, prefixes[i], strlen(prefixes[i])) == 0) return 1;
    return 0;
}

static int has_no_effect(const rg_config_setting_t *own, const Rg__V1__Setting *there, int whole)
{
    if (is_own(own->key) || !there || strcmp(own->value, there->value) == 0) return 0;
    if (own->origin == RG_ORIGIN_OVERRIDE) return 1;
    return whole && own->origin == RG_ORIGIN_FILE && !there->overridden;
}

int rg_settings_check(const rg_config_t *config, const Rg__V1__StatusReply *status, int whole)
{
    rg_config_setting_t own;
    char *differences = NULL;
    for (size_t i = 0; rg_config_setting(config, i, &own); i++) {
        const Rg__V1__Setting *there = find_setting(status, own.key);
        if (has_no_effect(&own, there, whole)) {
            char *longer =
                rg_format("%s%s%s: %s (the %s has %s)", differences ? differences : "",
                          differences ? ", " : "", own.key, own.value, status->service, there->value);
            free(differences);
            differences = longer;
        }
        free(own.value);
    }
    if (!differences) return 0;
    int err = rg_fail(
        RG_ECONFIG,
        "no effect on the %s, which keeps the configuration that it was started with: %.300s; `rg-ctl down', "
        "then `rg-ctl up' with the new values",
        status->service, differences);
    free(differences);
    return err;
}
