#include "services/gateway/params.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/err.h"
#include "common/core/hash.h"
#include "common/core/text.h"

int rg_param_number(const char *name, const char *text, uint64_t min, uint64_t max, uint64_t fallback,
                    uint64_t *out)
{
    char *end;
    if (!text) {
        *out = fallback;
        return 0;
    }
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || errno || value < min || value > max)
        return rg_fail(RG_EINVAL, "%s: expected a whole number, %llu to %llu", name, (unsigned long long)min,
                       (unsigned long long)max);
    *out = value;
    return 0;
}

int rg_param_choice(const char *name, const char *text, const char *const *choices, int *out)
{
    char known[256];
    size_t n = 0;
    *out = 0;
    if (!text) return 0;
    for (int i = 0; choices[i]; i++) {
        if (strcmp(choices[i], text) == 0) {
            *out = i;
            return 0;
        }
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", choices[i]);
    }
    return rg_fail(RG_EINVAL, "%s: expected one of %s", name, known);
}

int rg_param_id(const char *name, const char *text, uint8_t id[16])
{
    if (text && rg_id_parse(text, id)) return 0;
    return rg_fail(RG_EINVAL, "%s: expected the id of an image, 32 hexadecimal digits", name);
}

int rg_param_text(const char *name, const char *text)
{
    size_t length = text ? strlen(text) : 0;
    if (length < 1 || length > RG_PARAM_TEXT)
        return rg_fail(RG_EINVAL, "%s: expected 1 to %d bytes of text", name, RG_PARAM_TEXT);
    if (!rg_text_is_printable(text))
        return rg_fail(RG_EINVAL, "%s: expected text in UTF-8 without control characters", name);
    return 0;
}
