// Sample grids of the translation stages: a training batch's first images as rows; source, reconstruction and
// every attribute turned (rg_labels_column) as columns, with the averaged weights.
#ifndef RG_TRAINER_SAMPLES_H
#define RG_TRAINER_SAMPLES_H

#include "services/trainer/translation.h"

// Writes RUN/samples/STAGE-ITERATION.png. RG_EIO, RG_EFULL, or what the retriever returned.
int rg_samples_write(rg_translation_t *translation, const rg_batch_t *batch, const char *stage,
                     int iteration);

#endif
