// What came of translating images one way: what the networks say of them, and what that amounts to.
#ifndef RG_EVALUATOR_OUTCOME_H
#define RG_EVALUATOR_OUTCOME_H

#include "services/evaluator/evaluation.h"
#include "services/evaluator/features.h"
#include "services/evaluator/metrics/metrics.h"

typedef struct {
    rg_evaluation_t *evaluation; // borrowed
    rg_edit_accuracy_t tally;
    rg_features_t features;
    float *logits; // [evaluation.batch,A], owned
} rg_outcome_t;

// For every image of the evaluation, at most once.
void rg_outcome_init(rg_outcome_t *outcome, rg_evaluation_t *evaluation);
void rg_outcome_fini(rg_outcome_t *outcome); // tolerates a zeroed struct

// Adds a batch: images [n,S,S,3] that were made to show the targets.
int rg_outcome_add(rg_outcome_t *outcome, const rg_target_t *targets, const float *images, int n);

// Numbers NAME_MODE, and by domain; real: the features of real images. RG_ENUMERIC.
int rg_outcome_report(const rg_outcome_t *outcome, const rg_features_t *real, const char *mode,
                      rg_report_t *report);

#endif
