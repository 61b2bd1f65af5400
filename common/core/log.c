// The limit. A kind of event is its name. In PERIOD_MS after the first line of a kind, LINES_MAX lines of it are
// written and further ones are counted; then one line tells their number ("more=4711 in_s=60"). So what a
// client can cause does not fill the disk, however often. The counters are atomic, because a lock could be held
// by another thread when a process forks. A line more or less at the edge of a period does not matter.
#include "common/core/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/text.h"

enum { KINDS_MAX = 128, LINES_MAX = 20, PERIOD_MS = 60000 }; // the program has about 60 kinds

typedef struct {
    _Atomic(const char *) event; // NULL: a free place
    atomic_int level;
    atomic_llong since_ms; // when the period began; 0: it has not begun
    atomic_uint lines;     // in this period, written or not
} kind_t;

static struct {
    const char *service;
    enum rg_log_level level;
    kind_t kind[KINDS_MAX];
} logger = {.service = "rg", .level = RG_LOG_INFO};

void rg_log_init(const char *service, enum rg_log_level level)
{
    logger.service = service;
    logger.level = level;
}

int rg_log_enabled(enum rg_log_level level)
{
    return level >= logger.level;
}

// ---- lines

// Formats the line first and writes it at once: lines of several threads do not mix. What it quotes cannot
// end the line or reach a terminal as a control character.
static void write_list(enum rg_log_level level, const char *event, const char *fmt, va_list args)
{
    static const char *names[] = {"debug", "info", "warn", "error"};
    char now[RG_TIME_SIZE], line[2048], shown[1024];
    rg_time_format(rg_clock_wall_ms(), now);
    size_t n = (size_t)snprintf(line, sizeof line, "%s %s %s %s ", now, names[level], logger.service, event);
    vsnprintf(line + n, sizeof line - n, fmt, args);
    rg_text_escape(line, shown, sizeof shown);
    fprintf(stderr, "%s\n", shown);
}

__attribute__((format(printf, 3, 4))) static void write_line(enum rg_log_level level, const char *event,
                                                             const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    write_list(level, event, fmt, args);
    va_end(args);
}

// ---- the limit

// The place of a kind, which it takes at its first line.
static kind_t *find_kind(const char *event)
{
    for (int i = 0; i < KINDS_MAX; i++) {
        const char *taken = atomic_load(&logger.kind[i].event);
        if (!taken && atomic_compare_exchange_strong(&logger.kind[i].event, &taken, event))
            return &logger.kind[i];
        if (strcmp(taken, event) == 0) return &logger.kind[i];
    }
    return &logger.kind[KINDS_MAX - 1];
}

// Ends the period of a kind if its time is over.
static void settle_kind(kind_t *kind, long long now_ms)
{
    long long since = atomic_load(&kind->since_ms);
    if (since == 0 || now_ms - since < PERIOD_MS) return;
    if (!atomic_compare_exchange_strong(&kind->since_ms, &since, 0)) return; // another thread ends it
    unsigned lines = atomic_exchange(&kind->lines, 0);
    if (lines > LINES_MAX)
        write_line((enum rg_log_level)atomic_load(&kind->level), atomic_load(&kind->event), "more=%u in_s=%d",
                   lines - LINES_MAX, PERIOD_MS / 1000);
}

void rg_log_settle(double now_s)
{
    for (int i = 0; i < KINDS_MAX && atomic_load(&logger.kind[i].event); i++)
        settle_kind(&logger.kind[i], (long long)(1e3 * now_s));
}

// 1 if this line is to be written.
static int count_line(enum rg_log_level level, const char *event)
{
    kind_t *kind = find_kind(event);
    long long now = (long long)rg_clock_ms(), none = 0;
    settle_kind(kind, now);
    if (atomic_compare_exchange_strong(&kind->since_ms, &none, now)) atomic_store(&kind->level, (int)level);
    return atomic_fetch_add(&kind->lines, 1) < LINES_MAX;
}

void rg_log_write(enum rg_log_level level, const char *event, const char *fmt, ...)
{
    va_list args;
    if (level > RG_LOG_DEBUG && !count_line(level, event)) return;
    va_start(args, fmt);
    write_list(level, event, fmt, args);
    va_end(args);
}
