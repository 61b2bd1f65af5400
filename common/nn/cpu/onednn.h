// oneDNN's C API of version 3, over version 2 as well. The files of this folder speak version 3, where a memory
// descriptor is an object on the heap and one call describes a primitive. Version 2 has visible descriptors and
// describes an operation first; for it this header defines the functions of version 3 that the folder calls.
// Debian 12 has version 2, Debian 13 version 3.
#ifndef RG_NN_CPU_ONEDNN_H
#define RG_NN_CPU_ONEDNN_H

#include <stdlib.h>

#include <oneapi/dnnl/dnnl.h>

#include "common/core/alloc.h"

#if DNNL_VERSION_MAJOR >= 3

typedef dnnl_memory_desc_t rg__md_t; // a pointer; destroy it with dnnl_memory_desc_destroy
typedef const_dnnl_memory_desc_t rg__const_md_t;

static inline dnnl_status_t rg__append_relu(dnnl_post_ops_t ops, float slope)
{
    return dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_relu, slope, 0);
}

static inline dnnl_status_t rg__append_sum(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_sum(ops, 1, 0, dnnl_data_type_undef);
}

#else

typedef dnnl_memory_desc_t *rg__md_t;
typedef const dnnl_memory_desc_t *rg__const_md_t;

static inline dnnl_status_t rg__append_relu(dnnl_post_ops_t ops, float slope)
{
    return dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, slope, 0);
}

static inline dnnl_status_t rg__append_sum(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_sum(ops, 1);
}

static inline dnnl_status_t dnnl_memory_desc_clone(rg__md_t *out, rg__const_md_t md)
{
    *out = rg_alloc(sizeof **out);
    **out = *md;
    return dnnl_success;
}

static inline dnnl_status_t dnnl_memory_desc_destroy(rg__md_t md)
{
    free(md);
    return dnnl_success;
}

static inline dnnl_status_t dnnl_memory_desc_create_with_tag(rg__md_t *out, int rank, const dnnl_dims_t dims,
                                                             dnnl_data_type_t type, dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t md;
    dnnl_status_t status = dnnl_memory_desc_init_by_tag(&md, rank, dims, type, tag);
    return status ? status : dnnl_memory_desc_clone(out, &md);
}

static inline dnnl_status_t dnnl_memory_desc_create_with_strides(rg__md_t *out, int rank,
                                                                 const dnnl_dims_t dims,
                                                                 dnnl_data_type_t type,
                                                                 const dnnl_dims_t strides)
{
    dnnl_memory_desc_t md;
    dnnl_status_t status = dnnl_memory_desc_init_by_strides(&md, rank, dims, type, strides);
    return status ? status : dnnl_memory_desc_clone(out, &md);
}

static inline dnnl_status_t dnnl_matmul_primitive_desc_create(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                                              rg__const_md_t a, rg__const_md_t b,
                                                              rg__const_md_t bias, rg__const_md_t c,
                                                              const_dnnl_primitive_attr_t attr)
{
    dnnl_matmul_desc_t matmul;
    dnnl_status_t status = dnnl_matmul_desc_init(&matmul, a, b, bias, c);
    return status ? status : dnnl_primitive_desc_create(pd, &matmul, attr, engine, NULL);
}

static inline dnnl_status_t dnnl_convolution_forward_primitive_desc_create(
    dnnl_primitive_desc_t *pd, dnnl_engine_t engine, dnnl_prop_kind_t kind, dnnl_alg_kind_t method,
    rg__const_md_t x, rg__const_md_t weights, rg__const_md_t bias, rg__const_md_t y,
    const dnnl_dims_t strides, const dnnl_dims_t dilates, const dnnl_dims_t before, const dnnl_dims_t after,
    const_dnnl_primitive_attr_t attr)
{
    dnnl_convolution_desc_t conv;
    dnnl_status_t status = dnnl_dilated_convolution_forward_desc_init(&conv, kind, method, x, weights, bias,
                                                                      y, strides, dilates, before, after);
    return status ? status : dnnl_primitive_desc_create(pd, &conv, attr, engine, NULL);
}

static inline dnnl_status_t dnnl_convolution_backward_data_primitive_desc_create(
    dnnl_primitive_desc_t *pd, dnnl_engine_t engine, dnnl_alg_kind_t method, rg__const_md_t dx,
    rg__const_md_t weights, rg__const_md_t dy, const dnnl_dims_t strides, const dnnl_dims_t dilates,
    const dnnl_dims_t before, const dnnl_dims_t after, const_dnnl_primitive_desc_t hint,
    const_dnnl_primitive_attr_t attr)
{
    dnnl_convolution_desc_t conv;
    dnnl_status_t status = dnnl_dilated_convolution_backward_data_desc_init(&conv, method, dx, weights, dy,
                                                                            strides, dilates, before, after);
    return status ? status : dnnl_primitive_desc_create(pd, &conv, attr, engine, hint);
}

static inline dnnl_status_t dnnl_convolution_backward_weights_primitive_desc_create(
    dnnl_primitive_desc_t *pd, dnnl_engine_t engine, dnnl_alg_kind_t method, rg__const_md_t x,
    rg__const_md_t dweights, rg__const_md_t dbias, rg__const_md_t dy, const dnnl_dims_t strides,
    const dnnl_dims_t dilates, const dnnl_dims_t before, const dnnl_dims_t after,
    const_dnnl_primitive_desc_t hint, const_dnnl_primitive_attr_t attr)
{
    dnnl_convolution_desc_t conv;
    dnnl_status_t status = dnnl_dilated_convolution_backward_weights_desc_init(
        &conv, method, x, dweights, dbias, dy, strides, dilates, before, after);
    return status ? status : dnnl_primitive_desc_create(pd, &conv, attr, engine, hint);
}

#endif
#endif
