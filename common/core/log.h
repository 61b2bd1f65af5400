// Logs: one line per event on standard error,
//     2026-01-31T12:00:00.123Z info trainer checkpoint stage=1 iteration=500 path=run/stage1.safetensors
// time, level, service, a stable event name, then key=value pairs. Metrics are a stream of their own.
#ifndef RG_CORE_LOG_H
#define RG_CORE_LOG_H

enum rg_log_level { RG_LOG_DEBUG, RG_LOG_INFO, RG_LOG_WARN, RG_LOG_ERROR };

// Names this process in its log lines; call once, before threads start. level: lines below it are dropped.
void rg_log_init(const char *service, enum rg_log_level level);

// The format holds the key=value pairs; values with spaces go in double quotes by the caller's format.
#define rg_log(level, event, ...)                                                                            \
    do {                                                                                                     \
        if (rg_log_enabled(level)) rg_log_write(level, event, __VA_ARGS__);                                  \
    } while (0)

int rg_log_enabled(enum rg_log_level level);
void rg_log_write(enum rg_log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

// Lines that somebody else can cause, one a second at most: a hostile one must not fill the disk. Begins
// zeroed.
typedef struct {
    double logged_s;
    unsigned unlogged;
} rg_log_limit_t;

// 1: log now, and say that *unlogged lines were left out since the last.
int rg_log_limit_pass(rg_log_limit_t *limit, unsigned *unlogged);

#endif
