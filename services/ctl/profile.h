// The trainer's profile as a table.
#ifndef RG_CTL_PROFILE_H
#define RG_CTL_PROFILE_H

#include <jansson.h>

// profile: {"conv ...": {"calls":, "forward_ms":, "backward_ms":, "share":}, ...}, per iteration, in the
// order to print.
void rg_profile_print(json_t *profile);

#endif
