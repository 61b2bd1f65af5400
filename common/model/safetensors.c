// The file is untrusted. What is checked before a tensor is given out: the header fits into the file and is
// JSON; the tensor's range of bytes lies within the file; the product of its dimensions does not overflow and
// is the length of its range. Tensors that are not F32, or have more than 4 dimensions, are listed without
// their data: a program in Python may have added them.
//
// Checksums. The metadata key "checksums" is "xxh3-64 HEADER NAME=SUM NAME=SUM ...", in hexadecimal digits:
// SUM is the hash of a tensor's bytes, and HEADER that of the whole header without these 16 digits. The header
// is checked when a file is opened, a tensor when it is read. A file without the key is one of another program
// or of an earlier version of this one, and is not checked. A damaged key is still recognised by its value, and
// a damaged value by its key.
//
// Other writers do not pad the header, so the data may begin at any address. Then it is copied to an aligned
// one; files that this program writes are used where they are mapped.
#include "common/model/safetensors.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jansson.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/hash.h"

#define CHECKSUMS           "checksums"
#define METHOD              "xxh3-64 " // what their value begins with; the sum of the header follows
#define CHECKSUMS_IN_HEADER "\"" CHECKSUMS "\":\"" METHOD

enum { HEADER_MAX = 16 << 20, TENSORS_MAX = 100000, SUM_DIGITS = 16 };

// ---- checksums

// The hash of the header without the digits of the hash itself, or 0 if the header does not have their place.
// *digits: their place.
static uint64_t hash_header(const char *text, size_t length, const char **digits)
{
    const char *mark = memmem(text, length, CHECKSUMS_IN_HEADER, strlen(CHECKSUMS_IN_HEADER));
    size_t before = mark ? (size_t)(mark - text) + strlen(CHECKSUMS_IN_HEADER) : 0;
    if (!mark || length - before < SUM_DIGITS) return 0;
    *digits = text + before;
    return rg_hash(text + before + SUM_DIGITS, length - before - SUM_DIGITS, rg_hash(text, before, 0));
}

// The value of the metadata, with zeros for the header's sum; free() it.
static char *list_checksums(const rg_safetensor_t *tensors, size_t n)
{
    char *list = NULL, sum[SUM_DIGITS + 1];
    size_t size;
    FILE *out = open_memstream(&list, &size);
    if (!out) abort();
    fprintf(out, METHOD "%0*d", SUM_DIGITS, 0);
    for (size_t i = 0; i < n; i++) {
        rg_hash_hex(rg_hash(tensors[i].data, tensors[i].count * sizeof(float), 0), sum);
        fprintf(out, " %s=%s", tensors[i].name, sum);
    }
    if (fclose(out) != 0) abort();
    return list;
}

// Replaces the zeros.
static void sign_header(char *text, size_t length)
{
    const char *digits = NULL;
    char sum[SUM_DIGITS + 1];
    rg_hash_hex(hash_header(text, length, &digits), sum);
    if (digits) memcpy(text + (digits - text), sum, SUM_DIGITS);
}

// ---- writing

static json_t *make_header(const rg_safetensor_t *tensors, size_t n,
                           const rg_safetensors_metadata_t *metadata, size_t n_metadata)
{
    json_t *header = json_object(), *notes = json_object();
    char *checksums = list_checksums(tensors, n);
    json_object_set_new(notes, CHECKSUMS, json_string(checksums)); // first: hash_header finds its own key
    free(checksums);
    for (size_t i = 0; i < n_metadata; i++)
        json_object_set_new(notes, metadata[i].key, json_string(metadata[i].value));
    json_object_set_new(header, "__metadata__", notes);
    size_t offset = 0;
    for (size_t i = 0; i < n; i++) {
        json_t *shape = json_array();
        for (int d = 0; d < tensors[i].rank; d++)
            json_array_append_new(shape, json_integer(tensors[i].shape[d]));
        size_t end = offset + tensors[i].count * sizeof(float);
        json_object_set_new(header, tensors[i].name,
                            json_pack("{s:s, s:o, s:[I,I]}", "dtype", "F32", "shape", shape, "data_offsets",
                                      (json_int_t)offset, (json_int_t)end));
        offset = end;
    }
    return header;
}

