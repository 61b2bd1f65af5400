#include "services/report/experiment/tables_private.h"

#include <stdio.h>
#include <string.h>

#include "common/model/stage.h"

const char *const rg__modes[RG__MODES] = {"latent", "reference"};

const char *const rg__spaces[RG__SPACES][2] = {{"R untrained", "untrained"},
                                               {"code alone, no R", "code_only"},
                                               {"code alone, asked with components", "code_components"},
                                               {"random images", "random"}};

static const char *const WHATS[] = {"attributes", "content", "average", "strict", "found"};

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

void rg__put_mean(rg_table_t *table, rg_statistic_t s, int decimals)
{
    if (s.n == 0)
        rg_table_cell(table, "–");
    else if (s.n == 1)
        rg_table_cell(table, "%.*f", decimals, s.mean);
    else
        rg_table_cell(table, "%.*f ± %.*f", decimals, s.mean, decimals, s.spread);
}

void rg__put_difference(rg_table_t *table, rg_statistic_t s, int decimals)
{
    if (s.n < 2)
        rg_table_cell(table, s.n ? "%+.*f" : "–", decimals, s.mean);
    else
        rg_table_cell(table, "%+.*f [%+.*f, %+.*f]", decimals, s.mean, decimals, s.mean - s.half, decimals,
                      s.mean + s.half);
}

const char *rg__mode_key(char out[RG__KEY], const char *pattern, const char *mode)
{
    size_t stem = strcspn(pattern, "%");
    snprintf(out, RG__KEY, "%.*s%s%s", (int)stem, pattern, mode, pattern + stem + strlen("%s"));
    return out;
}

// "p10.trained.average"
const char *rg__precision_key(char out[RG__KEY], int k, const char *space, const char *what)
{
    snprintf(out, RG__KEY, "p%d.%s.%s", k, space, what);
    return out;
}

void rg__put_precisions(rg_table_t *table, const rg_results_t *results, rg_number_t number, int k,
                        const char *space)
{
    char key[RG__KEY];
    for (int i = 0; i < COUNT(WHATS); i++) {
        number.key = rg__precision_key(key, k, space, WHATS[i]);
        rg__put_mean(table, rg_results_mean(results, number), 3);
    }
}

void rg__precisions_init(rg_table_t *table, const char *id, const char *first)
{
    const char *titles[] = {first, "attributes", "content", "average", "all match", "of the set"};
    rg_table_init(table, id, titles, COUNT(titles));
}

// The base's own R with the rows that any R must beat.
void rg__put_baselines(rg_table_t *table, const rg_results_t *results, int annotated, int k)
{
    for (int i = 0; i < RG__SPACES; i++) {
        rg_table_cell(table, "%s", rg__spaces[i][0]);
        rg__put_precisions(table, results, (rg_number_t){RG_BASE, annotated, RG_STAGE_2, NULL}, k,
                           rg__spaces[i][1]);
    }
}
