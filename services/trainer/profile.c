#include "services/trainer/profile.h"

json_t *rg_profile_json(rg_stopwatch_t *watch, uint64_t iterations)
{
    json_t *object = json_object();
    double total = 0, each = 1 / (double)iterations;
    rg_stopwatch_sort(watch);
    for (int i = 0; i < watch->n; i++) total += watch->piece[i].ms[0] + watch->piece[i].ms[1];
    for (int i = 0; i < watch->n; i++) {
        const rg_stopwatch_piece_t *piece = &watch->piece[i];
        json_object_set_new(object, piece->name,
                            json_pack("{s:f, s:f, s:f, s:f}", "calls", (double)piece->calls * each,
                                      "forward_ms", piece->ms[0] * each, "backward_ms", piece->ms[1] * each,
                                      "share", (piece->ms[0] + piece->ms[1]) / total));
    }
    return object;
}