int rg_safetensors_write(const char *path, const rg_safetensor_t *tensors, size_t n,
                         const rg_safetensors_metadata_t *metadata, size_t n_metadata)
{
    json_t *header = make_header(tensors, n, metadata, n_metadata);
    char *text = json_dumps(header, JSON_COMPACT);
    json_decref(header);
    if (!text) return rg_fail(RG_EFORMAT, "%s: a name or a value of the metadata is not valid UTF-8", path);
    size_t length = strlen(text), padded = (length + 8 + 63) / 64 * 64 - 8; // tensors start on cache lines
    uint64_t prefix = padded; // little-endian, as all machines that this program supports
    text = rg_realloc(text, padded);
    memset(text + length, ' ', padded - length);
    sign_header(text, padded);
    rg_file_t file;
    int err = rg_file_begin(&file, path);
    if (!err) {
        err = rg_file_append(&file, &prefix, sizeof prefix);
        if (!err) err = rg_file_append(&file, text, padded);
        for (size_t i = 0; !err && i < n; i++)
            err = rg_file_append(&file, tensors[i].data, tensors[i].count * sizeof(float));
        if (err)
            rg_file_abandon(&file);
        else
            err = rg_file_commit(&file);
    }
    free(text);
    return err;
}

// ---- reading

struct rg_safetensors {
    void *map;
    size_t map_size;
    unsigned char *aligned; // copy of the data, or NULL
    json_t *header;
    json_t *sums; // hexadecimal digits by the names of tensors, or NULL: the file has no checksums
    rg_safetensor_t *tensors;
    size_t n;
};

// The section of the file that holds the tensors.
typedef struct {
    const unsigned char *bytes; // aligned to 4
    size_t size;
    const char *origin;
} section_t;

// Fills rank, shape and count. size: bytes of the data section.
static int read_shape(rg_safetensor_t *tensor, json_t *shape, const section_t *data)
{
    tensor->rank = (int)json_array_size(shape);
    tensor->count = 1;
    for (int d = 0; d < tensor->rank; d++) {
        json_int_t side = json_integer_value(json_array_get(shape, (size_t)d));
        if (side < 0 || side > INT32_MAX || (side > 0 && tensor->count > data->size / (size_t)side))
            return rg_fail(RG_EFORMAT, "%s: tensor %s is larger than the file", data->origin, tensor->name);
        tensor->shape[d] = (int)side;
        tensor->count *= (size_t)side;
    }
    return 0;
}

// Fills tensor from one header entry, with every number checked against the size of the data section.
static int read_entry(rg_safetensor_t *tensor, const char *name, json_t *entry, const section_t *data)
{
    const char *dtype;
    json_t *shape;
    json_int_t begin, end;
    if (json_unpack(entry, "{s:s, s:o, s:[I,I!]}", "dtype", &dtype, "shape", &shape, "data_offsets", &begin,
                    &end) != 0 ||
        !json_is_array(shape))
        return rg_fail(RG_EFORMAT, "%s: malformed entry of tensor %s", data->origin, name);
    snprintf(tensor->name, sizeof tensor->name, "%s", name); // a longer name is not one of ours
    if (begin < 0 || end < begin || (size_t)end > data->size)
        return rg_fail(RG_EFORMAT, "%s: tensor %s does not fit its place in the file", data->origin, name);
    if (strcmp(dtype, "F32") != 0 || json_array_size(shape) > 4) return 0;
    int err = read_shape(tensor, shape, data);
    if (err) return err;
    if ((size_t)(end - begin) != tensor->count * sizeof(float) || (size_t)begin % sizeof(float) != 0)
        return rg_fail(RG_EFORMAT, "%s: tensor %s does not fit its place in the file", data->origin, name);
    tensor->data = (const float *)(const void *)(data->bytes + begin);
    return 0;
}

