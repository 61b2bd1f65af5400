#include <string.h>

#include "common/nn/cpu/lanes/lane.h"
#include "common/nn/cpu/lanes/loops.h"

// ---- one dimension. The points are 0, +-1/sqrt(2), +-sqrt(2), infinity for kernels of three taps and +-1/2,
// +-5/4, infinity for kernels of two. Their rounding error is half of that of the usual points (0, +-1, +-2
// and 0, +-1, 2). Arguments are `step` apart in memory, so that one function serves rows and columns of a
// square.

static const float ROOT = 1.41421356f, HALF_ROOT = 0.707106781f;

RG_INLINE void input6(rg__lanes_t *y, const rg__lanes_t *x, int s)
{
    rg__lanes_t even = x[4 * s] - 2 * x[2 * s], odd = HALF_ROOT * (x[3 * s] - 2 * x[s]);
    rg__lanes_t even2 = x[4 * s] - 0.5f * x[2 * s], odd2 = ROOT * (x[3 * s] - 0.5f * x[s]);
    rg__lanes_t y0 = x[0] - 2.5f * x[2 * s] + x[4 * s], y5 = x[s] - 2.5f * x[3 * s] + x[5 * s];
    y[0] = y0;
    y[s] = even + odd;
    y[2 * s] = even - odd;
    y[3 * s] = even2 + odd2;
    y[4 * s] = even2 - odd2;
    y[5 * s] = y5;
}

RG_INLINE void input6_adjoint(rg__lanes_t *x, const rg__lanes_t *v, int s)
{
    rg__lanes_t sum = v[s] + v[2 * s], gap = v[s] - v[2 * s], sum2 = v[3 * s] + v[4 * s],
                gap2 = v[3 * s] - v[4 * s], v0 = v[0], v5 = v[5 * s];
    x[0] = v0;
    x[s] = v5 - ROOT * gap - HALF_ROOT * gap2;
    x[2 * s] = -2.5f * v0 - 2 * sum - 0.5f * sum2;
    x[3 * s] = HALF_ROOT * gap + ROOT * gap2 - 2.5f * v5;
    x[4 * s] = v0 + sum + sum2;
    x[5 * s] = v5;
}

RG_INLINE void output6(rg__lanes_t *y, const rg__lanes_t *m, int s)
{
    rg__lanes_t sum = m[s] + m[2 * s], gap = HALF_ROOT * (m[s] - m[2 * s]), sum2 = m[3 * s] + m[4 * s],
                gap2 = ROOT * (m[3 * s] - m[4 * s]);
    y[0] = m[0] + sum + sum2;
    y[s] = gap + gap2;
    y[2 * s] = 0.5f * sum + 2 * sum2;
    y[3 * s] = 0.5f * gap + 2 * gap2 + m[5 * s];
}

RG_INLINE void output6_adjoint(rg__lanes_t *m, const rg__lanes_t *y, int s)
{
    rg__lanes_t even = y[0] + 0.5f * y[2 * s], odd = HALF_ROOT * (y[s] + 0.5f * y[3 * s]),
                even2 = y[0] + 2 * y[2 * s], odd2 = ROOT * (y[s] + 2 * y[3 * s]), y3 = y[3 * s];
    m[s] = even + odd;
    m[2 * s] = even - odd;
    m[3 * s] = even2 + odd2;
    m[4 * s] = even2 - odd2;
    m[5 * s] = y3;
    m[0] = y[0];
}

static const float A = 0.5f, AA = 0.25f, B = 1.25f, BB = 1.5625f; // the points of F(4,2) and their squares

RG_INLINE void input5(rg__lanes_t *y, const rg__lanes_t *x, int s)
{
    rg__lanes_t even = x[3 * s] - BB * x[s], odd = A * (x[2 * s] - BB * x[0]), even2 = x[3 * s] - AA * x[s],
                odd2 = B * (x[2 * s] - AA * x[0]), y4 = x[4 * s] - (AA + BB) * x[2 * s] + AA * BB * x[0];
    y[0] = even + odd;
    y[s] = even - odd;
    y[2 * s] = even2 + odd2;
    y[3 * s] = even2 - odd2;
    y[4 * s] = y4;
}

