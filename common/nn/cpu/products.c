#include "common/nn/cpu/products.h"

#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/nn/cpu/onednn.h"

typedef struct plan {
    rg__product_t shape;
    dnnl_primitive_t primitive;
    dnnl_memory_t a, b, c;
    struct plan *next;
} plan_t;

struct rg__products {
    int bf16;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    plan_t *plans;
};

int rg__products_new(rg__products_t **out, int bf16)
{
    rg__products_t *self = rg_alloc(sizeof *self);
    self->bf16 = bf16;
    dnnl_status_t status = dnnl_engine_create(&self->engine, dnnl_cpu, 0);
    if (!status) status = dnnl_stream_create(&self->stream, self->engine, dnnl_stream_default_flags);
    if (status) {
        rg__products_destroy(&self);
        return rg_fail(RG_EVERSION, "oneDNN cannot start (status %d)", (int)status);
    }
    *out = self;
    return 0;
}

static void plan_destroy(plan_t *plan)
{
    dnnl_memory_t memories[] = {plan->a, plan->b, plan->c};
    for (int i = 0; i < 3; i++)
        if (memories[i]) dnnl_memory_destroy(memories[i]);
    if (plan->primitive) dnnl_primitive_destroy(plan->primitive);
    free(plan);
}

void rg__products_destroy(rg__products_t **out)
{
    rg__products_t *self = *out;
    if (!self) return;
    for (plan_t *plan = self->plans, *next; plan; plan = next) {
        next = plan->next;
        plan_destroy(plan);
    }
    if (self->stream) dnnl_stream_destroy(self->stream);
    if (self->engine) dnnl_engine_destroy(self->engine);
    free(self);
    *out = NULL;
}

// ---- bfloat16

static dnnl_status_t describe_products(rg__md_t *md, dnnl_data_type_t type, int batch, int rows, int columns,
                                       int transposed, size_t plane)
{
    dnnl_dims_t dims = {batch, rows, columns},
                strides = {(dnnl_dim_t)plane, transposed ? 1 : columns, transposed ? rows : 1};
    return dnnl_memory_desc_create_with_strides(md, 3, dims, type, strides);
}

static dnnl_status_t make_attr(dnnl_primitive_attr_t *attr, int add)
{
    dnnl_post_ops_t ops;
    dnnl_status_t status = dnnl_primitive_attr_create(attr);
    if (status || !add) return status;
    status = dnnl_post_ops_create(&ops);
    if (status) return status;
    status = rg__append_sum(ops);
    if (!status) status = dnnl_primitive_attr_set_post_ops(*attr, ops);
    dnnl_post_ops_destroy(ops);
    return status;
}

static dnnl_status_t build(plan_t *plan, dnnl_engine_t engine)
{
    const rg__product_t *s = &plan->shape;
    rg__md_t a = NULL, b = NULL, c = NULL;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status = describe_products(&a, dnnl_bf16, s->batch, s->m, s->k, s->transpose_a, s->plane_a);
    if (!status) status = describe_products(&b, dnnl_bf16, s->batch, s->k, s->n, s->transpose_b, s->plane_b);
    if (!status) status = describe_products(&c, dnnl_f32, s->batch, s->m, s->n, 0, s->plane_c);
    if (!status) status = make_attr(&attr, s->add);
    if (!status) status = dnnl_matmul_primitive_desc_create(&pd, engine, a, b, NULL, c, attr);
    if (!status) status = dnnl_primitive_create(&plan->primitive, pd);
    if (!status) status = dnnl_memory_create(&plan->a, a, engine, DNNL_MEMORY_NONE);
    if (!status) status = dnnl_memory_create(&plan->b, b, engine, DNNL_MEMORY_NONE);
    if (!status) status = dnnl_memory_create(&plan->c, c, engine, DNNL_MEMORY_NONE);
    dnnl_primitive_desc_destroy(pd);
    dnnl_primitive_attr_destroy(attr);
    dnnl_memory_desc_destroy(a);
    dnnl_memory_desc_destroy(b);
    dnnl_memory_desc_destroy(c);
    return status;
}

static int same(const rg__product_t *a, const rg__product_t *b)
{
    return a->batch == b->batch && a->m == b->m && a->n == b->n && a->k == b->k &&
           a->transpose_a == b->transpose_a && a->transpose_b == b->transpose_b && a->add == b->add &&
           a->plane_a == b->plane_a && a->plane_b == b->plane_b && a->plane_c == b->plane_c;
}

static int refused(const rg__product_t *s, dnnl_status_t status)
{
    return rg_fail(RG_EINVAL, "oneDNN cannot multiply %d matrices %dx%dx%d (status %d)", s->batch, s->m, s->k,
                   s->n, (int)status);
}

static int plan_for(rg__products_t *self, const rg__product_t *shape, plan_t **out)
{
    plan_t *plan = self->plans;
    while (plan && !same(&plan->shape, shape)) plan = plan->next;
    if (!plan) {
        plan = rg_alloc(sizeof *plan);
        plan->shape = *shape;
        dnnl_status_t status = build(plan, self->engine);
        if (status) {
            plan_destroy(plan);
            return refused(shape, status);
        }
        plan->next = self->plans;
        self->plans = plan;
    }
    *out = plan;
    return 0;
}

static int run_bf16(rg__products_t *self, const rg__product_t *s, const void *a, const void *b, float *c)
{
    plan_t *plan = NULL;
    int err = plan_for(self, s, &plan);
    if (err) return err;
    dnnl_memory_set_data_handle(plan->a, (void *)a);
    dnnl_memory_set_data_handle(plan->b, (void *)b);
    dnnl_memory_set_data_handle(plan->c, c);
    dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, plan->a}, {DNNL_ARG_WEIGHTS, plan->b}, {DNNL_ARG_DST, plan->c}};
    dnnl_status_t status = dnnl_primitive_execute(plan->primitive, self->stream, 3, args);
    return status ? refused(s, status) : 0;
}

// ---- f32

void rg__product_f32(const rg__product_t *s, const float *a, const float *b, float *c)
{
    int lda = s->transpose_a ? s->m : s->k, ldb = s->transpose_b ? s->k : s->n;
    float beta = s->add ? 1 : 0;
#ifdef __x86_64__
    dnnl_sgemm(s->transpose_a ? 'T' : 'N', s->transpose_b ? 'T' : 'N', s->m, s->n, s->k, 1, a, lda, b, ldb,
               beta, c, s->n);
#else
    cblas_sgemm(CblasRowMajor, s->transpose_a ? CblasTrans : CblasNoTrans,
                s->transpose_b ? CblasTrans : CblasNoTrans, s->m, s->n, s->k, 1, a, lda, b, ldb, beta, c,
                s->n);
#endif
}

static void run_f32(const rg__product_t *s, const float *a, const float *b, float *c)
{
#pragma omp parallel for schedule(static)
    for (int i = 0; i < s->batch; i++)
        rg__product_f32(s, a + (size_t)i * s->plane_a, b + (size_t)i * s->plane_b,
                        c + (size_t)i * s->plane_c);
}

int rg__products_run(rg__products_t *self, const rg__product_t *shape, const void *a, const void *b, float *c)
{
    if (self->bf16) return run_bf16(self, shape, a, b, c);
    run_f32(shape, a, b, c);
    return 0;
}
