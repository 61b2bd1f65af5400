#include "common/nn/cpu/direct.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/nn/cpu/cpu.h"
#include "common/nn/cpu/onednn.h"

enum direction { FORWARD, BACKWARD_DATA, BACKWARD_WEIGHTS };
enum { BUCKETS = 512 };

// A plan: one oneDNN primitive for one geometry and direction, with the memory objects it is executed on.
// Plans are made at the first call and kept in a hash table. Packed weights are shared by all plans that
// chose one format: `form` is that format's number among the packs (packs.h).
typedef struct plan {
    rg_window_conv_shape_t shape;
    enum direction direction;
    int bias;
    dnnl_primitive_t primitive;
    rg__const_md_t weights_md; // the format oneDNN chose; one of rg__direct.forms
    uint64_t form;             // number of that format among the packs
    int plain;                 // that format is plain OIHW: no reorder is needed
    size_t weights_bytes;
    dnnl_memory_t x, y, weights, bias_memory, scratchpad;
    size_t scratchpad_bytes;
    dnnl_primitive_t reorder; // plain -> chosen, or chosen -> plain for gradients
    dnnl_memory_t reorder_from, reorder_to;
    struct plan *next;
} plan_t;

enum { FIRST_FORM = 16 };

struct rg__direct {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    plan_t *plans[BUCKETS];
    rg__packs_t *packs; // borrowed
    rg__md_t *forms;    // formats of weights seen so far
    int n_forms;
    int bf16;
    rg__scratch_t scratchpad;
    rg__scratch_t chosen;             // weight gradients in oneDNN's format
    rg__scratch_t sum;                // weight gradients in the plain format, before they are added
    rg__scratch_t narrow_x, narrow_y; // bfloat16 copies
};

static int refused(dnnl_status_t status, const char *what, const rg_window_conv_shape_t *s)
{
    return rg_fail(RG_EINVAL, "oneDNN cannot %s a convolution %dx%dx%dx%d -> %d, kernel %dx%d/%d (status %d)",
                   what, s->n, s->h, s->w, s->c, s->o, s->window.h.k, s->window.w.k, s->window.h.stride,
                   (int)status);
}

// ---- building a plan

typedef struct {
    rg__md_t x, y, weights_any, weights_plain, bias;
} descs_t;

// The tensor that this direction writes is f32; those that it reads may be bfloat16. What is described before
// an error stays in *d for descs_fini.
static dnnl_status_t describe_direct(descs_t *d, const plan_t *plan, enum direction direction, int bf16)
{
    const rg_window_conv_shape_t *s = &plan->shape;
    int kh = s->window.h.k, kw = s->window.w.k, grouped = s->groups > 1;
    dnnl_dims_t x = {s->n, s->c, s->h, s->w}, y = {s->n, s->o, s->oh, s->ow}, b = {s->o};
    dnnl_dims_t groups = {s->groups, s->o / s->groups, s->c / s->groups, kh, kw}, one = {s->o, s->c, kh, kw};
    dnnl_dim_t *w = grouped ? groups : one;
    int rank = grouped ? 5 : 4;
    dnnl_data_type_t narrow = bf16 ? dnnl_bf16 : dnnl_f32;
    dnnl_data_type_t x_type = direction == BACKWARD_DATA ? dnnl_f32 : narrow;
    dnnl_data_type_t y_type = direction == FORWARD ? dnnl_f32 : narrow;
    dnnl_data_type_t w_type = direction == BACKWARD_WEIGHTS ? dnnl_f32 : narrow;
    dnnl_format_tag_t plain = grouped ? dnnl_goihw : dnnl_oihw;
    dnnl_status_t status = dnnl_memory_desc_create_with_tag(&d->x, 4, x, x_type, dnnl_nhwc);
    if (!status) status = dnnl_memory_desc_create_with_tag(&d->y, 4, y, y_type, dnnl_nhwc);
    if (!status)
        status = dnnl_memory_desc_create_with_tag(&d->weights_any, rank, w, w_type, dnnl_format_tag_any);
    if (!status) status = dnnl_memory_desc_create_with_tag(&d->weights_plain, rank, w, dnnl_f32, plain);
    if (!status) status = dnnl_memory_desc_create_with_tag(&d->bias, 1, b, dnnl_f32, dnnl_x);
    return status;
}

static void descs_fini(descs_t *d)
{
    rg__md_t all[] = {d->x, d->y, d->weights_any, d->weights_plain, d->bias};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) dnnl_memory_desc_destroy(all[i]);
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
    status = rg__append_relu(ops, slope);
    if (!status) status = dnnl_primitive_attr_set_post_ops(*attr, ops);
    dnnl_post_ops_destroy(ops);
    return status;
}

