// RUN/logs/NAME.log: what a service or the supervisor writes to standard output and error. The supervisor
// bounds its size: a log above RG_SERVICE_LOG_MAX is copied to NAME.log.1, which held the lines before, and
// emptied. So a service needs no signal, and what libraries write is bounded, too.
#ifndef RG_CTL_SERVICE_LOG_H
#define RG_CTL_SERVICE_LOG_H

#include "common/config/config.h"

enum { RG_SERVICE_LOG_MAX = 8 << 20 }; // bytes

// RUN/logs/NAME.log.
void rg_service_log_path(const rg_config_t *config, const char *name, char out[RG_PATH_SIZE]);

// From now on this process reads nothing from standard input, and appends standard output and error to the log.
// RG_EIO.
int rg_service_log_redirect(const rg_config_t *config, const char *name);

// The error="..." of the last line of the log, or the whole line, as a sentence; free() it.
char *rg_service_log_last_words(const char *path);

// Empties the log, and keeps its lines in PATH.1, if it is larger than `limit`. A line that is written at this
// very moment may be lost. RG_EIO, RG_EFULL: the log is then emptied without a copy.
int rg_service_log_rotate(const char *path, size_t limit);

#endif
