// A stopwatch's reading as JSON for the stage's report.
#ifndef RG_TRAINER_PROFILE_H
#define RG_TRAINER_PROFILE_H

#include <jansson.h>

#include "common/core/clock.h"

// {"conv 3x3/1 64->64 at 8x8": {"calls":, "forward_ms":, "backward_ms":, "share":}, ...}, means over
// iterations, slowest first (sorts the watch). New reference.
json_t *rg_profile_json(rg_stopwatch_t *watch, uint64_t iterations);

#endif
