#include "common/onnx/constant.h"

#include <string.h>

#include "common/core/err.h"

enum { FLOAT = 1, INT64 = 7, EXTERNAL = 1 };

const char *rg__constant_type(int type)
{
    static const char *const names[] = {"undefined", "float32", "uint8",  "int8",   "uint16",
                                        "int16",     "int32",   "int64",  "string", "bool",
                                        "float16",   "float64", "uint32", "uint64"};
    return type >= 0 && type < (int)(sizeof names / sizeof *names) ? names[type] : "another type";
}

// The bytes for `each` element that the file has: raw ones, or the typed field's, or neither.
static const void *data_of(const ProtobufCBinaryData *raw, const void *typed, size_t n_typed, size_t each,
                           size_t *bytes)
{
    *bytes = raw->len ? raw->len : n_typed * each;
    return raw->len ? raw->data : typed;
}

static int read_shape(rg__constant_t *constant, const Rg__Onnx__Tensor *tensor, const char *name,
                      const char *origin)
{
    if (tensor->n_dims > RG__CONSTANT_RANK)
        return rg_fail(RG_EMODEL, "%s: tensor '%.80s' has %zu dimensions", origin, name, tensor->n_dims);
    constant->rank = (int)tensor->n_dims;
    constant->count = 1;
    for (size_t d = 0; d < tensor->n_dims; d++) {
        int64_t side = tensor->dims[d];
        if (side < 0 || side > INT32_MAX || (side > 0 && constant->count > SIZE_MAX / 16 / (size_t)side))
            return rg_fail(RG_EFORMAT, "%s: tensor '%.80s' has an impossible shape", origin, name);
        constant->shape[d] = (int)side;
        constant->count *= (size_t)side;
    }
    return 0;
}

int rg__constant_read(rg__constant_t *constant, const Rg__Onnx__Tensor *tensor, const char *name,
                      const char *origin)
{
    *constant = (rg__constant_t){.type = tensor->data_type};
    if (tensor->data_location == EXTERNAL)
        return rg_fail(RG_EMODEL,
                       "%s: tensor '%.80s' lies in another file; save the model with its weights inside",
                       origin, name);
    int err = read_shape(constant, tensor, name, origin);
    if (err || (tensor->data_type != FLOAT && tensor->data_type != INT64)) return err;
    int is_float = tensor->data_type == FLOAT;
    size_t each = is_float ? sizeof(float) : sizeof(int64_t), bytes;
    const void *data =
        is_float ? data_of(&tensor->raw_data, tensor->float_data, tensor->n_float_data, each, &bytes)
                 : data_of(&tensor->raw_data, tensor->int64_data, tensor->n_int64_data, each, &bytes);
    if (bytes != constant->count * each)
        return rg_fail(RG_EFORMAT, "%s: tensor '%.80s' has %zu bytes of data, not %zu", origin, name, bytes,
                       constant->count * each);
    constant->f = is_float ? data : NULL;
    constant->i = is_float ? NULL : data;
    return 0;
}

// One number, or a row of them.
static rg__constant_t row(int type, const void *data, size_t n, int rank)
{
    return (rg__constant_t){.type = type,
                            .rank = rank,
                            .shape = {(int)n},
                            .count = n,
                            .f = type == FLOAT ? data : NULL,
                            .i = type == INT64 ? data : NULL};
}

int rg__constant_of_node(rg__constant_t *constant, const Rg__Onnx__Node *node, const char *origin)
{
    const Rg__Onnx__Attribute *a = node->n_attribute == 1 ? node->attribute[0] : NULL;
    const char *name = node->n_output ? node->output[0] : "";
    if (a && a->t && strcmp(a->name, "value") == 0) return rg__constant_read(constant, a->t, name, origin);
    if (a && strcmp(a->name, "value_float") == 0)
        *constant = row(FLOAT, &a->f, 1, 0);
    else if (a && strcmp(a->name, "value_int") == 0)
        *constant = row(INT64, &a->i, 1, 0);
    else if (a && strcmp(a->name, "value_floats") == 0 && a->n_floats <= INT32_MAX)
        *constant = row(FLOAT, a->floats, a->n_floats, 1);
    else if (a && strcmp(a->name, "value_ints") == 0 && a->n_ints <= INT32_MAX)
        *constant = row(INT64, a->ints, a->n_ints, 1);
    else
        *constant = (rg__constant_t){0}; // of a kind we do not compute with
    return 0;
}
