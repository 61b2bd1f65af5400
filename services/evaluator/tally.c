#include "services/evaluator/tally.h"

#include <math.h>

void rg_rate_add(rg_rate_t *rate, float logit, int label)
{
    rate->right += (logit > 0) == (label != 0);
    rate->n++;
}

double rg_rate(const rg_rate_t *rate)
{
    return rate->n ? (double)rate->right / (double)rate->n : NAN;
}

void rg_tally_add(rg_tally_t *tally, const rg_target_t *target, const float *logits, int attributes)
{
    rg_rate_add(&tally->wanted[target->asked], logits[target->asked], target->wanted[target->asked]);
    for (int a = 0; a < attributes; a++)
        if (target->wanted[a] == target->source[a])
            rg_rate_add(&tally->untouched, logits[a], target->source[a]);
}

double rg_tally_wanted(const rg_tally_t *tally, int attribute)
{
    if (attribute != RG_POOLED) return rg_rate(&tally->wanted[attribute]);
    rg_rate_t all = {0};
    for (int a = 0; a < RG_ATTRIBUTES_MAX; a++) {
        all.right += tally->wanted[a].right;
        all.n += tally->wanted[a].n;
    }
    return rg_rate(&all);
}

void rg_ceiling_add(rg_ceiling_t *ceiling, const rg_target_t *target, const float *logits, int attributes)
{
    for (int a = 0; a < attributes; a++)
        rg_rate_add(&ceiling->real[a][target->source[a]], logits[a], target->source[a]);
    ceiling->wanted[target->asked][target->wanted[target->asked]]++;
}

double rg_ceiling(const rg_ceiling_t *ceiling, int attribute)
{
    double sum = 0, weight = 0;
    for (int a = 0; a < RG_ATTRIBUTES_MAX; a++)
        for (int value = 0; value < 2; value++) {
            if ((attribute != RG_POOLED && attribute != a) || ceiling->real[a][value].n == 0) continue;
            sum += (double)ceiling->wanted[a][value] * rg_rate(&ceiling->real[a][value]);
            weight += (double)ceiling->wanted[a][value];
        }
    return weight > 0 ? sum / weight : NAN;
}
