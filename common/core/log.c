#include "common/core/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/core/clock.h"
#include "common/core/text.h"

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

// Formats the line first and writes it at once: lines of several threads do not mix. What it quotes cannot
// end the line or reach a terminal as a control character.
void rg_log_write(enum rg_log_level level, const char *event, const char *fmt, ...)
{
    static const char *names[] = {"debug", "info", "warn", "error"};
    char now[RG_TIME_SIZE], line[2048], shown[1024];
    rg_time_format(rg_clock_wall_ms(), now);
    size_t n = (size_t)snprintf(line, sizeof line, "%s %s %s %s ", now, names[level], logger.service, event);
    va_list args;
    va_start(args, fmt);
    vsnprintf(line + n, sizeof line - n, fmt, args);
    va_end(args);
    rg_text_escape(line, shown, sizeof shown);
    fprintf(stderr, "%s\n", shown);
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
