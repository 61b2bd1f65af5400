// Reads reference tensors (safetensors, f32) in tests. Names are built like printf's. A fixture that cannot
// be read or lacks a name ends the test program with a sentence: there is nothing to go on with.
#ifndef RG_TEST_FIXTURE_H
#define RG_TEST_FIXTURE_H

#include <stddef.h>

typedef struct rg_fixture rg_fixture_t;

typedef struct {
    int rank, shape[4];
    size_t count;
    const float *data; // the fixture's, until it is closed
} rg_fixture_tensor_t;

rg_fixture_t *rg_fixture_open(const char *path);
void rg_fixture_close(rg_fixture_t **fixture);

int rg_fixture_has(const rg_fixture_t *fixture, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

rg_fixture_tensor_t rg_fixture_tensor(const rg_fixture_t *fixture, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

// The first element of a tensor.
float rg_fixture_number(const rg_fixture_t *fixture, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
