// What a run recorded, as event files for TensorBoard:
//
//   FOLDER/STAGE/training      losses and speed, by iteration
//   FOLDER/STAGE/evaluations   measures: "frechet_latent", and by domain "frechet_latent/Male"
//   FOLDER/STAGE/pictures      the grids of training, and those of the latest evaluation
//
// A run does not record when a line was written, so all events have the time 0; TensorBoard orders by step.
#ifndef RG_RUN_TENSORBOARD_H
#define RG_RUN_TENSORBOARD_H

// Writes the files, or writes them again. The errors of rg_run_record_open; RG_EIO, RG_EFULL.
int rg_tensorboard_write(const char *run, const char *folder);

#endif
