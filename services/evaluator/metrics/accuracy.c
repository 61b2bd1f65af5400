#include "services/evaluator/metrics/metrics.h"

#include <math.h>
#include <stdio.h>

void rg_accuracy_add(rg_accuracy_t *accuracy, float logit, int label)
{
    accuracy->correct += (logit > 0) == (label != 0);
    accuracy->n++;
}

double rg_accuracy_value(const rg_accuracy_t *accuracy)
{
    return accuracy->n ? (double)accuracy->correct / (double)accuracy->n : NAN;
}

// ---- domains

int rg_domains(const rg_config_t *config)
{
    return 2 * config->data.attributes.count;
}

rg_domain_t rg_domain(int i)
{
    return (rg_domain_t){i / 2, i % 2 == 0};
}

void rg_domain_name(const rg_config_t *config, rg_domain_t domain, char name[RG_DOMAIN_NAME_SIZE])
{
    snprintf(name, RG_DOMAIN_NAME_SIZE, "%s%s", domain.value ? "" : "not_",
             config->data.attributes.name[domain.attribute]);
}

// NULL stands for all domains.
static int in_domain(const rg_domain_t *domain, int attribute, int value)
{
    return !domain || (domain->attribute == attribute && domain->value == value);
}

// ---- translations

void rg_edit_accuracy_add(rg_edit_accuracy_t *accuracy, const rg_target_t *target, const float *logits,
                          int attributes)
{
    int wanted = target->wanted[target->asked];
    rg_accuracy_add(&accuracy->wanted[target->asked][wanted], logits[target->asked], wanted);
    for (int a = 0; a < attributes; a++)
        if (target->wanted[a] == target->source[a])
            rg_accuracy_add(&accuracy->untouched, logits[a], target->source[a]);
}

double rg_edit_accuracy_wanted(const rg_edit_accuracy_t *accuracy, const rg_domain_t *domain)
{
    rg_accuracy_t all = {0};
    for (int a = 0; a < RG_ATTRIBUTES_MAX; a++)
        for (int value = 0; value < 2; value++) {
            if (!in_domain(domain, a, value)) continue;
            all.correct += accuracy->wanted[a][value].correct;
            all.n += accuracy->wanted[a][value].n;
        }
    return rg_accuracy_value(&all);
}

// ---- real images

void rg_accuracy_ceiling_add(rg_accuracy_ceiling_t *ceiling, const rg_target_t *target, const float *logits,
                             int attributes)
{
    for (int a = 0; a < attributes; a++)
        rg_accuracy_add(&ceiling->real[a][target->source[a]], logits[a], target->source[a]);
    ceiling->wanted[target->asked][target->wanted[target->asked]]++;
}

double rg_accuracy_ceiling(const rg_accuracy_ceiling_t *ceiling, const rg_domain_t *domain)
{
    double sum = 0, weight = 0;
    for (int a = 0; a < RG_ATTRIBUTES_MAX; a++)
        for (int value = 0; value < 2; value++) {
            if (!in_domain(domain, a, value) || ceiling->real[a][value].n == 0) continue;
            sum += (double)ceiling->wanted[a][value] * rg_accuracy_value(&ceiling->real[a][value]);
            weight += (double)ceiling->wanted[a][value];
        }
    return weight > 0 ? sum / weight : NAN;
}
