#include <stdlib.h>

#include <cblas.h>
#include <omp.h>

#include "common/core/alloc.h"
#include "common/nn/cpu/cpu.h"

static void gemm(rg_backend_t *self, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                 const float *a, const float *b, float beta, float *c)
{
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                transpose_b ? CblasTrans : CblasNoTrans, m, n, k, alpha, a, transpose_a ? m : k, b,
                transpose_b ? k : n, beta, c, n);
}

void rg_cpu_threads(int n)
{
    omp_set_num_threads(n);
}

static void destroy(rg_backend_t *table)
{
    rg_cpu_backend_t *self = (rg_cpu_backend_t *)table;
    rg__conv_destroy(&self->conv);
    free(self);
}

int rg_cpu_backend_new(rg_backend_t **out, int bf16)
{
    rg_cpu_backend_t *self = rg_alloc(sizeof *self);
    int err = rg__conv_new(&self->conv, bf16);
    if (err) {
        free(self);
        return err;
    }
    self->table.destroy = destroy;
    self->table.bf16 = bf16;
    self->table.gemm = gemm;
    rg__cpu_conv_table(&self->table);
    rg__cpu_shape_table(&self->table);
    rg__cpu_pool_table(&self->table);
    rg__cpu_norm_table(&self->table);
    rg__cpu_pointwise_table(&self->table);
    rg__cpu_broadcast_table(&self->table);
    rg__cpu_loss_table(&self->table);
    rg__cpu_optim_table(&self->table);
    *out = &self->table;
    return 0;
}

void rg_backend_destroy(rg_backend_t **backend)
{
    if (!*backend) return;
    (*backend)->destroy(*backend);
    *backend = NULL;
}
