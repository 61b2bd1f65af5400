// safetensors files from an untrusted source. Every tensor that is accepted must lie within the file, and can be read.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/file.h"
#include "common/model/safetensors.h"
#include "tests/fuzz/fuzz.h"

static void read_tensors(const rg_safetensors_t *file)
{
    const rg_safetensor_t *tensor;
    for (size_t i = 0; (tensor = rg_safetensors_at(file, i)) != NULL; i++) {
        float *values = malloc((tensor->data ? tensor->count : 0) * sizeof *values + 1);
        if (!values) abort();
        int shape[4] = {tensor->rank > 0 ? tensor->shape[0] : 0, 1};
        rg_safetensors_read(file, "fuzz", tensor->name, tensor->rank, tensor->shape, values);
        rg_safetensors_read(file, "fuzz", tensor->name, 2, shape, values);
        free(values);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rg_safetensors_t *file;
    void *bytes = malloc(size + 1); // aligned; the sanitizer watches the memory behind it
    if (!bytes) abort();
    if (size) memcpy(bytes, data, size);
    if (rg_safetensors_parse(&file, bytes, size, "fuzz") == 0) {
        read_tensors(file);
        rg_safetensors_metadata(file, "stage");
        rg_safetensors_close(&file);
    }
    free(bytes);
    return 0;
}

// A file as it is written here, with checksums.
static size_t write_checkpoint(uint8_t *out, size_t capacity)
{
    static const float values[] = {1, 2, 3};
    const rg_safetensor_t tensors[] = {{.name = "a", .rank = 2, .shape = {2, 1}, .data = values, .count = 2},
                                       {.name = "b", .rank = 0, .data = values + 2, .count = 1}};
    const rg_safetensors_metadata_t metadata = {"stage", "stage1"};
    unsigned char *bytes;
    size_t size;
    char path[64];
    snprintf(path, sizeof path, "/tmp/rg-fuzz-checkpoint.%d", (int)getpid());
    if (rg_safetensors_write(path, tensors, 2, &metadata, 1) || rg_file_read(path, capacity, &bytes, &size))
        abort();
    unlink(path);
    memcpy(out, bytes, size);
    free(bytes);
    return size;
}

size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity)
{
    static const char header[] = "{\"__metadata__\":{\"stage\":\"stage1\"},\"a\":{\"dtype\":\"F32\","
                                 "\"shape\":[2,1],\"data_offsets\":[0,8]},"
                                 "\"b\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[8,12]}}   ";
    uint64_t length = sizeof header - 1;
    if (i == 1) return write_checkpoint(out, capacity);
    if (i > 1 || capacity < 8 + length + 12) return 0;
    memcpy(out, &length, 8);
    memcpy(out + 8, header, length);
    memset(out + 8 + length, 0, 12);
    return 8 + length + 12;
}