// A window in oneDNN's terms: there a dilation of 0 means adjacent taps.
typedef struct {
    dnnl_dims_t strides, dilates, before, after;
} steps_t;

static steps_t steps_of(const rg_window_t *window)
{
    const rg_window_side_t *h = &window->h, *w = &window->w;
    return (steps_t){.strides = {h->stride, w->stride},
                     .dilates = {h->dilation - 1, w->dilation - 1},
                     .before = {h->before, w->before},
                     .after = {h->after, w->after}};
}

// oneDNN needs the forward descriptor as a hint for the backward ones.
static dnnl_status_t make_forward(dnnl_primitive_desc_t *pd, const plan_t *plan, const descs_t *d,
                                  dnnl_engine_t engine, dnnl_primitive_attr_t attr)
{
    steps_t steps = steps_of(&plan->shape.window);
    return dnnl_convolution_forward_primitive_desc_create(
        pd, engine, dnnl_forward_training, dnnl_convolution_direct, d->x, d->weights_any,
        plan->bias ? d->bias : NULL, d->y, steps.strides, steps.dilates, steps.before, steps.after, attr);
}

static dnnl_status_t make_backward(dnnl_primitive_desc_t *pd, const plan_t *plan, const descs_t *d,
                                   dnnl_engine_t engine, dnnl_primitive_attr_t attr,
                                   dnnl_primitive_desc_t hint)
{
    steps_t steps = steps_of(&plan->shape.window);
    if (plan->direction == BACKWARD_DATA)
        return dnnl_convolution_backward_data_primitive_desc_create(
            pd, engine, dnnl_convolution_direct, d->x, d->weights_any, d->y, steps.strides, steps.dilates,
            steps.before, steps.after, hint, attr);
    return dnnl_convolution_backward_weights_primitive_desc_create(
        pd, engine, dnnl_convolution_direct, d->x, d->weights_any, plan->bias ? d->bias : NULL, d->y,
        steps.strides, steps.dilates, steps.before, steps.after, hint, attr);
}

static dnnl_status_t make_reorder(plan_t *plan, const descs_t *d, dnnl_engine_t engine)
{
    int back = plan->direction == BACKWARD_WEIGHTS;
    rg__const_md_t from = back ? plan->weights_md : d->weights_plain;
    rg__const_md_t to = back ? d->weights_plain : plan->weights_md;
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
    rg__const_md_t scratchpad = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    plan->scratchpad_bytes = dnnl_memory_desc_get_size(scratchpad);
    plan->weights_bytes = dnnl_memory_desc_get_size(plan->weights_md);
    plan->plain = dnnl_memory_desc_equal(plan->weights_md, d->weights_plain);
    dnnl_status_t status = dnnl_memory_create(&plan->x, d->x, engine, DNNL_MEMORY_NONE);
    if (!status) status = dnnl_memory_create(&plan->y, d->y, engine, DNNL_MEMORY_NONE);
    if (!status) status = dnnl_memory_create(&plan->weights, plan->weights_md, engine, DNNL_MEMORY_NONE);
    if (!status) status = dnnl_memory_create(&plan->bias_memory, d->bias, engine, DNNL_MEMORY_NONE);
    if (!status) status = dnnl_memory_create(&plan->scratchpad, scratchpad, engine, DNNL_MEMORY_NONE);
    if (!status && !plan->plain) status = make_reorder(plan, d, engine);
    return status;
}

// Chooses the plan's format: the one among the forms that equals md, or a new one.
static dnnl_status_t choose_form(rg__direct_t *self, plan_t *plan, rg__const_md_t md)
{
    int i = 0;
    while (i < self->n_forms && !dnnl_memory_desc_equal(self->forms[i], md)) i++;
    if (i == self->n_forms) {
        rg__md_t copy;
        dnnl_status_t status = dnnl_memory_desc_clone(&copy, md);
        if (status) return status;
        self->forms = rg_realloc(self->forms, (size_t)++self->n_forms * sizeof *self->forms);
        self->forms[i] = copy;
    }
    plan->weights_md = self->forms[i];
    plan->form = (uint64_t)(FIRST_FORM + i);
    return dnnl_success;
}

