// safetensors files from an untrusted source. Every tensor that is accepted must lie within the file.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/safetensors.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rg_safetensors_t *file;
    void *bytes = malloc(size + 1); // aligned; the sanitizer watches the memory behind it
    if (!bytes) abort();
    if (size) memcpy(bytes, data, size);
    if (rg_safetensors_parse(&file, bytes, size, "fuzz") == 0) {
        const rg_safetensor_t *tensor = rg_safetensors_find(file, "a");
        volatile float value;
        for (size_t i = 0; tensor && i < tensor->count; i++) value = tensor->data[i];
        (void)value;
        rg_safetensors_metadata(file, "stage");
        rg_safetensors_close(&file);
    }
    free(bytes);
    return 0;
}

size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity)
{
    static const char header[] = "{\"__metadata__\":{\"stage\":\"stage1\"},\"a\":{\"dtype\":\"F32\","
                                 "\"shape\":[2,1],\"data_offsets\":[0,8]},"
                                 "\"b\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[8,12]}}   ";
    uint64_t length = sizeof header - 1;
    if (i > 0 || capacity < 8 + length + 12) return 0;
    memcpy(out, &length, 8);
    memcpy(out + 8, header, length);
    memset(out + 8 + length, 0, 12);
    return 8 + length + 12;
}
