#include "common/core/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "common/core/clock.h"

static struct {
    const char *service;
    enum rg_log_level level;
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

// Formats the line first and writes it at once: lines of several threads do not mix.
void rg_log_write(enum rg_log_level level, const char *event, const char *fmt, ...)
{
    static const char *names[] = {"debug", "info", "warn", "error"};
    struct timespec now;
    struct tm utc;
    char line[1024];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t n = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &utc);
    n += (size_t)snprintf(line + n, sizeof line - n, ".%03ldZ %s %s %s ", now.tv_nsec / 1000000, names[level],
                          logger.service, event);
    va_list args;
    va_start(args, fmt);
    vsnprintf(line + n, sizeof line - n, fmt, args);
    va_end(args);
    fprintf(stderr, "%s\n", line);
}

int rg_log_limit_pass(rg_log_limit_t *limit, unsigned *unlogged)
{
    double now = rg_clock_s();
    if (limit->logged_s > 0 && now - limit->logged_s < 1) {
        limit->unlogged++;
        return 0;
    }
    *unlogged = limit->unlogged;
    *limit = (rg_log_limit_t){.logged_s = now};
    return 1;
}