static dnnl_status_t build(rg__direct_t *self, plan_t *plan)
{
    descs_t d = {0}, hint = {0};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t forward = NULL, backward = NULL;
    dnnl_status_t status = describe_direct(&d, plan, plan->direction, self->bf16);
    if (!status) status = describe_direct(&hint, plan, FORWARD, self->bf16);
    if (!status) status = make_attr(&attr, plan);
    if (!status) status = make_forward(&forward, plan, &hint, self->engine, attr);
    if (!status && plan->direction != FORWARD)
        status = make_backward(&backward, plan, &d, self->engine, attr, forward);
    dnnl_primitive_desc_t pd = backward ? backward : forward;
    if (!status) {
        dnnl_query_t weights =
            plan->direction == BACKWARD_WEIGHTS ? dnnl_query_diff_weights_md : dnnl_query_weights_md;
        status = choose_form(self, plan, dnnl_primitive_desc_query_md(pd, weights, 0));
    }
    if (!status) status = dnnl_primitive_create(&plan->primitive, pd);
    if (!status) status = make_memories(plan, &d, pd, self->engine);
    dnnl_primitive_desc_destroy(backward);
    dnnl_primitive_desc_destroy(forward);
    dnnl_primitive_attr_destroy(attr);
    descs_fini(&hint);
    descs_fini(&d);
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

static unsigned bucket_of(const rg_window_conv_shape_t *s, enum direction direction)
{
    const unsigned char *bytes = (const unsigned char *)s;
    unsigned hash = 2166136261u ^ (unsigned)direction;
    for (size_t i = 0; i < sizeof *s; i++) hash = (hash ^ bytes[i]) * 16777619u;
    return (hash ^ hash >> 15) % BUCKETS;
}

// All members are ints, so the struct has no padding and can be compared as bytes.
static int same_geometry(const rg_window_conv_shape_t *a, const rg_window_conv_shape_t *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

// The cached plan or a new one. NULL, with rg_error() set, if oneDNN refuses the geometry.
static plan_t *plan_for(rg__direct_t *self, const rg_window_conv_shape_t *shape, enum direction direction,
                        int bias)
{
    plan_t **bucket = &self->plans[bucket_of(shape, direction)];
    for (plan_t *plan = *bucket; plan; plan = plan->next)
        if (plan->direction == direction && plan->bias == bias && same_geometry(&plan->shape, shape))
            return plan;
    plan_t *plan = rg_alloc(sizeof *plan);
    plan->shape = *shape;
    plan->direction = direction;
    plan->bias = bias;
    dnnl_status_t status = build(self, plan);
    if (status) {
        plan_destroy(plan);
        refused(status, "plan", shape);
        return NULL;
    }
    plan->next = *bucket;
    *bucket = plan;
    return plan;
}

// ---- executing

static dnnl_status_t run_reorder(rg__direct_t *self, plan_t *plan, const void *from, void *to)
{
    dnnl_memory_set_data_handle(plan->reorder_from, (void *)from);
    dnnl_memory_set_data_handle(plan->reorder_to, to);
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, plan->reorder_from}, {DNNL_ARG_TO, plan->reorder_to}};
    return dnnl_primitive_execute(plan->reorder, self->stream, 2, args);
}

// The weights in the plan's format. They are packed again only after their version changed.
static const void *direct_pack(rg__direct_t *self, plan_t *plan, rg_weights_t weights)
{
    int stale;
    if (plan->plain) return weights.value;
    void *data = rg__packs_find(self->packs, weights, plan->form, plan->weights_bytes, &stale);
    return stale && run_reorder(self, plan, weights.value, data) ? NULL : data;
}

static dnnl_status_t execute(rg__direct_t *self, plan_t *plan, const void *x, const void *y,
                             const void *weights, const void *bias)
{
    dnnl_memory_set_data_handle(plan->x, (void *)x);
    dnnl_memory_set_data_handle(plan->y, (void *)y);
    dnnl_memory_set_data_handle(plan->weights, (void *)weights);
    dnnl_memory_set_data_handle(plan->bias_memory, (void *)bias);
    dnnl_memory_set_data_handle(plan->scratchpad, rg__scratch(&self->scratchpad, plan->scratchpad_bytes + 1));
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
    return dnnl_primitive_execute(plan->primitive, self->stream, plan->bias ? 5 : 4, args);
}

// x in the type that the primitives read: itself or a bfloat16 copy.
static const void *narrow(rg__direct_t *self, rg__scratch_t *scratch, const float *x, size_t count)
{
    if (!self->bf16) return x;
    uint16_t *narrowed = rg__scratch(scratch, count * sizeof *narrowed);
    rg__bf16_from_float(narrowed, x, count);
    return narrowed;
}

