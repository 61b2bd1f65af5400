// The functions of a fuzz target. Each parser of outside bytes has one target.
#ifndef RG_TESTS_FUZZ_H
#define RG_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

// Gives the bytes to the parser and returns 0. No input may make it crash, leak or hang.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Writes the i-th well-formed input to out [capacity bytes] and returns its size; 0 after the last input.
size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity);

#endif
