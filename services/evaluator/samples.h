// Sample grids of an evaluation, RUN/samples/eval-STAGE*.png: numbers are believed when one sees them.
#ifndef RG_EVALUATOR_SAMPLES_H
#define RG_EVALUATOR_SAMPLES_H

#include "services/evaluator/evaluation.h"

enum { RG_SAMPLE_ROWS = 8, RG_SAMPLE_NEIGHBOURS = 8 };

// One row per test image: source, rebuilt from its own code, then each attribute turned (rg_labels_column),
// with the mean of its component.
int rg_samples_translation(rg_evaluation_t *evaluation);

// Of a model that fuses, one grid per attribute, eval-STAGE-ATTRIBUTE.png. One row per test image: source,
// the neighbours that its translation was given, the translation, and the same with random neighbours
// instead.
int rg_samples_guidance(rg_evaluation_t *evaluation);

// One row per query: the source and the images found for it. shown [rows,1+neighbours]: positions in the data
// set; edit names what was wanted.
int rg_samples_retrieval(const rg_evaluation_t *evaluation, const uint32_t *shown, int rows, int neighbours,
                         const char *edit);

// Test image `row` with one attribute turned (rg_labels_column).
void rg_samples_target(const rg_evaluation_t *evaluation, rg_target_t *target, int row, int flip);

#endif
