// safetensors files: 8 bytes with the length of the header (little-endian), a JSON header, raw tensors.
// Reading maps the file, and checks every offset and shape against its size before anything is given out.
// Writing is atomic. A file that is written here carries checksums (xxh3-64) of the header and of every tensor,
// and reading compares them: RG_EFORMAT names the tensor that is damaged. Files without checksums are read, too.
#ifndef RG_MODEL_SAFETENSORS_H
#define RG_MODEL_SAFETENSORS_H

#include <stddef.h>

typedef struct {
    char name[128];
    int rank, shape[4];
    // count floats, borrowed; of a file that is read: not compared with their checksum, and NULL if they are
    // not F32 or have more dimensions.
    const float *data;
    size_t count;
} rg_safetensor_t;

typedef struct {
    const char *key, *value;
} rg_safetensors_metadata_t;

// Names have no blanks. RG_EFULL, RG_EIO; RG_EFORMAT if a text is not UTF-8.
int rg_safetensors_write(const char *path, const rg_safetensor_t *tensors, size_t n,
                         const rg_safetensors_metadata_t *metadata, size_t n_metadata);

typedef struct rg_safetensors rg_safetensors_t;

// From a file, or from borrowed bytes that origin names in errors. RG_ENOENT, RG_EFORMAT saying what is wrong,
// RG_ELIMIT (header over 16 MiB, or too many tensors).
int rg_safetensors_open(rg_safetensors_t **file, const char *path);
int rg_safetensors_parse(rg_safetensors_t **file, const void *bytes, size_t size, const char *origin);
void rg_safetensors_close(rg_safetensors_t **file);

// The tensor of that name, or NULL. Lives until close, as do all results.
const rg_safetensor_t *rg_safetensors_find(const rg_safetensors_t *file, const char *name);

// Copies the tensor of that name. RG_EMODEL, naming the file `origin`, if it is missing or has another shape;
// RG_EFORMAT if it does not have its checksum: `to` is then filled with what the file holds.
int rg_safetensors_read(const rg_safetensors_t *file, const char *origin, const char *name, int rank,
                        const int *shape, float *to);

const rg_safetensor_t *rg_safetensors_at(const rg_safetensors_t *file, size_t i); // NULL beyond the last

// A value of the metadata, or NULL.
const char *rg_safetensors_metadata(const rg_safetensors_t *file, const char *key);

#endif
