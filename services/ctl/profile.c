#include "services/ctl/profile.h"

#include <stdio.h>

static double number(json_t *piece, const char *key)
{
    return json_number_value(json_object_get(piece, key));
}

void rg_profile_print(json_t *profile)
{
    const char *name;
    json_t *piece;
    double total = 0;
    printf("%-44s %7s %9s %9s %6s\n", "per iteration", "calls", "forward", "backward", "share");
    json_object_foreach(profile, name, piece)
    {
        total += number(piece, "forward_ms") + number(piece, "backward_ms");
        printf("%-44s %7.1f %6.2f ms %6.2f ms %5.1f%%\n", name, number(piece, "calls"),
               number(piece, "forward_ms"), number(piece, "backward_ms"), 100 * number(piece, "share"));
    }
    printf("%-44s %7s %6.2f ms\n", "all", "", total);
}
