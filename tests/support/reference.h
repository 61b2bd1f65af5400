// A file of reference tensors (safetensors, f32) that a test compares with. Names are formatted as by printf. If
// the file cannot be read or lacks a name, the test program ends with a sentence.
#ifndef RG_TEST_REFERENCE_H
#define RG_TEST_REFERENCE_H

#include <stddef.h>

typedef struct rg_reference rg_reference_t;

typedef struct {
    int rank, shape[4];
    size_t count;
    const float *data; // valid until the file is closed
} rg_reference_tensor_t;

rg_reference_t *rg_reference_open(const char *path);
void rg_reference_close(rg_reference_t **reference);

int rg_reference_has(const rg_reference_t *reference, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

rg_reference_tensor_t rg_reference_tensor(const rg_reference_t *reference, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

// The first element of a tensor.
float rg_reference_number(const rg_reference_t *reference, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