// The header that begins at text, an object.
static int read_header(json_t **header, const char *text, size_t length, const char *origin)
{
    json_error_t problem;
    *header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
    if (json_is_object(*header) && json_object_size(*header) <= TENSORS_MAX) return 0;
    int err = json_is_object(*header)
                  ? rg_fail(RG_ELIMIT, "%s: more than %d tensors", origin, TENSORS_MAX)
                  : rg_fail(RG_EFORMAT, "%s: the header is not a JSON object: %.100s", origin, problem.text);
    json_decref(*header);
    return err;
}

#define CHANGED "it is damaged (if you changed it, drop the metadata key " CHECKSUMS ")"

// The list of checksums, or NULL. Its key or its value may be damaged, but not both.
static const char *find_checksums(json_t *header)
{
    json_t *notes = json_object_get(header, "__metadata__"), *value;
    const char *key, *found = json_string_value(json_object_get(notes, CHECKSUMS));
    json_object_foreach(notes, key, value)
    {
        const char *text = json_string_value(value);
        if (!found && text && strncmp(text, METHOD, strlen(METHOD)) == 0) found = text;
    }
    return found;
}

// Checks the header, and then takes the sums of the tensors from it.
static int read_checksums(rg_safetensors_t *file, const char *text, size_t length, const char *origin)
{
    const char *list = find_checksums(file->header), *digits = NULL;
    char sum[SUM_DIGITS + 1], *copy, *rest;
    if (!list) return 0;
    rg_hash_hex(hash_header(text, length, &digits), sum);
    if (!digits || memcmp(digits, sum, SUM_DIGITS) != 0)
        return rg_fail(RG_EFORMAT, "%s: the header differs from its checksum: " CHANGED, origin);
    copy = rest = rg_strdup(list);
    file->sums = json_object();
    for (char *entry; (entry = strsep(&rest, " ")) != NULL;) {
        char *value = strrchr(entry, '=');
        if (!value) continue;
        *value++ = 0;
        json_object_set_new(file->sums, entry, json_string(value));
    }
    free(copy);
    return 0;
}

// Compares the values of a tensor that were read with its checksum.
static int check_tensor(const rg_safetensors_t *file, const char *origin, const rg_safetensor_t *tensor,
                        const float *values)
{
    char sum[SUM_DIGITS + 1];
    if (!file->sums) return 0;
    const char *written = json_string_value(json_object_get(file->sums, tensor->name));
    rg_hash_hex(rg_hash(values, tensor->count * sizeof *values, 0), sum);
    if (written && strcmp(written, sum) == 0) return 0;
    return rg_fail(RG_EFORMAT, "%s: tensor %s differs from its checksum: " CHANGED, origin, tensor->name);
}

static void align_data(rg_safetensors_t *file, section_t *data)
{
    if ((uintptr_t)data->bytes % sizeof(float) == 0) return;
    file->aligned = rg_alloc(data->size + 1);
    memcpy(file->aligned, data->bytes, data->size);
    data->bytes = file->aligned;
}

