#include <stdlib.h>
#include <string.h>

#include "common/wire/wire.h"

// The fields of a status, for whoever has asked for it. Services write them in service.c.
const char *rg_status_text(const Rg__V1__StatusReply *status, const char *key)
{
    for (size_t i = 0; i < status->n_fields; i++)
        if (strcmp(status->fields[i]->key, key) == 0) return status->fields[i]->value;
    return "";
}

uint64_t rg_status_count(const Rg__V1__StatusReply *status, const char *key)
{
    return strtoull(rg_status_text(status, key), NULL, 10);
}

double rg_status_number(const Rg__V1__StatusReply *status, const char *key)
{
    const char *text = rg_status_text(status, key);
    return *text ? strtod(text, NULL) : -1;
}