RG_INLINE void input5_adjoint(rg__lanes_t *x, const rg__lanes_t *v, int s)
{
    rg__lanes_t sum = v[0] + v[s], gap = A * (v[0] - v[s]), sum2 = v[2 * s] + v[3 * s],
                gap2 = B * (v[2 * s] - v[3 * s]), v4 = v[4 * s];
    x[0] = AA * BB * v4 - BB * gap - AA * gap2;
    x[s] = -BB * sum - AA * sum2;
    x[2 * s] = gap + gap2 - (AA + BB) * v4;
    x[3 * s] = sum + sum2;
    x[4 * s] = v4;
}

RG_INLINE void output5(rg__lanes_t *y, const rg__lanes_t *m, int s)
{
    rg__lanes_t sum = m[0] + m[s], gap = A * (m[0] - m[s]), sum2 = m[2 * s] + m[3 * s],
                gap2 = B * (m[2 * s] - m[3 * s]), m4 = m[4 * s];
    y[0] = sum + sum2;
    y[s] = gap + gap2;
    y[2 * s] = AA * sum + BB * sum2;
    y[3 * s] = AA * gap + BB * gap2 + m4;
}

RG_INLINE void output5_adjoint(rg__lanes_t *m, const rg__lanes_t *y, int s)
{
    rg__lanes_t even = y[0] + AA * y[2 * s], odd = A * (y[s] + AA * y[3 * s]), even2 = y[0] + BB * y[2 * s],
                odd2 = B * (y[s] + BB * y[3 * s]), y3 = y[3 * s];
    m[0] = even + odd;
    m[s] = even - odd;
    m[2 * s] = even2 + odd2;
    m[3 * s] = even2 - odd2;
    m[4 * s] = y3;
}

// ---- two dimensions, in squares of 6 lanes a side

enum { SIDE = 6, SQUARE = SIDE * SIDE };

RG_INLINE void transform_input(int n, rg__lanes_t *d)
{
    for (int i = 0; i < n; i++)
        n == 6 ? input6(d + i * SIDE, d + i * SIDE, 1) : input5(d + i * SIDE, d + i * SIDE, 1);
    for (int i = 0; i < n; i++) n == 6 ? input6(d + i, d + i, SIDE) : input5(d + i, d + i, SIDE);
}

RG_INLINE void transform_input_adjoint(int n, rg__lanes_t *d)
{
    for (int i = 0; i < n; i++)
        n == 6 ? input6_adjoint(d + i, d + i, SIDE) : input5_adjoint(d + i, d + i, SIDE);
    for (int i = 0; i < n; i++)
        n == 6 ? input6_adjoint(d + i * SIDE, d + i * SIDE, 1)
               : input5_adjoint(d + i * SIDE, d + i * SIDE, 1);
}

RG_INLINE void transform_output(int n, rg__lanes_t *d)
{
    for (int i = 0; i < n; i++)
        n == 6 ? output6(d + i * SIDE, d + i * SIDE, 1) : output5(d + i * SIDE, d + i * SIDE, 1);
    for (int i = 0; i < RG_TILE; i++) n == 6 ? output6(d + i, d + i, SIDE) : output5(d + i, d + i, SIDE);
}

RG_INLINE void transform_output_adjoint(int n, rg__lanes_t *d)
{
    for (int i = 0; i < RG_TILE; i++)
        n == 6 ? output6_adjoint(d + i, d + i, SIDE) : output5_adjoint(d + i, d + i, SIDE);
    for (int i = 0; i < n; i++)
        n == 6 ? output6_adjoint(d + i * SIDE, d + i * SIDE, 1)
               : output5_adjoint(d + i * SIDE, d + i * SIDE, 1);
}

// The points of a square lie `plane` floats apart in memory.
RG_INLINE void load_points(int n, rg__lanes_t *d, const float *from, size_t plane)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) d[i * SIDE + j] = rg__load(from + (size_t)(i * n + j) * plane);
}

RG_INLINE void put_points(int n, int bf16, void *to, size_t at, const rg__lanes_t *d, size_t plane)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) rg__put(to, bf16, at + (size_t)(i * n + j) * plane, &d[i * SIDE + j]);
}

// ---- the place of a tile

typedef struct {
    int image, row, column;
} place_t;

