#include "common/config/table.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config/rows.h"
#include "common/core/err.h"
#include "common/core/text.h"

// ---- finding keys

size_t rg_keys_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < rg__sections_count; i++) count += rg__sections[i].count;
    return count;
}

// Row r of section s as a key.
static void key_compose(size_t s, size_t r, rg_key_t *out)
{
    const rg__row_t *row = &rg__sections[s].rows[r];
    *out = (rg_key_t){.type = row->type,
                      .offset = rg__sections[s].base + row->offset,
                      .min = row->min,
                      .max = row->max,
                      .choices = row->choices,
                      .fallback = row->fallback,
                      .help = row->help};
    snprintf(out->key, sizeof out->key, "%s%s", rg__sections[s].prefix, row->key);
    for (size_t i = 0; i < rg__exceptions_count; i++)
        if (strcmp(rg__exceptions[i].key, out->key) == 0) out->fallback = rg__exceptions[i].fallback;
}

void rg_keys_at(size_t position, rg_key_t *out)
{
    size_t s = 0;
    while (position >= rg__sections[s].count) position -= rg__sections[s++].count;
    key_compose(s, position, out);
}

// The part of text after prefix; NULL if text does not begin with it.
static const char *after(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

int rg_keys_find(const char *key, rg_key_t *out)
{
    int position = 0;
    for (size_t s = 0; s < rg__sections_count; s++) {
        const char *name = after(key, rg__sections[s].prefix);
        for (size_t r = 0; r < rg__sections[s].count; r++, position++) {
            if (!name || strcmp(name, rg__sections[s].rows[r].key) != 0) continue;
            key_compose(s, r, out);
            return position;
        }
    }
    return -1;
}

// A name is a section if it ends before a dot of a prefix ("stage1.loss" of "stage1.loss.recon") or of a
// row's own key ("data" of "data.root").
int rg_keys_is_section(const char *name)
{
    for (size_t s = 0; s < rg__sections_count; s++) {
        const char *rest = after(rg__sections[s].prefix, name), *inner = after(name, rg__sections[s].prefix);
        if (rest && *rest == '.') return 1;
        for (size_t r = 0; inner && r < rg__sections[s].count; r++) {
            rest = after(rg__sections[s].rows[r].key, inner);
            if (rest && *rest == '.') return 1;
        }
    }
    return 0;
}

// Levenshtein distance of two texts shorter than RG_KEY_SIZE.
static int edit_distance(const char *a, const char *b)
{
    int cost[RG_KEY_SIZE], n = (int)strlen(b);
    for (int j = 0; j <= n; j++) cost[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = cost[0];
        cost[0] = i;
        for (int j = 1; j <= n; j++) {
            int replace = diagonal + (a[i - 1] != b[j - 1]);
            int insert = (cost[j] < cost[j - 1] ? cost[j] : cost[j - 1]) + 1;
            diagonal = cost[j];
            cost[j] = replace < insert ? replace : insert;
        }
    }
    return cost[n];
}

void rg_keys_closest(const char *key, char out[RG_KEY_SIZE])
{
    int best = 4; // more than three changed letters make another word
    rg_key_t known;
    out[0] = 0;
    if (strlen(key) >= RG_KEY_SIZE) return;
    for (size_t i = 0; i < rg_keys_count(); i++) {
        rg_keys_at(i, &known);
        for (char *end = known.key + strlen(known.key); end; end = strrchr(known.key, '.')) {
            *end = 0; // the key itself, then its sections
            int distance = edit_distance(key, known.key);
            if (distance >= best || distance >= (int)strlen(key)) continue;
            best = distance;
            memcpy(out, known.key, RG_KEY_SIZE);
        }
    }
}

// ---- from text to a field

void rg_key_expects(const rg_key_t *key, char out[128])
{
    int n = 0;
    switch (key->type) {
    case RG_KEY_INT:
        snprintf(out, 128, "an integer, %.0f to %.0f", key->min, key->max);
        break;
    case RG_KEY_U64:
        snprintf(out, 128, "an integer of at most 64 bits");
        break;
    case RG_KEY_DOUBLE:
        snprintf(out, 128, "a number, %g to %g", key->min, key->max);
        break;
    case RG_KEY_BOOL:
        snprintf(out, 128, "true or false");
        break;
    case RG_KEY_TEXT:
        snprintf(out, 128, "text");
        break;
    case RG_KEY_NAMES:
        snprintf(out, 128, "a list of names");
        break;
    case RG_KEY_CHOICE:
        n = snprintf(out, 128, "one of");
        for (int i = 0; key->choices[i]; i++)
            n += snprintf(out + n, 128 - (size_t)n, "%s %s", i ? "," : "", key->choices[i]);
        break;
    }
}

static int key_refuse(const rg_key_t *key, const char *text)
{
    char expected[128];
    rg_key_expects(key, expected);
    return rg_fail(RG_ECONFIG, "'%.64s' is not %s", text, expected);
}

static int key_set_integer(const rg_key_t *key, const char *text, int *field)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno || (double)value < key->min || (double)value > key->max)
        return key_refuse(key, text);
    *field = (int)value;
    return 0;
}

