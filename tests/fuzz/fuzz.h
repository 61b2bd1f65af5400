// What a fuzz target provides: one source per parser of outside bytes.
#ifndef RG_TESTS_FUZZ_H
#define RG_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

// Feeds the bytes to the parser; returns 0. Whatever they are, it must neither crash nor leak nor hang.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Writes the i-th well-formed input to out and returns its size; 0 when there are no more.
size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t room);

#endif
