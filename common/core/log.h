// The log: one line per event on standard error, with time, level, service, a stable event name in kebab-case
// and key=value pairs:
//     2026-01-31T12:00:00.123Z info trainer checkpoint stage=1 iteration=500 path=run/stage1.safetensors
// Metrics are a separate stream.
#ifndef RG_CORE_LOG_H
#define RG_CORE_LOG_H

enum rg_log_level { RG_LOG_DEBUG, RG_LOG_INFO, RG_LOG_WARN, RG_LOG_ERROR };

// Sets the name of this process in its log lines, and the lowest level that is written. Call it once, before
// threads start.
void rg_log_init(const char *service, enum rg_log_level level);

// The format gives the key=value pairs, with double quotes around values that may contain spaces.
#define rg_log(level, event, ...)                                                                            \
    do {                                                                                                     \
        if (rg_log_enabled(level)) rg_log_write(level, event, __VA_ARGS__);                                  \
    } while (0)

int rg_log_enabled(enum rg_log_level level);
void rg_log_write(enum rg_log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

// A limit of one line per second, for events that a client can cause: a hostile client must not fill the
// disk. Begins zeroed.
typedef struct {
    double logged_s;
    unsigned unlogged;
} rg_log_limit_t;

// 1: write the line now, with *unlogged, the number of lines left out since the last one. 0: leave it out.
int rg_log_limit_pass(rg_log_limit_t *limit, unsigned *unlogged);

#endif