static size_t input_size(const rg_window_conv_shape_t *s)
{
    return (size_t)s->n * (size_t)s->h * (size_t)s->w * (size_t)s->c;
}

static size_t output_size(const rg_window_conv_shape_t *s)
{
    return (size_t)s->n * (size_t)s->oh * (size_t)s->ow * (size_t)s->o;
}

int rg__direct_forward(rg__direct_t *self, float *y, const float *x, rg_weights_t w, const float *bias,
                       const rg_window_conv_shape_t *s)
{
    plan_t *plan = plan_for(self, s, FORWARD, bias != NULL);
    if (!plan) return RG_EINVAL;
    const void *weights = direct_pack(self, plan, w),
               *input = narrow(self, &self->narrow_x, x, input_size(s));
    dnnl_status_t status = weights ? execute(self, plan, input, y, weights, bias) : dnnl_runtime_error;
    return status ? refused(status, "run", s) : 0;
}

int rg__direct_backward_data(rg__direct_t *self, float *dx, const float *dy, rg_weights_t w,
                             const rg_window_conv_shape_t *s)
{
    rg_window_conv_shape_t linear = *s;
    linear.act = RG_ACT_NONE;
    plan_t *plan = plan_for(self, &linear, BACKWARD_DATA, 0);
    if (!plan) return RG_EINVAL;
    const void *weights = direct_pack(self, plan, w),
               *gradient = narrow(self, &self->narrow_y, dy, output_size(s));
    dnnl_status_t status = weights ? execute(self, plan, dx, gradient, weights, NULL) : dnnl_runtime_error;
    return status ? refused(status, "run the data gradient of", s) : 0;
}

int rg__direct_backward_weights(rg__direct_t *self, float *dw, float *db, const float *x, const float *dy,
                                const rg_window_conv_shape_t *s)
{
    rg_window_conv_shape_t linear = *s;
    linear.act = RG_ACT_NONE;
    plan_t *plan = plan_for(self, &linear, BACKWARD_WEIGHTS, db != NULL);
    if (!plan) return RG_EINVAL;
    size_t count = (size_t)s->o * (size_t)s->c * (size_t)s->window.h.k * (size_t)s->window.w.k;
    float *bias = rg__scratch(&self->sum, ((size_t)s->o + 16 + count) * sizeof *dw);
    float *gradient = bias + (((size_t)s->o + 15) & ~(size_t)15);
    void *chosen = plan->plain ? gradient : rg__scratch(&self->chosen, plan->weights_bytes);
    dnnl_status_t status = execute(self, plan, narrow(self, &self->narrow_x, x, input_size(s)),
                                   narrow(self, &self->narrow_y, dy, output_size(s)), chosen, bias);
    if (!status && !plan->plain) status = run_reorder(self, plan, chosen, gradient);
    if (status) return refused(status, "run the weight gradient of", s);
    rg__add(dw, dw, gradient, count);
    if (db) rg__add(db, db, bias, (size_t)s->o);
    return 0;
}

// ---- creation and destruction

int rg__direct_new(rg__direct_t **out, rg__packs_t *packs, int bf16)
{
    rg__direct_t *self = rg_alloc(sizeof *self);
    self->packs = packs;
    self->bf16 = bf16;
    dnnl_status_t status = dnnl_engine_create(&self->engine, dnnl_cpu, 0);
    if (!status) status = dnnl_stream_create(&self->stream, self->engine, dnnl_stream_default_flags);
    if (status) {
        rg__direct_destroy(&self);
        return rg_fail(RG_EVERSION, "oneDNN cannot start (status %d)", (int)status);
    }
    *out = self;
    return 0;
}

void rg__direct_destroy(rg__direct_t **out)
{
    rg__direct_t *self = *out;
    if (!self) return;
    for (int i = 0; i < BUCKETS; i++)
        for (plan_t *plan = self->plans[i], *next; plan; plan = next) {
            next = plan->next;
            plan_destroy(plan);
        }
    rg__scratch_t *scratch[] = {&self->scratchpad, &self->chosen, &self->sum, &self->narrow_x,
                                &self->narrow_y};
    for (size_t i = 0; i < sizeof scratch / sizeof *scratch; i++) rg__scratch_free(scratch[i]);
    for (int i = 0; i < self->n_forms; i++) dnnl_memory_desc_destroy(self->forms[i]);
    free(self->forms);
    if (self->stream) dnnl_stream_destroy(self->stream);
    if (self->engine) dnnl_engine_destroy(self->engine);
    free(self);
    *out = NULL;
}
