#include "services/evaluator/outcome.h"

#include <stdlib.h>

#include "common/core/alloc.h"
#include "services/evaluator/resemblance.h"

void rg_outcome_init(rg_outcome_t *outcome, rg_evaluation_t *evaluation)
{
    const rg_config_t *config = evaluation->config;
    size_t logits = (size_t)config->evaluation.batch * (size_t)config->data.attributes.count;
    *outcome = (rg_outcome_t){.evaluation = evaluation, .logits = rg_alloc(logits * sizeof(float))};
    rg_features_init(&outcome->features, evaluation->n_images, evaluation->extractor.d,
                     evaluation->extractor.classes);
}

void rg_outcome_fini(rg_outcome_t *outcome)
{
    rg_features_fini(&outcome->features);
    free(outcome->logits);
}

int rg_outcome_add(rg_outcome_t *outcome, const rg_target_t *targets, const float *images, int n)
{
    int attributes = outcome->evaluation->config->data.attributes.count;
    const rg_features_room_t room = rg_features_next(&outcome->features, targets, n);
    const rg_said_t said = {room.row, room.probability, outcome->logits};
    int err = rg_evaluation_judge(outcome->evaluation, &said, images, n);
    for (int i = 0; i < n && !err; i++)
        rg_edit_accuracy_add(&outcome->tally, &targets[i], said.logits + i * attributes, attributes);
    return err;
}

int rg_outcome_report(const rg_outcome_t *outcome, const rg_features_t *real, const char *mode,
                      rg_report_t *report)
{
    const rg_config_t *config = outcome->evaluation->config;
    rg_report_number(report, rg_edit_accuracy_wanted(&outcome->tally, NULL), "wanted_accuracy_%s", mode);
    rg_report_number(report, rg_accuracy_value(&outcome->tally.untouched), "untouched_accuracy_%s", mode);
    for (int i = 0; i < rg_domains(config); i++) {
        char name[RG_DOMAIN_NAME_SIZE];
        const rg_domain_t domain = rg_domain(i);
        rg_domain_name(config, domain, name);
        rg_report_number(report, rg_edit_accuracy_wanted(&outcome->tally, &domain), "wanted_accuracy_%s.%s",
                         mode, name);
    }
    return rg_resemblance(config, real, &outcome->features, mode, report);
}
