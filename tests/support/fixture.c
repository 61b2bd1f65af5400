#include "tests/support/fixture.h"

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

struct rg_fixture {
    char *path;
    unsigned char *file;
    size_t size, data; // data: offset of the first tensor
    json_t *header;
};

static void give_up(const char *path, const char *why)
{
    fprintf(stderr, "fixture %s: %s\n", path, why);
    exit(1);
}

rg_fixture_t *rg_fixture_open(const char *path)
{
    rg_fixture_t *fixture = rg_alloc(sizeof *fixture);
    fixture->path = rg_strdup(path);
    if (rg_file_read(path, FIXTURE_LIMIT, &fixture->file, &fixture->size)) give_up(path, rg_error());
    uint64_t length = 0;
    if (fixture->size < sizeof length) give_up(path, "too short");
    memcpy(&length, fixture->file, sizeof length);
    if (length > fixture->size - sizeof length) give_up(path, "header is longer than the file");
    fixture->data = sizeof length + (size_t)length;
    fixture->header = json_loadb((char *)fixture->file + sizeof length, (size_t)length, 0, NULL);
    if (!fixture->header) give_up(path, "header is not JSON");
    return fixture;
}

void rg_fixture_close(rg_fixture_t **fixture)
{
    if (!*fixture) return;
    json_decref((*fixture)->header);
    free((*fixture)->file);
    free((*fixture)->path);
    free(*fixture);
    *fixture = NULL;
}

static json_t *find(const rg_fixture_t *fixture, char name[128], const char *fmt, va_list args)
{
    vsnprintf(name, 128, fmt, args);
    return json_object_get(fixture->header, name);
}

int rg_fixture_has(const rg_fixture_t *fixture, const char *fmt, ...)
{
    char name[128];
    va_list args;
    va_start(args, fmt);
    json_t *entry = find(fixture, name, fmt, args);
    va_end(args);
    return entry != NULL;
}

static rg_fixture_tensor_t lookup(const rg_fixture_t *fixture, const char *fmt, va_list args)
{
    char name[128];
    json_t *entry = find(fixture, name, fmt, args);
    if (!entry) give_up(name, "no such tensor");
    json_t *shape = json_object_get(entry, "shape"), *offsets = json_object_get(entry, "data_offsets");
    rg_fixture_tensor_t tensor = {.rank = (int)json_array_size(shape), .count = 1};
    if (tensor.rank > 4) give_up(name, "more than four dimensions");
    for (int i = 0; i < tensor.rank; i++) {
        tensor.shape[i] = (int)json_integer_value(json_array_get(shape, (size_t)i));
        tensor.count *= (size_t)tensor.shape[i];
    }
    size_t first = (size_t)json_integer_value(json_array_get(offsets, 0));
    size_t end = (size_t)json_integer_value(json_array_get(offsets, 1));
    if (end < first || end > fixture->size - fixture->data || end - first != tensor.count * sizeof(float))
        give_up(name, "not f32 of its shape, or beyond the end of the file");
    tensor.data = (const float *)(const void *)(fixture->file + fixture->data + first);
    return tensor;
}

rg_fixture_tensor_t rg_fixture_tensor(const rg_fixture_t *fixture, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    rg_fixture_tensor_t tensor = lookup(fixture, fmt, args);
    va_end(args);
    return tensor;
}

float rg_fixture_number(const rg_fixture_t *fixture, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    rg_fixture_tensor_t tensor = lookup(fixture, fmt, args);
    va_end(args);
    return tensor.data[0];
}
