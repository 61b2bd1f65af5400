// Convolutions on oneDNN's C API: NHWC activations, weights in whatever format oneDNN prefers (`any`: a fixed
// plain format falls to a slow path). Primitives are cached by geometry, packed weights by address and
// version, and all primitives share one scratchpad, so a steady-state step creates and allocates nothing.
#include <stdlib.h>
#include <string.h>

#include <oneapi/dnnl/dnnl.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/nn/cpu/cpu.h"

enum direction { FORWARD, BACKWARD_DATA, BACKWARD_WEIGHTS };
enum { BUCKETS = 512 };

typedef struct {
    void *data;
    size_t size;
} buffer_t;

// One primitive of one geometry, with the memory objects it is executed on.
typedef struct plan {
    rg_conv_shape_t shape;
    enum direction direction;
    int bias;
    dnnl_primitive_t primitive;
    dnnl_memory_desc_t weights_md; // the format oneDNN chose
    int plain;                     // which is the plain OIHW one
    size_t weights_bytes;
    dnnl_memory_t x, y, weights, bias_memory, scratchpad;
    size_t scratchpad_bytes;
    dnnl_primitive_t reorder; // plain -> chosen, or chosen -> plain for gradients
    dnnl_memory_t reorder_from, reorder_to;
    struct plan *next;
} plan_t;

// A copy of some weights in a format of oneDNN's choice.
typedef struct packed {
    const float *source;
    dnnl_memory_desc_t md;
    uint64_t version;
    void *data;
    struct packed *next;
} packed_t;

struct rg_cpu_conv {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    plan_t *plans[BUCKETS];
    packed_t *packs[BUCKETS];
    buffer_t scratchpad, result,
        chosen; // result: what is added afterwards; chosen: gradients before the reorder
};

static int fail(dnnl_status_t status, const char *what, const rg_conv_shape_t *s)
{
    return rg_fail(RG_EINVAL, "oneDNN cannot %s a convolution %dx%dx%dx%d -> %d, kernel %d/%d (status %d)",
                   what, s->n, s->h, s->w, s->c, s->o, s->k, s->stride, (int)status);
}

static void *reserve(buffer_t *buffer, size_t size)
{
    if (buffer->size < size) {
        free(buffer->data);
        buffer->size = (size + 4095) & ~(size_t)4095;
        buffer->data = aligned_alloc(4096, buffer->size);
        if (!buffer->data) abort();
    }
    return buffer->data;
}

// ---- building a plan

typedef struct {
    dnnl_memory_desc_t x, y, weights_any, weights_plain, bias;
} descs_t;

static void describe(descs_t *d, const rg_conv_shape_t *s)
{
    dnnl_dims_t x = {s->n, s->c, s->h, s->w}, y = {s->n, s->o, s->oh, s->ow}, w = {s->o, s->c, s->k, s->k},
                b = {s->o};
    dnnl_memory_desc_init_by_tag(&d->x, 4, x, dnnl_f32, dnnl_nhwc);
    dnnl_memory_desc_init_by_tag(&d->y, 4, y, dnnl_f32, dnnl_nhwc);
    dnnl_memory_desc_init_by_tag(&d->weights_any, 4, w, dnnl_f32, dnnl_format_tag_any);
    dnnl_memory_desc_init_by_tag(&d->weights_plain, 4, w, dnnl_f32, dnnl_oihw);
    dnnl_memory_desc_init_by_tag(&d->bias, 1, b, dnnl_f32, dnnl_x);
}

static dnnl_status_t make_attr(dnnl_primitive_attr_t *attr, const plan_t *plan)
{
    dnnl_status_t status = dnnl_primitive_attr_create(attr);
    if (!status) status = dnnl_primitive_attr_set_scratchpad_mode(*attr, dnnl_scratchpad_mode_user);
    if (status || plan->direction != FORWARD || plan->shape.act == RG_ACT_NONE) return status;
    dnnl_post_ops_t ops;
    status = dnnl_post_ops_create(&ops);
    if (status) return status;
    float slope = plan->shape.act == RG_ACT_LEAKY ? RG_LEAKY_SLOPE : 0;
    status = dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, slope, 0);
    if (!status) status = dnnl_primitive_attr_set_post_ops(*attr, ops);
    dnnl_post_ops_destroy(ops);
    return status;
}