int rg_safetensors_parse(rg_safetensors_t **out, const void *bytes, size_t size, const char *origin)
{
    uint64_t length;
    json_t *header, *entry;
    const char *name, *text = (const char *)bytes + sizeof length;
    if (size < sizeof length)
        return rg_fail(RG_EFORMAT, "%s: not a safetensors file (%zu bytes)", origin, size);
    memcpy(&length, bytes, sizeof length);
    if (length > HEADER_MAX)
        return rg_fail(RG_ELIMIT, "%s: the header has %llu bytes, more than %d", origin,
                       (unsigned long long)length, HEADER_MAX);
    if (length > size - sizeof length)
        return rg_fail(RG_EFORMAT, "%s: cut short, the file ends within the header", origin);
    int err = read_header(&header, text, length, origin);
    if (err) return err;
    rg_safetensors_t *file = rg_alloc(sizeof *file);
    section_t data = {(const unsigned char *)text + length, size - sizeof length - length, origin};
    file->header = header;
    file->tensors = rg_alloc((json_object_size(header) + 1) * sizeof *file->tensors);
    align_data(file, &data);
    err = read_checksums(file, text, length, origin);
    json_object_foreach(header, name, entry)
    {
        if (err || strcmp(name, "__metadata__") == 0) continue;
        err = read_entry(&file->tensors[file->n++], name, entry, &data);
    }
    if (err)
        rg_safetensors_close(&file);
    else
        *out = file;
    return err;
}

int rg_safetensors_open(rg_safetensors_t **out, const char *path)
{
    size_t size;
    int fd, err = rg_file_open(path, &fd, &size);
    if (err) return err;
    if (size == 0) err = rg_fail(RG_EFORMAT, "%s: empty file", path);
    void *map = MAP_FAILED;
    if (!err) {
        map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED) err = rg_fail_errno(RG_EIO, "%s: cannot map", path);
    }
    close(fd);
    if (!err) {
        err = rg_safetensors_parse(out, map, size, path);
        if (err) {
            munmap(map, size);
        } else {
            (*out)->map = map;
            (*out)->map_size = size;
        }
    }
    return err;
}

void rg_safetensors_close(rg_safetensors_t **out)
{
    rg_safetensors_t *file = *out;
    if (!file) return;
    if (file->map) munmap(file->map, file->map_size);
    json_decref(file->header);
    json_decref(file->sums);
    free(file->tensors);
    free(file->aligned);
    free(file);
    *out = NULL;
}

const rg_safetensor_t *rg_safetensors_find(const rg_safetensors_t *file, const char *name)
{
    for (size_t i = 0; i < file->n; i++)
        if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
    return NULL;
}

static void format_shape(char out[64], int rank, const int *shape)
{
    size_t n = 0;
    out[0] = 0;
    for (int d = 0; d < rank && n < 50; d++)
        n += (size_t)snprintf(out + n, 64 - n, "%s%d", d ? "x" : "", shape[d]);
}

int rg_safetensors_read(const rg_safetensors_t *file, const char *origin, const char *name, int rank,
                        const int *shape, float *to)
{
    const rg_safetensor_t *tensor = rg_safetensors_find(file, name);
    if (!tensor) return rg_fail(RG_EMODEL, "%s: no tensor %s", origin, name);
    if (!tensor->data)
        return rg_fail(RG_EMODEL, "%s: tensor %s is %.16s of %zu dimensions, not F32 of at most 4", origin,
                       name, json_string_value(json_object_get(json_object_get(file->header, name), "dtype")),
                       json_array_size(json_object_get(json_object_get(file->header, name), "shape")));
    if (tensor->rank != rank || memcmp(tensor->shape, shape, (size_t)rank * sizeof *shape) != 0) {
        char has[64], wants[64];
        format_shape(has, tensor->rank, tensor->shape);
        format_shape(wants, rank, shape);
        return rg_fail(RG_EMODEL, "%s: %s is %s, needed is %s", origin, name, has, wants);
    }
    memcpy(to, tensor->data, tensor->count * sizeof *to);
    return check_tensor(file, origin, tensor, to);
}

const rg_safetensor_t *rg_safetensors_at(const rg_safetensors_t *file, size_t i)
{
    return i < file->n ? &file->tensors[i] : NULL;
}

const char *rg_safetensors_metadata(const rg_safetensors_t *file, const char *key)
{
    return json_string_value(json_object_get(json_object_get(file->header, "__metadata__"), key));
}