RG_INLINE place_t place_of(const rg__tiling_t *t, int tile)
{
    int per_image = t->rows * t->columns, within = tile % per_image;
    return (place_t){tile / per_image, within / t->columns, within % t->columns};
}

// The pixel behind point i of a tile, or -1 outside.
RG_INLINE int source(const rg__tiling_t *t, int tile, int i, int phase, int size)
{
    const rg_conv_shape_t *s = &t->shape;
    int at = t->in_phases * (RG_TILE * tile + i) + phase - (s->up ? 1 : s->pad);
    if (s->reflect && at < 0) at = -at;
    if (s->reflect && at >= size) at = 2 * size - 2 - at;
    return at < 0 || at >= size ? -1 : at; // beyond the mirrored border: no output reads this point
}

// Offsets of the points of a tile in the image [h,w,c], -1 outside.
RG_INLINE void sources(const rg__tiling_t *t, int n, place_t p, int phase_y, int phase_x, ptrdiff_t *at)
{
    const rg_conv_shape_t *s = &t->shape;
    int column[SIDE];
    for (int j = 0; j < n; j++) column[j] = source(t, p.column, j, phase_x, s->w);
    for (int i = 0; i < n; i++) {
        int row = source(t, p.row, i, phase_y, s->h);
        for (int j = 0; j < n; j++)
            at[i * SIDE + j] =
                row < 0 || column[j] < 0 ? -1 : ((ptrdiff_t)row * s->w + column[j]) * (ptrdiff_t)s->c;
    }
}

// ---- input

RG_INLINE void read_input_n(int n, int bf16, const rg__tiling_t *t, void *v, size_t plane, const float *x,
                            int first, int start, int count)
{
    size_t image = (size_t)t->shape.h * (size_t)t->shape.w * (size_t)t->shape.c;
    for (int k = start; k < start + count; k++)
        for (int phase = 0; phase < t->in_phases * t->in_phases; phase++) {
            place_t p = place_of(t, first + k);
            ptrdiff_t at[SQUARE];
            sources(t, n, p, phase / t->in_phases, phase % t->in_phases, at);
            const float *from = x + (size_t)p.image * image;
            size_t to = (size_t)k * (size_t)t->depth + (size_t)phase * (size_t)t->shape.c;
            for (int c = 0; c < t->shape.c; c += RG_LANES) {
                rg__lanes_t d[SQUARE];
                for (int i = 0; i < n; i++)
                    for (int j = 0; j < n; j++)
                        d[i * SIDE + j] =
                            at[i * SIDE + j] < 0 ? (rg__lanes_t){0} : rg__load(from + at[i * SIDE + j] + c);
                transform_input(n, d);
                put_points(n, bf16, v, to + (size_t)c, d, plane);
            }
        }
}

RG_INLINE void add_input_n(int n, const rg__tiling_t *t, float *dx, const float *v, size_t plane, int first,
                           int start, int count, int from_c, int to_c)
{
    size_t image = (size_t)t->shape.h * (size_t)t->shape.w * (size_t)t->shape.c;
    for (int k = start; k < start + count; k++)
        for (int phase = 0; phase < t->in_phases * t->in_phases; phase++) {
            place_t p = place_of(t, first + k);
            ptrdiff_t at[SQUARE];
            sources(t, n, p, phase / t->in_phases, phase % t->in_phases, at);
            float *to = dx + (size_t)p.image * image;
            const float *from = v + (size_t)k * (size_t)t->depth + (size_t)phase * (size_t)t->shape.c;
            for (int c = from_c; c < to_c; c += RG_LANES) {
                rg__lanes_t d[SQUARE];
                load_points(n, d, from + c, plane);
                transform_input_adjoint(n, d);
                for (int i = 0; i < n; i++)
                    for (int j = 0; j < n; j++) {
                        if (at[i * SIDE + j] < 0) continue;
                        rg__lanes_t sum = rg__load(to + at[i * SIDE + j] + c) + d[i * SIDE + j];
                        rg__store(to + at[i * SIDE + j] + c, &sum);
                    }
            }
        }
}

static void read_input(const rg__tiling_t *t, void *v, size_t plane, const float *x, int first, int start,
                       int count)
{
    if (t->n == 6 && t->bf16)
        read_input_n(6, 1, t, v, plane, x, first, start, count);
    else if (t->n == 6)
        read_input_n(6, 0, t, v, plane, x, first, start, count);
    else if (t->bf16)
        read_input_n(5, 1, t, v, plane, x, first, start, count);
    else
        read_input_n(5, 0, t, v, plane, x, first, start, count);
}

