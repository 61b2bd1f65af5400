// The pictures in a run's folder `samples`: STAGE-ITERATION.png of the trainer, eval-STAGE.png and
// eval-STAGE-PART.png of the evaluator.
#ifndef RG_GATEWAY_SAMPLES_H
#define RG_GATEWAY_SAMPLES_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum { RG_SAMPLES_MAX = 2000, RG_SAMPLES_BYTES = 64 << 20, RG_SAMPLES_NAME = 128 };

// What a name says; stage points into it.
typedef struct {
    const char *stage;
    int stage_size;
    int64_t iteration; // -1: of an evaluation
} rg_sample_t;

// 1, or 0 if it is no name of a picture: it holds no slash, does not begin with a dot and ends in .png.
int rg_sample_parse(const char *name, rg_sample_t *sample);

// {samples}, sorted by stage and iteration; a folder that is not there has none. New reference.
json_t *rg_samples_json(const char *folder);

// Opens the picture of that name to read *size bytes, and says when it was written. RG_ENOENT, also for a
// name that is none and what is no file; RG_ELIMIT.
int rg_sample_open(const char *folder, const char *name, int *fd, size_t *size, int64_t *modified_ms);

#endif
