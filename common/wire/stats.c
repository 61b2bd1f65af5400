#include "common/wire/stats.h"

#include <math.h>
#include <string.h>

static const Rg__V1__Sample *find(const Rg__V1__StatsReply *stats, const char *name, const char *label)
{
    for (size_t i = 0; i < stats->n_samples; i++)
        if (strcmp(stats->samples[i]->name, name) == 0 && strcmp(stats->samples[i]->label, label) == 0)
            return stats->samples[i];
    return NULL;
}

int rg_stats_kind(const Rg__V1__StatsReply *stats, size_t i, rg_stats_kind_t *kind)
{
    const Rg__V1__Sample *requests = stats->samples[i];
    if (strcmp(requests->name, "rg_requests_total") != 0 || requests->value == 0) return 0;
    const Rg__V1__Sample *errors = find(stats, "rg_request_errors_total", requests->label);
    const Rg__V1__Sample *seconds = find(stats, "rg_request_seconds", requests->label);
    *kind = (rg_stats_kind_t){.name = requests->label,
                              .count = requests->value,
                              .errors = errors ? errors->value : 0,
                              .per_s = stats->uptime_s > 0 ? requests->value / stats->uptime_s : 0,
                              .p50_ms = seconds ? 1e3 * seconds->p50_s : 0,
                              .p99_ms = seconds ? 1e3 * seconds->p99_s : 0};
    return 1;
}

int rg_stats_is_whole(double value)
{
    return fabs(value) < 1e15 && value == floor(value);
}
