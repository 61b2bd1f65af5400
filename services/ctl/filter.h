// Options of rg-ctl query that say which images may be found, and their message.
#ifndef RG_CTL_FILTER_H
#define RG_CTL_FILTER_H

#include <argp.h>

#include "common/wire/msg.h"

enum { RG_FILTER_IDS_MAX = 64 };

typedef struct {
    const char *name_prefix;
    Rg__V1__Annotation annotation;
    uint64_t from_ms, until_ms; // since 1970; until 0: no bound
    uint8_t exclude[RG_FILTER_IDS_MAX][RG_ID_SIZE];
    size_t n_exclude;
} rg_filter_t;

// The options, for argp's children: their parser takes a rg_filter_t as its input.
extern const struct argp rg_filter_argp;

// The message, allocated in msg; NULL if there is no condition.
Rg__V1__Filter *rg_filter_message(const rg_filter_t *filter, rg_msg_t *msg);

// Milliseconds since 1970 of "2026-11-25", "2026-11-25T08:30", "2026-11-25T08:30:15" (local time), or "90s",
// "15m", "2h", "3d" before now. 1, or 0 if it is none of these.
int rg_filter_time(const char *text, uint64_t *ms);

#endif
