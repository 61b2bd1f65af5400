// Losses and sums for the host (loss.cl). A sum stays on the device, as a double or, where the device has no doubles,
// as a float in the place of one.
#include <string.h>

#include "common/nn/opencl/device.h"

enum { LOSS_PARTS = 4096 };

static void add_parts(rg_backend_t *self, double *sum, rg__place_t part, size_t parts, size_t count)
{
    RG__LAUNCH(self, "add_parts", RG__GROUP, rg__a(sum), rg__p(part), rg__n(parts), rg__n(count));
}

static void ocl_loss(rg_backend_t *self, double *sum, const rg_loss_t *l)
{
    size_t parts = l->n < LOSS_PARTS ? (l->n + RG__GROUP - 1) / RG__GROUP * RG__GROUP : LOSS_PARTS;
    rg__place_t part = rg__ocl_scratch(rg__ocl(self), RG__PARTS, 2 * LOSS_PARTS);
    RG__LAUNCH(self, "loss", parts, rg__p(part), rg__i((int)l->kind), rg__a(l->da), rg__i(l->add_a),
               rg__a(l->db), rg__i(l->add_b), rg__a(l->a), rg__a(l->b), rg__a(l->c), rg__f(l->target),
               rg__f(l->weight / (float)l->count), rg__n(l->n));
    if (sum) add_parts(self, sum, part, parts, l->count);
}

static void ocl_sum_squares(rg_backend_t *self, double *sum, const float *x, size_t n)
{
    ocl_loss(self, sum, &(rg_loss_t){.kind = RG_LOSS_L2, .a = x, .n = n, .count = 1});
}

static int ocl_pull_doubles(rg_backend_t *self, double *x, size_t n)
{
    int err = self->pull(self, x, n * sizeof *x);
    for (size_t i = 0; i < n && !rg__ocl(self)->has_doubles; i++) {
        float narrow;
        memcpy(&narrow, &x[i], sizeof narrow);
        x[i] = (double)narrow;
    }
    return err;
}

static void ocl_rank(rg_backend_t *self, double *sum, float *slope, float *dscale, const float *cosine,
                     const float *relevance, const float *scale, float weight, int n)
{
    rg__place_t part = rg__ocl_scratch(rg__ocl(self), RG__PARTS, 4 * (size_t)n);
    RG__LAUNCH(self, "rank_images", (size_t)n, rg__p(part), rg__a(slope), rg__a(cosine), rg__a(relevance),
               rg__a(scale), rg__f(weight / (float)n), rg__i(n));
    if (sum) add_parts(self, sum, part, (size_t)n, (size_t)n);
    if (slope && dscale) RG__LAUNCH(self, "add_shares", 1, rg__a(dscale), rg__p(part), rg__i(n));
}

void rg__ocl_loss_table(rg_backend_t *table)
{
    table->loss = ocl_loss;
    table->rank = ocl_rank;
    table->sum_squares = ocl_sum_squares;
    table->pull_doubles = ocl_pull_doubles;
}