// The forward descriptor is also the hint that the backward ones need.
static dnnl_status_t make_forward(dnnl_primitive_desc_t *pd, const plan_t *plan, const descs_t *d,
                                  dnnl_engine_t engine, dnnl_primitive_attr_t attr)
{
    const rg_conv_shape_t *s = &plan->shape;
    dnnl_dims_t strides = {s->stride, s->stride}, pads = {s->pad, s->pad};
    dnnl_convolution_desc_t conv;
    dnnl_status_t status = dnnl_convolution_forward_desc_init(
        &conv, dnnl_forward_training, dnnl_convolution_direct, &d->x, &d->weights_any,
        plan->bias ? &d->bias : NULL, &d->y, strides, pads, pads);
    return status ? status : dnnl_primitive_desc_create(pd, &conv, attr, engine, NULL);
}

static dnnl_status_t make_backward(dnnl_primitive_desc_t *pd, const plan_t *plan, const descs_t *d,
                                   dnnl_engine_t engine, dnnl_primitive_attr_t attr,
                                   dnnl_primitive_desc_t hint)
{
    const rg_conv_shape_t *s = &plan->shape;
    dnnl_dims_t strides = {s->stride, s->stride}, pads = {s->pad, s->pad};
    dnnl_convolution_desc_t conv;
    dnnl_status_t status =
        plan->direction == BACKWARD_DATA
            ? dnnl_convolution_backward_data_desc_init(&conv, dnnl_convolution_direct, &d->x, &d->weights_any,
                                                       &d->y, strides, pads, pads)
            : dnnl_convolution_backward_weights_desc_init(&conv, dnnl_convolution_direct, &d->x,
                                                          &d->weights_any, plan->bias ? &d->bias : NULL,
                                                          &d->y, strides, pads, pads);
    return status ? status : dnnl_primitive_desc_create(pd, &conv, attr, engine, hint);
}

static dnnl_status_t make_reorder(plan_t *plan, const descs_t *d, dnnl_engine_t engine)
{
    int back = plan->direction == BACKWARD_WEIGHTS;
    const dnnl_memory_desc_t *from = back ? &plan->weights_md : &d->weights_plain;
    const dnnl_memory_desc_t *to = back ? &d->weights_plain : &plan->weights_md;
    dnnl_primitive_desc_t pd;
    dnnl_status_t status = dnnl_reorder_primitive_desc_create(&pd, from, engine, to, engine, NULL);
    if (status) return status;
    status = dnnl_primitive_create(&plan->reorder, pd);
    dnnl_primitive_desc_destroy(pd);
    if (!status) status = dnnl_memory_create(&plan->reorder_from, from, engine, DNNL_MEMORY_NONE);
    if (!status) status = dnnl_memory_create(&plan->reorder_to, to, engine, DNNL_MEMORY_NONE);
    return status;
}

static dnnl_status_t make_memories(plan_t *plan, const descs_t *d, dnnl_primitive_desc_t pd,
                                   dnnl_engine_t engine)
{
    const dnnl_memory_desc_t *scratchpad = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    plan->scratchpad_bytes = dnnl_memory_desc_get_size(scratchpad);
    plan->weights_bytes = dnnl_memory_desc_get_size(&plan->weights_md);
    plan->plain = dnnl_memory_desc_equal(&plan->weights_md, &d->weights_plain);
    dnnl_status_t status = dnnl_memory_create(&plan->x, &d->x, engine, DNNL_MEMORY_NONE);
    if (!status) status = dnnl_memory_create(&plan->y, &d->y, engine, DNNL_MEMORY_NONE);
    if (!status) status = dnnl_memory_create(&plan->weights, &plan->weights_md, engine, DNNL_MEMORY_NONE);
    if (!status) status = dnnl_memory_create(&plan->bias_memory, &d->bias, engine, DNNL_MEMORY_NONE);
    if (!status) status = dnnl_memory_create(&plan->scratchpad, scratchpad, engine, DNNL_MEMORY_NONE);
    if (!status && !plan->plain) status = make_reorder(plan, d, engine);
    return status;
}

static dnnl_status_t build(plan_t *plan, dnnl_engine_t engine)
{
    descs_t d;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t forward = NULL, backward = NULL;
    describe(&d, &plan->shape);
    dnnl_status_t status = make_attr(&attr, plan);
    if (!status) status = make_forward(&forward, plan, &d, engine, attr);
    if (!status && plan->direction != FORWARD)
        status = make_backward(&backward, plan, &d, engine, attr, forward);
    dnnl_primitive_desc_t pd = backward ? backward : forward;
    if (!status) {
        dnnl_query_t weights =
            plan->direction == BACKWARD_WEIGHTS ? dnnl_query_diff_weights_md : dnnl_query_weights_md;
        plan->weights_md = *dnnl_primitive_desc_query_md(pd, weights, 0);
        status = dnnl_primitive_create(&plan->primitive, pd);
    }
    if (!status) status = make_memories(plan, &d, pd, engine);
    dnnl_primitive_desc_destroy(backward);
    dnnl_primitive_desc_destroy(forward);
    dnnl_primitive_attr_destroy(attr);
    return status;
}