static void add_input(const rg__tiling_t *t, float *dx, const float *v, size_t plane, int first, int start,
                      int count, int from, int to)
{
    if (t->n == 6)
        add_input_n(6, t, dx, v, plane, first, start, count, from, to);
    else
        add_input_n(5, t, dx, v, plane, first, start, count, from, to);
}

// ---- output

// Offsets of a tile's outputs in the image [oh,ow,o], -1 beyond its edge.
RG_INLINE void targets(const rg__tiling_t *t, place_t p, int phase_y, int phase_x,
                       ptrdiff_t at[RG_TILE][RG_TILE])
{
    const rg_conv_shape_t *s = &t->shape;
    for (int i = 0; i < RG_TILE; i++)
        for (int j = 0; j < RG_TILE; j++) {
            int row = t->out_phases * (RG_TILE * p.row + i) + phase_y,
                column = t->out_phases * (RG_TILE * p.column + j) + phase_x;
            at[i][j] =
                row >= s->oh || column >= s->ow ? -1 : ((ptrdiff_t)row * s->ow + column) * (ptrdiff_t)s->o;
        }
}

RG_INLINE void write_output_n(int n, int half, const rg__tiling_t *t, void *y, const float *m, size_t plane,
                              const float *bias, int first, int start, int count)
{
    const rg_conv_shape_t *s = &t->shape;
    size_t image = (size_t)s->oh * (size_t)s->ow * (size_t)s->o;
    float slope = s->act == RG_ACT_RELU ? 0 : s->act == RG_ACT_LEAKY ? RG_LEAKY_SLOPE : 1;
    for (int k = start; k < start + count; k++)
        for (int phase = 0; phase < t->out_phases * t->out_phases; phase++) {
            place_t p = place_of(t, first + k);
            ptrdiff_t at[RG_TILE][RG_TILE];
            targets(t, p, phase / t->out_phases, phase % t->out_phases, at);
            size_t to = (size_t)p.image * image;
            const float *from = m + (size_t)k * (size_t)t->width + (size_t)phase * (size_t)s->o;
            for (int c = 0; c < s->o; c += RG_LANES) {
                rg__lanes_t d[SQUARE], b = bias ? rg__load(bias + c) : (rg__lanes_t){0};
                load_points(n, d, from + c, plane);
                transform_output(n, d);
                for (int i = 0; i < RG_TILE; i++)
                    for (int j = 0; j < RG_TILE; j++) {
                        if (at[i][j] < 0) continue;
                        rg__lanes_t v = rg__leak(d[i * SIDE + j] + b, slope);
                        rg__put(y, half, to + (size_t)(at[i][j] + c), &v);
                    }
            }
        }
}

RG_INLINE void read_output_n(int n, int bf16, const rg__tiling_t *t, void *m, size_t plane, const float *dy,
                             int first, int start, int count)
{
    const rg_conv_shape_t *s = &t->shape;
    size_t image = (size_t)s->oh * (size_t)s->ow * (size_t)s->o;
    for (int k = start; k < start + count; k++)
        for (int phase = 0; phase < t->out_phases * t->out_phases; phase++) {
            place_t p = place_of(t, first + k);
            ptrdiff_t at[RG_TILE][RG_TILE];
            targets(t, p, phase / t->out_phases, phase % t->out_phases, at);
            const float *from = dy + (size_t)p.image * image;
            size_t to = (size_t)k * (size_t)t->width + (size_t)phase * (size_t)s->o;
            for (int c = 0; c < s->o; c += RG_LANES) {
                rg__lanes_t d[SQUARE];
                for (int i = 0; i < RG_TILE; i++)
                    for (int j = 0; j < RG_TILE; j++)
                        d[i * SIDE + j] = at[i][j] < 0 ? (rg__lanes_t){0} : rg__load(from + at[i][j] + c);
                transform_output_adjoint(n, d);
                put_points(n, bf16, m, to + (size_t)c, d, plane);
            }
        }
}

