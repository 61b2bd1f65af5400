// Checks of a configuration that its table cannot express, because they involve several keys or the form of a text.
#ifndef RG_CONFIG_CHECK_H
#define RG_CONFIG_CHECK_H

#include "common/config/config.h"

int rg__config_check(const rg_config_t *config); // RG_ECONFIG with a sentence that begins with the key

#endif
