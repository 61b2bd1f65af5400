// Numbers about images that outlast the evaluation that worked them out, in a file of their own: a matrix,
// the text that says what of (its key), and a checksum. A file that is damaged, or about something else, is
// none.
#ifndef RG_EVALUATOR_CACHE_H
#define RG_EVALUATOR_CACHE_H

#include <stdint.h>

#include "common/config/config.h"

typedef struct {
    float *row; // [n,width], borrowed
    uint32_t n;
    int width;
} rg_matrix_t;

// The file of a key, in evaluation.cache.
void rg_cache_path(const rg_config_t *config, const char *key, char path[RG_PATH_SIZE]);

// 1 if the matrix of that key and of this size was there and is now in matrix->row; 0 if it has to be worked
// out, with a line in the log where the file cannot be trusted.
int rg_cache_read(const char *path, const char *key, const rg_matrix_t *matrix);

// Makes the folder too. RG_EIO, RG_EFULL: the file is as before.
int rg_cache_write(const char *path, const char *key, const rg_matrix_t *matrix);

#endif