static void write_output(const rg__tiling_t *t, void *y, const float *m, size_t plane, const float *bias,
                         int first, int start, int count)
{
    if (t->n == 6 && t->shape.half)
        write_output_n(6, 1, t, y, m, plane, bias, first, start, count);
    else if (t->n == 6)
        write_output_n(6, 0, t, y, m, plane, bias, first, start, count);
    else if (t->shape.half)
        write_output_n(5, 1, t, y, m, plane, bias, first, start, count);
    else
        write_output_n(5, 0, t, y, m, plane, bias, first, start, count);
}

static void read_output(const rg__tiling_t *t, void *m, size_t plane, const float *dy, int first, int start,
                        int count)
{
    if (t->n == 6 && t->bf16)
        read_output_n(6, 1, t, m, plane, dy, first, start, count);
    else if (t->n == 6)
        read_output_n(6, 0, t, m, plane, dy, first, start, count);
    else if (t->bf16)
        read_output_n(5, 1, t, m, plane, dy, first, start, count);
    else
        read_output_n(5, 0, t, m, plane, dy, first, start, count);
}

// ---- kernels

// A kernel of k taps a side that becomes n points a side. Of the halving convolution's taps, every second one (step 2)
// belongs to a phase. The members are constants wherever a kernel_t is made, so that loops over them unroll.
typedef struct {
    int n, k, step;
} kernel_t;

// The first tap that belongs to a phase.
RG_INLINE int first_tap(kernel_t kernel, int phase)
{
    return kernel.step == 2 ? phase : 0;
}

// K w K' for one pair of phases, or its adjoint, for the output channels of a vector.
RG_INLINE void transform_kernel(kernel_t kernel, const rg__tiling_t *t, int phase_y, int phase_x,
                                const rg__lanes_t *w, rg__lanes_t *u)
{
    const int n = kernel.n, k = kernel.k, step = kernel.step, taps = k / step;
    int y = first_tap(kernel, phase_y), x = first_tap(kernel, phase_x);
    rg__lanes_t rows[SIDE][5];
    for (int i = 0; i < n; i++)
        for (int b = 0; b < taps; b++) {
            rows[i][b] = (rg__lanes_t){0};
            for (int a = 0; a < taps; a++)
                rows[i][b] += t->kernel[phase_y][i][y + a * step] * w[(y + a * step) * k + x + b * step];
        }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            u[i * n + j] = (rg__lanes_t){0};
            for (int b = 0; b < taps; b++) u[i * n + j] += t->kernel[phase_x][j][x + b * step] * rows[i][b];
        }
}

RG_INLINE void transform_kernel_adjoint(kernel_t kernel, const rg__tiling_t *t, int phase_y, int phase_x,
                                        rg__lanes_t *w, const rg__lanes_t *u)
{
    const int n = kernel.n, k = kernel.k, step = kernel.step, taps = k / step;
    int y = first_tap(kernel, phase_y), x = first_tap(kernel, phase_x);
    rg__lanes_t rows[SIDE][5];
    for (int i = 0; i < n; i++)
        for (int b = 0; b < taps; b++) {
            rows[i][b] = (rg__lanes_t){0};
            for (int j = 0; j < n; j++) rows[i][b] += t->kernel[phase_x][j][x + b * step] * u[i * n + j];
        }
    for (int a = 0; a < taps; a++)
        for (int b = 0; b < taps; b++)
            for (int i = 0; i < n; i++)
                w[(y + a * step) * k + x + b * step] += t->kernel[phase_y][i][y + a * step] * rows[i][b];
}

// Where U starts for input channel c of an input phase and output channel o of an output phase.
RG_INLINE size_t kernel_at(const rg__tiling_t *t, int phase, int c, int o)
{
    int in = t->in_phases == 2 ? phase : 0, out = t->out_phases == 2 ? phase : 0;
    return (size_t)(in * t->shape.c + c) * (size_t)t->width + (size_t)(out * t->shape.o + o);
}

// Reads w [o,c,k,k] for RG_LANES output channels from o on and RG_TILE_GROUP input channels from c on, as taps
// [RG_TILE_GROUP][k*k] of lanes. Groups are read together because w and U are far larger than the cache.
enum { TAPS = 25, GROUP_TAPS = RG_TILE_GROUP * TAPS };

