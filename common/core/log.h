// The log: one line per event on standard error, with time, level, service, a stable event name in kebab-case
// and key=value pairs:
//     2026-01-31T12:00:00.123Z info trainer checkpoint stage=1 iteration=500 path=run/stage1.safetensors
// Of a kind of event, which is its name, at most 20 lines are written in a minute. How many more there were is
// written when the minute is over:
//     2026-01-31T12:01:00.123Z warn loader key-refused more=4711 in_s=60
// Metrics are a separate stream.
#ifndef RG_CORE_LOG_H
#define RG_CORE_LOG_H

enum rg_log_level { RG_LOG_DEBUG, RG_LOG_INFO, RG_LOG_WARN, RG_LOG_ERROR };

// Sets the name of this process in its log lines, and the lowest level that is written. Call it once, before
// threads start.
void rg_log_init(const char *service, enum rg_log_level level);

// event: a string constant. The format gives the key=value pairs, with double quotes around values with blanks.
#define rg_log(level, event, ...)                                                                            \
    do {                                                                                                     \
        if (rg_log_enabled(level)) rg_log_write(level, event, __VA_ARGS__);                                  \
    } while (0)

int rg_log_enabled(enum rg_log_level level);
void rg_log_write(enum rg_log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

// Writes how many lines were left out of the kinds of events whose minute is over at this time
// (rg_clock_s()). A loop calls it every second or so; else a kind's next line does it.
void rg_log_settle(double now_s);

#endif