static int key_set_u64(const rg_key_t *key, const char *text, uint64_t *field)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno) return key_refuse(key, text);
    *field = value;
    return 0;
}

static int key_set_double(const rg_key_t *key, const char *text, double *field)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= key->min && value <= key->max)) return key_refuse(key, text);
    *field = value;
    return 0;
}

static int key_set_bool(const rg_key_t *key, const char *text, int *field)
{
    int yes = strcmp(text, "true") == 0;
    if (!yes && strcmp(text, "false") != 0) return key_refuse(key, text);
    *field = yes;
    return 0;
}

static int key_set_choice(const rg_key_t *key, const char *text, int *field)
{
    int i = 0;
    while (key->choices[i] && strcmp(key->choices[i], text) != 0) i++;
    if (!key->choices[i]) return key_refuse(key, text);
    *field = i;
    return 0;
}

static int key_set_text(const char *text, char *field)
{
    size_t length = strlen(text);
    if (length >= RG_CONFIG_TEXT)
        return rg_fail(RG_ECONFIG, "text of %zu bytes is longer than %d", length, RG_CONFIG_TEXT - 1);
    if (!rg_text_is_printable(text))
        return rg_fail(RG_ECONFIG, "text has a character that is not printable UTF-8");
    memset(field, 0, RG_CONFIG_TEXT); // equal configurations have equal bytes
    memcpy(field, text, length);
    return 0;
}

static int key_add_name(const char *text, rg_names_t *names)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
    size_t length = strlen(text);
    if (length == 0 || length >= RG_NAME_SIZE)
        return rg_fail(RG_ECONFIG, "a name must have 1 to %d characters", RG_NAME_SIZE - 1);
    if (strchr("_-.", text[0]) || text[strspn(text, allowed)])
        return rg_fail(RG_ECONFIG, "'%s' is not a name: it takes letters and digits, then also _ - and .",
                       text);
    if (rg_names_find(names, text) >= 0) return rg_fail(RG_ECONFIG, "'%s' is named twice", text);
    if (names->count == RG_ATTRIBUTES_MAX)
        return rg_fail(RG_ECONFIG, "more than %d names", RG_ATTRIBUTES_MAX);
    memcpy(names->name[names->count++], text, length + 1);
    return 0;
}

int rg_key_set(const rg_key_t *key, const char *text, rg_config_t *config)
{
    void *field = (char *)config + key->offset;
    switch (key->type) {
    case RG_KEY_INT:
        return key_set_integer(key, text, field);
    case RG_KEY_U64:
        return key_set_u64(key, text, field);
    case RG_KEY_DOUBLE:
        return key_set_double(key, text, field);
    case RG_KEY_BOOL:
        return key_set_bool(key, text, field);
    case RG_KEY_CHOICE:
        return key_set_choice(key, text, field);
    case RG_KEY_TEXT:
        return key_set_text(text, field);
    case RG_KEY_NAMES:
        return key_add_name(text, field);
    }
    return rg_fail(RG_EINVAL, "%s has no type", key->key);
}

// ---- from a field to text

// Writes the shortest decimal that reads back as the same number.
static void key_format_double(double value, char out[RG_KEY_VALUE_SIZE])
{
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(out, RG_KEY_VALUE_SIZE, "%.*g", digits, value);
        if (strtod(out, NULL) == value) return;
    }
}

static void key_format_text(const char *text, char *out)
{
    *out++ = '"';
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') *out++ = '\\';
        *out++ = *text;
    }
    memcpy(out, "\"", 2);
}

static void key_format_names(const rg_names_t *names, char out[RG_KEY_VALUE_SIZE])
{
    int n = snprintf(out, RG_KEY_VALUE_SIZE, "[");
    for (int i = 0; i < names->count; i++)
        n += snprintf(out + n, (size_t)(RG_KEY_VALUE_SIZE - n), "%s%s", i ? ", " : "", names->name[i]);
    snprintf(out + n, (size_t)(RG_KEY_VALUE_SIZE - n), "]");
}

void rg_key_format(const rg_key_t *key, const rg_config_t *config, char out[RG_KEY_VALUE_SIZE])
{
    const void *field = (const char *)config + key->offset;
    switch (key->type) {
    case RG_KEY_INT:
        snprintf(out, RG_KEY_VALUE_SIZE, "%d", *(const int *)field);
        break;
    case RG_KEY_U64:
        snprintf(out, RG_KEY_VALUE_SIZE, "%llu", *(const unsigned long long *)field);
        break;
    case RG_KEY_DOUBLE:
        key_format_double(*(const double *)field, out);
        break;
    case RG_KEY_BOOL:
        snprintf(out, RG_KEY_VALUE_SIZE, "%s", *(const int *)field ? "true" : "false");
        break;
    case RG_KEY_CHOICE:
        snprintf(out, RG_KEY_VALUE_SIZE, "%s", key->choices[*(const int *)field]);
        break;
    case RG_KEY_TEXT:
        key_format_text(field, out);
        break;
    case RG_KEY_NAMES:
        key_format_names(field, out);
        break;
    }
}