RG_INLINE void gather_taps(const rg__tiling_t *t, float (*to)[RG_LANES], const float *w, int c, int o)
{
    int taps = t->shape.k * t->shape.k, run = RG_TILE_GROUP * taps;
    for (int l = 0; l < RG_LANES; l++) {
        const float *from = w + ((size_t)(o + l) * (size_t)t->shape.c + (size_t)c) * (size_t)taps;
        for (int i = 0; i < run; i++) to[i][l] = from[i];
    }
}

RG_INLINE void scatter_taps(const rg__tiling_t *t, float *dw, float (*from)[RG_LANES], int c, int o)
{
    int taps = t->shape.k * t->shape.k, run = RG_TILE_GROUP * taps;
    for (int l = 0; l < RG_LANES; l++) {
        float *to = dw + ((size_t)(o + l) * (size_t)t->shape.c + (size_t)c) * (size_t)taps;
        for (int i = 0; i < run; i++) to[i] += from[i][l];
    }
}

RG_INLINE void pack_kernel_of(kernel_t kernel, const rg__tiling_t *t, void *u, size_t plane, const float *w,
                              int first)
{
    int taps = kernel.k * kernel.k, phases = t->in_phases * t->out_phases;
    float group[GROUP_TAPS][RG_LANES];
    for (int o = 0; o < t->shape.o; o += RG_LANES) {
        gather_taps(t, group, w, first, o);
        for (int c = 0; c < RG_TILE_GROUP; c++)
            for (int phase = 0; phase < phases * phases; phase++) {
                rg__lanes_t out[SQUARE];
                transform_kernel(kernel, t, phase / phases, phase % phases, (rg__lanes_t *)group[c * taps],
                                 out);
                for (int i = 0; i < kernel.n * kernel.n; i++)
                    rg__put(u, t->bf16, (size_t)i * plane + kernel_at(t, phase, first + c, o), &out[i]);
            }
    }
}

RG_INLINE void add_kernel_of(kernel_t kernel, const rg__tiling_t *t, float *dw, const float *u, size_t plane,
                             int first)
{
    int taps = kernel.k * kernel.k, phases = t->in_phases * t->out_phases;
    float group[GROUP_TAPS][RG_LANES];
    for (int o = 0; o < t->shape.o; o += RG_LANES) {
        memset(group, 0, (size_t)(RG_TILE_GROUP * taps) * sizeof *group);
        for (int c = 0; c < RG_TILE_GROUP; c++)
            for (int phase = 0; phase < phases * phases; phase++) {
                rg__lanes_t in[SQUARE];
                const float *from = u + kernel_at(t, phase, first + c, o);
                for (int i = 0; i < t->points; i++) {
                    in[i] = rg__load(from + (size_t)i * plane);
                    __builtin_prefetch(from + (size_t)i * plane +
                                       RG_LANES); // more streams than the hardware prefetches
                }
                transform_kernel_adjoint(kernel, t, phase / phases, phase % phases,
                                         (rg__lanes_t *)group[c * taps], in);
            }
        scatter_taps(t, dw, group, first, o);
    }
}

static void pack_kernel(const rg__tiling_t *t, void *u, size_t plane, const float *w, int first)
{
    if (t->in_phases == 2)
        pack_kernel_of((kernel_t){5, 4, 2}, t, u, plane, w, first);
    else if (t->out_phases == 2)
        pack_kernel_of((kernel_t){6, 5, 1}, t, u, plane, w, first);
    else
        pack_kernel_of((kernel_t){6, 3, 1}, t, u, plane, w, first);
}

static void add_kernel(const rg__tiling_t *t, float *dw, const float *u, size_t plane, int first)
{
    if (t->in_phases == 2)
        add_kernel_of((kernel_t){5, 4, 2}, t, dw, u, plane, first);
    else if (t->out_phases == 2)
        add_kernel_of((kernel_t){6, 5, 1}, t, dw, u, plane, first);
    else
        add_kernel_of((kernel_t){6, 3, 1}, t, dw, u, plane, first);
}

const rg__tile_loops_t RG_LANES_NAME(rg__tile_loops) = {
    .read_input = read_input,
    .add_input = add_input,
    .write_output = write_output,
    .read_output = read_output,
    .pack_kernel = pack_kernel,
    .add_kernel = add_kernel,
};
