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
    int wanted = target->wanted[target->asked];
    rg_rate_add(&tally->wanted[target->asked][wanted], logits[target->asked], wanted);
    for (int a = 0; a < attributes; a++)
        if (target->wanted[a] == target->source[a])
            rg_rate_add(&tally->untouched, logits[a], target->source[a]);
}

static int counts(const rg_domain_t *domain, int attribute, int value)
{
    return !domain || (domain->attribute == attribute && domain->value == value);
}

double rg_tally_wanted(const rg_tally_t *tally, const rg_domain_t *domain)
{
    rg_rate_t all = {0};
    for (int a = 0; a < RG_ATTRIBUTES_MAX; a++)
        for (int value = 0; value < 2; value++) {
            if (!counts(domain, a, value)) continue;
            all.right += tally->wanted[a][value].right;
            all.n += tally->wanted[a][value].n;
        }
    return rg_rate(&all);
}

void rg_ceiling_add(rg_ceiling_t *ceiling, const rg_target_t *target, const float *logits, int attributes)
{
    for (int a = 0; a < attributes; a++)
        rg_rate_add(&ceiling->real[a][target->source[a]], logits[a], target->source[a]);
    ceiling->wanted[target->asked][target->wanted[target->asked]]++;
}

double rg_ceiling(const rg_ceiling_t *ceiling, const rg_domain_t *domain)
{
    double sum = 0, weight = 0;
    for (int a = 0; a < RG_ATTRIBUTES_MAX; a++)
        for (int value = 0; value < 2; value++) {
            if (!counts(domain, a, value) || ceiling->real[a][value].n == 0) continue;
            sum += (double)ceiling->wanted[a][value] * rg_rate(&ceiling->real[a][value]);
            weight += (double)ceiling->wanted[a][value];
        }
    return weight > 0 ? sum / weight : NAN;
}
