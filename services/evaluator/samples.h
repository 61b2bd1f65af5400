// Sample grids of an evaluation, RUN/samples/eval-STAGE*.png, for people to look at beside the numbers.
#ifndef RG_EVALUATOR_SAMPLES_H
#define RG_EVALUATOR_SAMPLES_H

#include "services/evaluator/batch.h"

enum { RG_SAMPLE_ROWS = 8, RG_SAMPLE_NEIGHBOURS = 8 };

// One row per test image: the source, its reconstruction from its own code, then one column per attribute
// with that attribute changed (rg_labels_column) to the mean of the wanted component.
int rg_samples_translation(rg_evaluation_t *evaluation);

// For a model with the fusion layers, one grid per attribute, eval-STAGE-ATTRIBUTE.png. One row per test
// image: the source, the neighbours that its translation was given, the translation, and the translation with
// random neighbours instead.
int rg_samples_guidance(rg_evaluation_t *evaluation);

// One row per query: the source and the images that were found for it. shown [rows,1+neighbours]: positions
// in the data set; edit says what was wanted.
int rg_samples_retrieval(const rg_evaluation_t *evaluation, const uint32_t *shown, int rows, int neighbours,
                         const char *edit);

// The target of test image `row` with one attribute changed (rg_labels_column).
void rg_samples_target(const rg_evaluation_t *evaluation, rg_target_t *target, int row, int attribute);

#endif
