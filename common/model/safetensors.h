// safetensors files: 8-byte little-endian header length, JSON header, raw tensors. Reading maps the file and
// checks every offset and shape against it before anything is handed out; writing is atomic.
#ifndef RG_MODEL_SAFETENSORS_H
#define RG_MODEL_SAFETENSORS_H

#include <stddef.h>

typedef struct {
    char name[128];
    int rank, shape[4];
    const float *data; // F32 only; count floats, borrowed
    size_t count;
} rg_safetensor_t;

typedef struct {
    const char *key, *value;
} rg_metadata_t;

int rg_safetensors_write(const char *path, const rg_safetensor_t *tensors, size_t n,
                         const rg_metadata_t *metadata, size_t n_metadata);

typedef struct rg_safetensors rg_safetensors_t;

// RG_ENOENT, RG_EFORMAT (what is wrong, in which file), RG_ELIMIT (header over 16 MiB).
int rg_safetensors_open(rg_safetensors_t **file, const char *path);
int rg_safetensors_parse(rg_safetensors_t **file, const void *bytes, size_t size,
                         const char *origin); // borrowed bytes
void rg_safetensors_close(rg_safetensors_t **file);

// NULL if there is none of that name. Lives until close.
const rg_safetensor_t *rg_safetensors_find(const rg_safetensors_t *file, const char *name);
// Copies the tensor of that name, which must be there and have this shape: else RG_EMODEL saying so, of the
// file `origin`.
int rg_safetensors_read(const rg_safetensors_t *file, const char *origin, const char *name, int rank,
                        const int *shape, float *to);
const rg_safetensor_t *rg_safetensors_at(const rg_safetensors_t *file, size_t i); // NULL beyond the last
const char *rg_safetensors_metadata(const rg_safetensors_t *file, const char *key);

#endif