static void plan_destroy(plan_t *plan)
{
    dnnl_memory_t memories[] = {plan->x,           plan->y,          plan->weights,
                                plan->bias_memory, plan->scratchpad, plan->reorder_from,
                                plan->reorder_to};
    for (size_t i = 0; i < sizeof memories / sizeof *memories; i++)
        if (memories[i]) dnnl_memory_destroy(memories[i]);
    if (plan->primitive) dnnl_primitive_destroy(plan->primitive);
    if (plan->reorder) dnnl_primitive_destroy(plan->reorder);
    free(plan);
}

static unsigned bucket_of(const rg_conv_shape_t *s, enum direction direction)
{
    const int parts[] = {s->n, s->h, s->w, s->c, s->o, s->k, s->stride, s->pad, (int)s->act, (int)direction};
    unsigned hash = 2166136261u;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) hash = (hash ^ (unsigned)parts[i]) * 16777619u;
    return (hash ^ hash >> 15) % BUCKETS;
}

static int same_shape(const rg_conv_shape_t *a, const rg_conv_shape_t *b)
{
    return a->n == b->n && a->h == b->h && a->w == b->w && a->c == b->c && a->o == b->o && a->k == b->k &&
           a->stride == b->stride && a->pad == b->pad && a->act == b->act;
}

// The cached plan, or a new one. NULL with rg_error() if oneDNN refuses the geometry.
static plan_t *plan_for(rg_cpu_conv_t *conv, const rg_conv_shape_t *shape, enum direction direction, int bias)
{
    plan_t **bucket = &conv->plans[bucket_of(shape, direction)];
    for (plan_t *plan = *bucket; plan; plan = plan->next)
        if (plan->direction == direction && plan->bias == bias && same_shape(&plan->shape, shape))
            return plan;
    plan_t *plan = rg_alloc(sizeof *plan);
    plan->shape = *shape;
    plan->direction = direction;
    plan->bias = bias;
    dnnl_status_t status = build(plan, conv->engine);
    if (status) {
        plan_destroy(plan);
        fail(status, "plan", shape);
        return NULL;
    }
    plan->next = *bucket;
    *bucket = plan;
    return plan;
}

// ---- executing

static dnnl_status_t run_reorder(rg_cpu_conv_t *conv, plan_t *plan, const void *from, void *to)
{
    dnnl_memory_set_data_handle(plan->reorder_from, (void *)from);
    dnnl_memory_set_data_handle(plan->reorder_to, to);
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, plan->reorder_from}, {DNNL_ARG_TO, plan->reorder_to}};
    return dnnl_primitive_execute(plan->reorder, conv->stream, 2, args);
}

// The weights in the plan's format: packed again only when their version changed.
static const void *pack(rg_cpu_conv_t *conv, plan_t *plan, rg_weights_t weights)
{
    if (plan->plain) return weights.value;
    packed_t **bucket = &conv->packs[((uintptr_t)weights.value >> 6) % BUCKETS], *packed = *bucket;
    while (packed &&
           !(packed->source == weights.value && dnnl_memory_desc_equal(&packed->md, &plan->weights_md)))
        packed = packed->next;
    if (packed && packed->version == weights.version) return packed->data;
    if (!packed) {
        packed = rg_alloc(sizeof *packed);
        *packed = (packed_t){.source = weights.value, .md = plan->weights_md, .next = *bucket};
        packed->data = aligned_alloc(64, (plan->weights_bytes + 63) & ~(size_t)63);
        if (!packed->data) abort();
        *bucket = packed;
    }
    if (run_reorder(conv, plan, weights.value, packed->data)) return NULL;
    packed->version = weights.version;
    return packed->data;
}

static dnnl_status_t execute(rg_cpu_conv_t *conv, plan_t *plan, const void *x, const void *y,
                             const void *weights, const void *bias)
{
    dnnl_memory_set_data_handle(plan->x, (void *)x);
    dnnl_memory_set_data_handle(plan->y, (void *)y);
    dnnl_memory_set_data_handle(plan->weights, (void *)weights);
    dnnl_memory_set_data_handle(plan->bias_memory, (void *)bias);
    dnnl_memory_set_data_handle(plan->scratchpad, reserve(&conv->scratchpad, plan->scratchpad_bytes + 1));
    static const int arguments[][4] = {
        [FORWARD] = {DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS},
        [BACKWARD_DATA] = {DNNL_ARG_DIFF_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS},
        [BACKWARD_WEIGHTS] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_BIAS},
    };
    const int *name = arguments[plan->direction];
    dnnl_exec_arg_t args[] = {{name[0], plan->x},
                              {name[1], plan->y},
                              {name[2], plan->weights},
                              {DNNL_ARG_SCRATCHPAD, plan->scratchpad},
                              {name[3], plan->bias_memory}};
    return dnnl_primitive_execute(plan->primitive, conv->stream, plan->bias ? 5 : 4, args);
}

