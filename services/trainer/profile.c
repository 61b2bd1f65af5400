#include "services/trainer/profile.h"

json_t *rg_profile_json(rg_stopwatch_t *watch, uint64_t iterations)
{
    json_t *object = json_object();
    double total = 0, each = 1 / (double)iterations;
    rg_stopwatch_sort(watch);
    for (int i = 0; i < watch->n; i++) total += watch->part[i].ms[0] + watch->part[i].ms[1];
    for (int i = 0; i < watch->n; i++) {
        const rg_stopwatch_part_t *part = &watch->part[i];
        json_object_set_new(object, part->name,
                            json_pack("{s:f, s:f, s:f, s:f}", "calls", (double)part->calls * each,
                                      "forward_ms", part->ms[0] * each, "backward_ms", part->ms[1] * each,
                                      "share", (part->ms[0] + part->ms[1]) / total));
    }
    return object;
}
