#include "services/ctl/filter.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/core/hash.h"

enum { KEY_PREFIX = 0x3000, KEY_ANNOTATED, KEY_UNANNOTATED, KEY_AFTER, KEY_BEFORE, KEY_EXCLUDE };

static const struct argp_option options[] = {
    {"name-prefix", KEY_PREFIX, "TEXT", 0, "Only images whose name begins so"},
    {"annotated", KEY_ANNOTATED, NULL, 0, "Only images whose attributes training knows"},
    {"unannotated", KEY_UNANNOTATED, NULL, 0, "Only the others"},
    {"added-after", KEY_AFTER, "TIME", 0,
     "Only images added since: 2026-11-25, 2026-11-25T08:30, or 15m, 2h, 3d ago"},
    {"added-before", KEY_BEFORE, "TIME", 0, "Only images added earlier"},
    {"exclude", KEY_EXCLUDE, "HEX", 0, "Not the image of this id; may be repeated"},
    {0},
};

static int ago_ms(const char *text, uint64_t *ms)
{
    static const char units[] = "smhd";
    static const uint64_t seconds[] = {1, 60, 3600, 86400};
    char *end;
    unsigned long long n = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (end == text || !unit || end[1] || n > 1000000) return 0;
    uint64_t past = n * seconds[unit - units], now = (uint64_t)time(NULL);
    *ms = past < now ? (now - past) * 1000 : 0;
    return 1;
}

int rg_filter_time(const char *text, uint64_t *ms)
{
    static const char *const formats[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct tm broken = {.tm_isdst = -1};
        const char *end = strptime(text, formats[i], &broken);
        if (!end || *end) continue;
        time_t seconds = mktime(&broken);
        *ms = seconds > 0 ? (uint64_t)seconds * 1000 : 0;
        return 1;
    }
    return ago_ms(text, ms);
}

static void read_time(const struct argp_state *state, const char *option, const char *text, uint64_t *ms)
{
    if (!rg_filter_time(text, ms))
        argp_error(state, "%s %s: expected 2026-11-25, 2026-11-25T08:30, 15m, 2h or 3d", option, text);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    rg_filter_t *filter = state->input;
    switch (key) {
    case KEY_PREFIX:
        filter->name_prefix = arg;
        return 0;
    case KEY_ANNOTATED:
        filter->annotation = RG__V1__ANNOTATION__ANNOTATED;
        return 0;
    case KEY_UNANNOTATED:
        filter->annotation = RG__V1__ANNOTATION__UNANNOTATED;
        return 0;
    case KEY_AFTER:
        read_time(state, "--added-after", arg, &filter->from_ms);
        return 0;
    case KEY_BEFORE:
        read_time(state, "--added-before", arg, &filter->until_ms);
        return 0;
    case KEY_EXCLUDE:
        if (filter->n_exclude == RG_FILTER_IDS_MAX)
            argp_error(state, "more than %d times --exclude", RG_FILTER_IDS_MAX);
        if (!rg_id_parse(arg, filter->exclude[filter->n_exclude++]))
            argp_error(state, "--exclude %s: expected 32 hexadecimal digits", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp rg_filter_argp = {.options = options, .parser = parse};

Rg__V1__Filter *rg_filter_message(const rg_filter_t *filter, rg_msg_t *msg)
{
    if (!filter->name_prefix && !filter->annotation && !filter->from_ms && !filter->until_ms &&
        !filter->n_exclude)
        return NULL;
    Rg__V1__Filter *body = rg_msg_array(msg, &rg__v1__filter__descriptor, 1)[0];
    if (filter->name_prefix) body->name_prefix = rg_msg_text(msg, "%s", filter->name_prefix);
    body->annotation = filter->annotation;
    body->added_from_ms = filter->from_ms;
    body->added_until_ms = filter->until_ms;
    body->n_exclude = filter->n_exclude;
    body->exclude = rg_msg_alloc(msg, (filter->n_exclude + 1) * sizeof *body->exclude);
    for (size_t i = 0; i < filter->n_exclude; i++)
        rg_msg_bytes(msg, &body->exclude[i], filter->exclude[i], RG_ID_SIZE);
    return body;
}
