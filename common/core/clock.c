// A time is read in three steps, each from where the one before ended: the day, the time of day, the zone.
// The calendar is checked by computing the day back from the seconds: 2026-02-31 comes back as 2026-03-03.
//
// The stopwatch stores only the start of the running part. Each begin, continue or stop adds the time since
// that start to the part and sets a new start. No time is lost between two parts: they add up to the whole.
#include "common/core/clock.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/err.h"

// ---- times of day

void rg_time_format(uint64_t ms, char out[RG_TIME_SIZE])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t n = strftime(out, RG_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + n, RG_TIME_SIZE - n, ".%03uZ", (unsigned)(ms % 1000));
}

// Moves *text behind exactly n digits and gives their number; -1 if there are fewer.
static int read_digits(const char **text, int n)
{
    int value = 0;
    for (int i = 0; i < n; i++, (*text)++) {
        if (!isdigit((unsigned char)**text)) return -1;
        value = 10 * value + (**text - '0');
    }
    return value;
}

static int skip_char(const char **text, const char *choices)
{
    if (!**text || !strchr(choices, **text)) return 0;
    (*text)++;
    return 1;
}

static int read_day(const char **text, struct tm *tm)
{
    tm->tm_year = read_digits(text, 4) - 1900;
    if (!skip_char(text, "-")) return 0;
    tm->tm_mon = read_digits(text, 2) - 1;
    if (!skip_char(text, "-")) return 0;
    tm->tm_mday = read_digits(text, 2);
    struct tm back = *tm;
    timegm(&back);
    return tm->tm_year >= 70 && back.tm_mon == tm->tm_mon && back.tm_mday == tm->tm_mday;
}

// Reads a fraction of a second, of which three digits count.
static int read_fraction(const char **text, int *ms)
{
    int digits = 0;
    for (int unit = 100; isdigit((unsigned char)**text) && digits < 9; digits++, unit /= 10)
        *ms += unit * (*(*text)++ - '0');
    return digits > 0;
}

static int read_clock(const char **text, struct tm *tm, int *ms)
{
    tm->tm_hour = read_digits(text, 2);
    if (!skip_char(text, ":")) return 0;
    tm->tm_min = read_digits(text, 2);
    if (skip_char(text, ":")) {
        tm->tm_sec = read_digits(text, 2);
        if (skip_char(text, ".") && !read_fraction(text, ms)) return 0;
    }
    return tm->tm_hour >= 0 && tm->tm_hour < 24 && tm->tm_min >= 0 && tm->tm_min < 60 && tm->tm_sec >= 0 &&
           tm->tm_sec < 60;
}

// Reads Z or an offset from UTC into *offset_s; *local stays 1 if there is neither.
static int read_zone(const char **text, int *local, int *offset_s)
{
    int sign = **text == '-' ? -1 : 1;
    *local = 0;
    if (skip_char(text, "Zz")) return 1;
    if (!skip_char(text, "+-")) return *local = 1;
    int hours = read_digits(text, 2), colon = skip_char(text, ":"), minutes = 0;
    if (colon || isdigit((unsigned char)**text)) minutes = read_digits(text, 2);
    *offset_s = sign * 60 * (60 * hours + minutes);
    return hours >= 0 && hours <= 14 && minutes >= 0 && minutes < 60;
}

// The text is a day, with or without a time of day.
static int parse_date(const char *text, uint64_t *ms)
{
    struct tm tm = {0};
    int fraction = 0, local = 1, offset_s = 0, valid = read_day(&text, &tm);
    if (valid && skip_char(&text, "Tt "))
        valid = read_clock(&text, &tm, &fraction) && read_zone(&text, &local, &offset_s);
    if (!valid || *text) return 0;
    tm.tm_isdst = -1;
    int64_t seconds = (local ? mktime(&tm) : timegm(&tm)) - offset_s, since = seconds * 1000 + fraction;
    *ms = since > 0 ? (uint64_t)since : 1;
    return 1;
}

// The text is a whole number of milliseconds since 1970, or of units before now.
static int parse_count(const char *text, uint64_t *ms)
{
    static const char units[] = "smhd";
    static const uint64_t unit_ms[] = {1000, 60000, 3600000, 86400000};
    static const uint64_t since_min = 100000000000, ago_max = 1000000; // 1973: smaller numbers are mistakes
    char *end;
    if (!isdigit((unsigned char)*text)) return 0;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (errno || (*end && !unit)) return 0;
    if (!*end) return *ms = n, n >= since_min && n < INT64_MAX;
    if (end[1] || n > ago_max) return 0;
    uint64_t past = n * unit_ms[unit - units], now = rg_clock_wall_ms();
    *ms = past < now ? now - past : 1;
    return 1;
}

int rg_time_parse(const char *text, uint64_t *ms)
{
    uint64_t parsed;
    if (!parse_date(text, &parsed) && !parse_count(text, &parsed))
        return rg_fail(RG_EINVAL, "expected a time since 1970 such as " RG_TIME_EXPECTED);
    *ms = parsed;
    return 0;
}

// ---- the stopwatch

void rg_stopwatch_init(rg_stopwatch_t *watch)
{
    memset(watch, 0, sizeof *watch);
    watch->running = -1;
}

void rg_stopwatch_continue(rg_stopwatch_t *watch, int part, enum rg_stopwatch_pass pass)
{
    double now = rg_clock_ms();
    if (watch->running >= 0) watch->part[watch->running].ms[watch->pass] += now - watch->since_ms;
    watch->running = part;
    watch->pass = pass;
    watch->since_ms = now;
}

void rg_stopwatch_stop(rg_stopwatch_t *watch)
{
    rg_stopwatch_continue(watch, -1, RG_STOPWATCH_FORWARD);
}

// The part with this name; a new one if the name is new and fits, else the last part, "other".
static int find_part(rg_stopwatch_t *watch, const char *name)
{
    int i = 0, last = RG_STOPWATCH_PARTS - 1;
    while (i < watch->n && strcmp(watch->part[i].name, name) != 0) i++;
    if (i == RG_STOPWATCH_PARTS) return last;
    if (i == watch->n)
        snprintf(watch->part[watch->n++].name, RG_STOPWATCH_NAME, "%s", i == last ? "other" : name);
    return i;
}

int rg_stopwatch_begin(rg_stopwatch_t *watch, const char *name)
{
    char cut[RG_STOPWATCH_NAME];
    snprintf(cut, sizeof cut, "%s", name);
    int part = find_part(watch, cut);
    watch->part[part].calls++;
    rg_stopwatch_continue(watch, part, RG_STOPWATCH_FORWARD);
    return part;
}

static int slower(const void *a, const void *b)
{
    const rg_stopwatch_part_t *x = a, *y = b;
    double gap = (y->ms[0] + y->ms[1]) - (x->ms[0] + x->ms[1]);
    return (gap > 0) - (gap < 0);
}

void rg_stopwatch_sort(rg_stopwatch_t *watch)
{
    qsort(watch->part, (size_t)watch->n, sizeof *watch->part, slower);
}