static rg_cpu_conv_t *conv_of(rg_backend_t *backend)
{
    return ((rg_cpu_backend_t *)backend)->conv;
}

static int conv_forward(rg_backend_t *backend, float *y, const float *x, rg_weights_t w, const float *bias,
                        const rg_conv_shape_t *s)
{
    rg_cpu_conv_t *conv = conv_of(backend);
    plan_t *plan = plan_for(conv, s, FORWARD, bias != NULL);
    if (!plan) return RG_EINVAL;
    const void *weights = pack(conv, plan, w);
    dnnl_status_t status = weights ? execute(conv, plan, x, y, weights, bias) : dnnl_runtime_error;
    return status ? fail(status, "run", s) : 0;
}

static int conv_backward_data(rg_backend_t *backend, float *dx, int add, const float *dy, rg_weights_t w,
                              const rg_conv_shape_t *s)
{
    rg_cpu_conv_t *conv = conv_of(backend);
    rg_conv_shape_t linear = *s;
    linear.act = RG_ACT_NONE;
    plan_t *plan = plan_for(conv, &linear, BACKWARD_DATA, 0);
    if (!plan) return RG_EINVAL;
    size_t count = (size_t)s->n * (size_t)s->h * (size_t)s->w * (size_t)s->c;
    float *target = add ? reserve(&conv->result, count * sizeof *dx) : dx;
    const void *weights = pack(conv, plan, w);
    dnnl_status_t status = weights ? execute(conv, plan, target, dy, weights, NULL) : dnnl_runtime_error;
    if (status) return fail(status, "run the data gradient of", s);
    if (add) backend->add(dx, dx, target, count);
    return 0;
}

static int conv_backward_weights(rg_backend_t *backend, float *dw, float *db, const float *x, const float *dy,
                                 const rg_conv_shape_t *s)
{
    rg_cpu_conv_t *conv = conv_of(backend);
    rg_conv_shape_t linear = *s;
    linear.act = RG_ACT_NONE;
    plan_t *plan = plan_for(conv, &linear, BACKWARD_WEIGHTS, db != NULL);
    if (!plan) return RG_EINVAL;
    size_t count = (size_t)s->o * (size_t)s->c * (size_t)s->k * (size_t)s->k;
    float *bias = reserve(&conv->result, ((size_t)s->o + 16 + count) * sizeof *dw);
    float *gradient = bias + (((size_t)s->o + 15) & ~(size_t)15);
    void *chosen = plan->plain ? gradient : reserve(&conv->chosen, plan->weights_bytes);
    dnnl_status_t status = execute(conv, plan, x, dy, chosen, bias);
    if (!status && !plan->plain) status = run_reorder(conv, plan, chosen, gradient);
    if (status) return fail(status, "run the weight gradient of", s);
    backend->add(dw, dw, gradient, count);
    if (db) backend->add(db, db, bias, (size_t)s->o);
    return 0;
}

// ---- life

int rg__cpu_conv_new(rg_cpu_conv_t **out)
{
    rg_cpu_conv_t *conv = rg_alloc(sizeof *conv);
    dnnl_status_t status = dnnl_engine_create(&conv->engine, dnnl_cpu, 0);
    if (!status) status = dnnl_stream_create(&conv->stream, conv->engine, dnnl_stream_default_flags);
    if (status) {
        rg__cpu_conv_destroy(&conv);
        return rg_fail(RG_EVERSION, "oneDNN cannot start (status %d)", (int)status);
    }
    *out = conv;
    return 0;
}

void rg__cpu_conv_destroy(rg_cpu_conv_t **out)
{
    rg_cpu_conv_t *conv = *out;
    for (int i = 0; i < BUCKETS; i++) {
        for (plan_t *plan = conv->plans[i], *next; plan; plan = next) {
            next = plan->next;
            plan_destroy(plan);
        }
        for (packed_t *packed = conv->packs[i], *next; packed; packed = next) {
            next = packed->next;
            free(packed->data);
            free(packed);
        }
    }
    free(conv->scratchpad.data);
    free(conv->result.data);
    free(conv->chosen.data);
    if (conv->stream) dnnl_stream_destroy(conv->stream);
    if (conv->engine) dnnl_engine_destroy(conv->engine);
    free(conv);
    *out = NULL;
}

void rg__cpu_conv_table(rg_backend_t *table)
{
    table->conv_forward = conv_forward;
    table->conv_backward_data = conv_backward_data;
    table->conv_backward_weights = conv_backward_weights;
}
