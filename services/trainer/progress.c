#include "services/trainer/progress.h"

#include <stdio.h>
#include <string.h>

void rg_progress_init(rg_progress_t *progress)
{
    memset(progress, 0, sizeof *progress);
    pthread_mutex_init(&progress->lock, NULL);
    progress->values.state = "idle";
}

void rg_progress_fini(rg_progress_t *progress)
{
    pthread_mutex_destroy(&progress->lock);
}

void rg_progress_state(rg_progress_t *progress, const char *state, const char *stage)
{
    pthread_mutex_lock(&progress->lock);
    if (stage) {
        progress->values = (rg_progress_values_t){0};
        snprintf(progress->values.stage, sizeof progress->values.stage, "%s", stage);
    }
    progress->values.state = state;
    pthread_mutex_unlock(&progress->lock);
}

void rg_progress_set(rg_progress_t *progress, const rg_progress_values_t *values)
{
    pthread_mutex_lock(&progress->lock);
    progress->values = *values;
    pthread_mutex_unlock(&progress->lock);
}

void rg_progress_get(rg_progress_t *progress, rg_progress_values_t *values)
{
    pthread_mutex_lock(&progress->lock);
    *values = progress->values;
    pthread_mutex_unlock(&progress->lock);
}
