#include "common/wire/edits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

void rg_edits_init(rg_edits_t *edits)
{
    memset(edits->value, -1, sizeof edits->value);
}

static int is_exclusive(const rg_config_t *config, int attribute)
{
    return rg_names_find(&config->data.exclusive, config->data.attributes.name[attribute]) >= 0;
}

void rg_edits_set(rg_edits_t *edits, const rg_config_t *config, int attribute, int value)
{
    if (value && is_exclusive(config, attribute))
        for (int i = 0; i < config->data.attributes.count; i++)
            if (is_exclusive(config, i)) edits->value[i] = 0;
    edits->value[attribute] = (signed char)value;
}

// "NAME=0|1" into attribute and value.
static int parse_edit(const rg_config_t *config, char *text, int *attribute, int *value)
{
    char *equals = strchr(text, '=');
    if (equals) *equals = 0;
    int found = rg_config_attribute(config, text);
    if (found < 0) return RG_EUSAGE; // with the sentence of rg_config_attribute
    if (!equals || (strcmp(equals + 1, "0") != 0 && strcmp(equals + 1, "1") != 0))
        return rg_fail(RG_EUSAGE, "attribute %s: expected %s=0 or %s=1", text, text, text);
    *attribute = found;
    *value = equals[1] == '1';
    return 0;
}

static int check_contradiction(const rg_config_t *config, const rg_edits_t *given, int attribute, int value)
{
    const rg_names_t *names = &config->data.attributes;
    if (given->value[attribute] >= 0)
        return rg_fail(RG_EUSAGE, "attribute %s is given twice", names->name[attribute]);
    for (int i = 0; value && is_exclusive(config, attribute) && i < names->count; i++)
        if (given->value[i] == 1 && is_exclusive(config, i))
            return rg_fail(RG_EUSAGE, "attributes %s and %s cannot both be 1", names->name[i],
                           names->name[attribute]);
    return 0;
}

int rg_edits_parse(rg_edits_t *edits, const rg_config_t *config, const char *text)
{
    rg_edits_t given, result;
    rg_edits_init(&given);
    rg_edits_init(&result);
    char *copy = rg_strdup(text), *rest = copy;
    int err = 0, attribute = 0, value = 0;
    for (char *one; !err && (one = strsep(&rest, ",")) != NULL;) {
        err = parse_edit(config, one, &attribute, &value);
        if (!err) err = check_contradiction(config, &given, attribute, value);
        if (!err) given.value[attribute] = (signed char)value;
    }
    free(copy);
    if (err) return err;
    // A 1 also sets the other exclusive attributes to 0, so a 0 that follows for one of them is done already.
    for (int i = 0; i < config->data.attributes.count; i++)
        if (given.value[i] == 1 || (given.value[i] == 0 && result.value[i] < 0))
            rg_edits_set(&result, config, i, given.value[i]);
    *edits = result;
    return 0;
}

void rg_edits_title(const rg_edits_t *edits, const rg_config_t *config, char *out, size_t size)
{
    const rg_names_t *names = &config->data.attributes;
    int chosen = 0; // an exclusive attribute is 1
    size_t used = 0;
    for (int i = 0; i < names->count; i++) chosen |= is_exclusive(config, i) && edits->value[i] == 1;
    *out = 0;
    for (int i = 0; i < names->count && used < size; i++) {
        int exclusive = is_exclusive(config, i), value = edits->value[i];
        if (value < 0 || (exclusive && chosen && !value)) continue;
        used += (size_t)snprintf(out + used, size - used, "%s%s%s", used ? "," : "", names->name[i],
                                 !value      ? "-"
                                 : exclusive ? ""
                                             : "+");
    }
}

Rg__V1__Edit **rg_edits_message(const rg_edits_t *edits, const rg_config_t *config, rg_msg_t *msg, size_t *n)
{
    const rg_names_t *names = &config->data.attributes;
    Rg__V1__Edit **list = (Rg__V1__Edit **)rg_msg_array(msg, &rg__v1__edit__descriptor, (size_t)names->count);
    size_t count = 0;
    for (int i = 0; i < names->count; i++) {
        if (edits->value[i] < 0) continue;
        list[count]->attribute = rg_msg_text(msg, "%s", names->name[i]);
        list[count++]->value = edits->value[i];
    }
    *n = count;
    return list;
}

int rg_edits_domain(const rg_config_t *config, int wanted, rg_edits_t *edits, char title[RG_EDITS_TITLE])
{
    int n = 0;
    for (int i = 0; i < config->data.attributes.count; i++)
        for (int value = 1; value >= is_exclusive(config, i); value--, n++) {
            if (n != wanted || !edits) continue;
            rg_edits_init(edits);
            rg_edits_set(edits, config, i, value);
            const char *sign = is_exclusive(config, i) ? "" : value ? "+" : "-";
            snprintf(title, RG_EDITS_TITLE, "%s%s", config->data.attributes.name[i], sign);
        }
    return n;
}
