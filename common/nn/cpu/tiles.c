#include "common/nn/cpu/tiles.h"

#include <string.h>

static const float K3[6][3] = {{1, 0, 0},
                               {-2.0f / 3, -0.471404521f, -1.0f / 3}, // p = 1/sqrt(2): 1, p, p^2 over -3/2
                               {-2.0f / 3, 0.471404521f, -1.0f / 3},
                               {1.0f / 6, 0.235702260f, 1.0f / 3}, // p = sqrt(2): over 6
                               {1.0f / 6, -0.235702260f, 1.0f / 3},
                               {0, 0, 1}};
static const float K2[5][2] = {{-1 / 1.3125f, -0.5f / 1.3125f},
                               {1 / 1.3125f, -0.5f / 1.3125f},
                               {1 / 3.28125f, 1.25f / 3.28125f},
                               {-1 / 3.28125f, 1.25f / 3.28125f},
                               {0, 1}};

// Which of three source pixels each of five taps on the upsampled image reads, by output phase.
static const int UNDER[2][5] = {{0, 0, 1, 1, 2}, {0, 1, 1, 2, 2}};

static void fill_kernel(rg__tiling_t *t)
{
    memset(t->kernel, 0, sizeof t->kernel);
    for (int phase = 0; phase < 2; phase++)
        for (int i = 0; i < t->n; i++)
            for (int tap = 0; tap < t->shape.k; tap++) {
                if (t->shape.up)
                    t->kernel[phase][i][tap] = K3[i][UNDER[phase][tap]];
                else if (t->in_phases == 1)
                    t->kernel[phase][i][tap] = K3[i][tap];
                else if (tap % 2 == phase)
                    t->kernel[phase][i][tap] = K2[i][tap / 2];
            }
}

int rg__tiling_of(rg__tiling_t *t, const rg_conv_shape_t *s, int bf16)
{
    int plain = s->k == 3 && s->stride == 1 && !s->up, halving = s->k == 4 && s->stride == 2 && !s->up,
        doubling = s->k == 5 && s->stride == 1 && s->up && s->pad == 2 && !s->reflect;
    if (!plain && !halving && !doubling) return 0;
    if (s->c % RG_WIDEST != 0 || s->o % RG_WIDEST != 0) return 0;
    *t = (rg__tiling_t){.shape = *s,
                        .n = halving ? 5 : 6,
                        .in_phases = halving ? 2 : 1,
                        .out_phases = doubling ? 2 : 1,
                        .bf16 = bf16};
    t->points = t->n * t->n;
    t->depth = s->c * t->in_phases * t->in_phases;
    t->width = s->o * t->out_phases * t->out_phases;
    int step = RG_TILE * t->out_phases;
    t->rows = (s->oh + step - 1) / step;
    t->columns = (s->ow + step - 1) / step;
    t->tiles = s->n * t->rows * t->columns;
    fill_kernel(t);
    return 1;
}
