#include "tests/support/reference.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"

static const size_t FIXTURE_LIMIT = (size_t)256 << 20;

struct rg_reference {
    char *path;
    unsigned char *file;
    size_t size, data; // data: offset of the first tensor
    json_t *header;
};

static void give_up(const char *path, const char *why)
{
    fprintf(stderr, "%s: %s\n", path, why);
    exit(1);
}

rg_reference_t *rg_reference_open(const char *path)
{
    rg_reference_t *reference = rg_alloc(sizeof *reference);
    reference->path = rg_strdup(path);
    if (rg_file_read(path, FIXTURE_LIMIT, &reference->file, &reference->size)) give_up(path, rg_error());
    uint64_t length = 0;
    if (reference->size < sizeof length) give_up(path, "too short");
    memcpy(&length, reference->file, sizeof length);
    if (length > reference->size - sizeof length) give_up(path, "header is longer than the file");
    reference->data = sizeof length + (size_t)length;
    reference->header = json_loadb((char *)reference->file + sizeof length, (size_t)length, 0, NULL);
    if (!reference->header) give_up(path, "header is not JSON");
    return reference;
}

void rg_reference_close(rg_reference_t **reference)
{
    if (!*reference) return;
    json_decref((*reference)->header);
    free((*reference)->file);
    free((*reference)->path);
    free(*reference);
    *reference = NULL;
}

static json_t *find(const rg_reference_t *reference, char name[128], const char *fmt, va_list args)
{
    vsnprintf(name, 128, fmt, args);
    return json_object_get(reference->header, name);
}

int rg_reference_has(const rg_reference_t *reference, const char *fmt, ...)
{
    char name[128];
    va_list args;
    va_start(args, fmt);
    json_t *entry = find(reference, name, fmt, args);
    va_end(args);
    return entry != NULL;
}

static rg_reference_tensor_t lookup(const rg_reference_t *reference, const char *fmt, va_list args)
{
    char name[128];
    json_t *entry = find(reference, name, fmt, args);
    if (!entry) give_up(name, "no such tensor");
    json_t *shape = json_object_get(entry, "shape"), *offsets = json_object_get(entry, "data_offsets");
    rg_reference_tensor_t tensor = {.rank = (int)json_array_size(shape), .count = 1};
    if (tensor.rank > 4) give_up(name, "more than four dimensions");
    for (int i = 0; i < tensor.rank; i++) {
        tensor.shape[i] = (int)json_integer_value(json_array_get(shape, (size_t)i));
        tensor.count *= (size_t)tensor.shape[i];
    }
    size_t first = (size_t)json_integer_value(json_array_get(offsets, 0));
    size_t end = (size_t)json_integer_value(json_array_get(offsets, 1));
    if (end < first || end > reference->size - reference->data || end - first != tensor.count * sizeof(float))
        give_up(name, "not f32 of its shape, or beyond the end of the file");
    tensor.data = (const float *)(const void *)(reference->file + reference->data + first);
    return tensor;
}

rg_reference_tensor_t rg_reference_tensor(const rg_reference_t *reference, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    rg_reference_tensor_t tensor = lookup(reference, fmt, args);
    va_end(args);
    return tensor;
}

float rg_reference_number(const rg_reference_t *reference, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    rg_reference_tensor_t tensor = lookup(reference, fmt, args);
    va_end(args);
    return tensor.data[0];
}
