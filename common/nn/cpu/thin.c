#include "common/nn/cpu/thin.h"

#include <string.h>

#include <omp.h>
#include <oneapi/dnnl/dnnl.h>

#include "common/nn/cpu/cpu.h"

enum { PIXELS = 256, THIN_MAX = 4, KERNEL_MAX = 7, FORM = 2 };

void rg__thin_fini(rg__thin_t *self)
{
    rg__scratch_free(&self->patches);
    rg__scratch_free(&self->dw);
}

// The two sides of the linear map.
typedef struct {
    int n, rows, columns, wide; // F
    int h, w, thin;             // I
    int k, stride, pad,
        reflect; // the patch of F's pixel (r,c) begins at I's (r*stride - pad, c*stride - pad)
    int patch;   // k*k*thin
    int output;  // I is the convolution's output
} map_t;

static map_t map_of(const rg_conv_shape_t *s)
{
    if (s->c <= THIN_MAX)
        return (map_t){s->n, s->oh, s->ow,     s->o,   s->h,       s->w,
                       s->c, s->k,  s->stride, s->pad, s->reflect, s->k * s->k * s->c,
                       0};
    return (map_t){
        s->n, s->h, s->w, s->c, s->oh, s->ow, s->o, s->k, 1, s->k - 1 - s->pad, 0, s->k * s->k * s->o, 1};
}

int rg__thin_fits(const rg_conv_shape_t *s)
{
    if (s->up || s->k > KERNEL_MAX || s->k < 3) return 0;
    if (s->c <= THIN_MAX) return s->o >= 8;
    return s->o <= THIN_MAX && s->c >= 8 && s->stride == 1 && !s->reflect && s->oh >= s->k && s->ow >= s->k;
}

// ---- patches

static inline int mirrored(int i, int size, int reflect)
{
    if (!reflect) return i < 0 || i >= size ? -1 : i;
    return i < 0 ? -i : i >= size ? 2 * size - 2 - i : i;
}

// P of F's rows first..end-1 of one image.
RG_HOT static void read_patches(const map_t *m, float *p, const float *image, int first, int end)
{
    int run = m->k * m->thin;
    for (int r = first; r < end; r++)
        for (int c = 0; c < m->columns; c++)
            for (int i = 0; i < m->k; i++, p += run) {
                int row = mirrored(r * m->stride - m->pad + i, m->h, m->reflect),
                    left = c * m->stride - m->pad;
                const float *from = image + ((ptrdiff_t)row * m->w + left) * m->thin;
                if (row >= 0 && left >= 0 && left + m->k <= m->w) {
                    for (int l = 0; l < run; l++) p[l] = from[l];
                    continue;
                }
                for (int j = 0; j < m->k; j++) {
                    int column = mirrored(left + j, m->w, m->reflect);
                    for (int l = 0; l < m->thin; l++)
                        p[j * m->thin + l] =
                            row < 0 || column < 0 ? 0 : image[((ptrdiff_t)row * m->w + column) * m->thin + l];
                }
            }
}

// The adjoint: adds P into the image.
RG_HOT static void add_patches(const map_t *m, float *image, const float *p, int first, int end)
{
    int run = m->k * m->thin;
    for (int r = first; r < end; r++)
        for (int c = 0; c < m->columns; c++)
            for (int i = 0; i < m->k; i++, p += run) {
                int row = mirrored(r * m->stride - m->pad + i, m->h, m->reflect),
                    left = c * m->stride - m->pad;
                if (row < 0) continue;
                float *to = image + ((ptrdiff_t)row * m->w + left) * m->thin;
                if (left >= 0 && left + m->k <= m->w) {
                    for (int l = 0; l < run; l++) to[l] += p[l];
                    continue;
                }
                for (int j = 0; j < m->k; j++) {
                    int column = mirrored(left + j, m->w, m->reflect);
                    for (int l = 0; column >= 0 && l < m->thin; l++)
                        image[((ptrdiff_t)row * m->w + column) * m->thin + l] += p[j * m->thin + l];
                }
            }
}

// ---- weights as a matrix [patch, wide]

// Index in w [o,c,k,k] of row `tap` (i, j, thin channel) and wide channel f.
static inline size_t weight_at(const map_t *m, int tap, int f)
{
    int t = tap % m->thin, ij = tap / m->thin, area = m->k * m->k;
    if (m->output) return ((size_t)t * (size_t)m->wide + (size_t)f) * (size_t)area + (size_t)(area - 1 - ij);
    return ((size_t)f * (size_t)m->thin + (size_t)t) * (size_t)area + (size_t)ij;
}

static const float *pack(rg__thin_t *self, const map_t *m, rg_weights_t w)
{
    int stale;
    float *matrix =
        rg__packs_find(self->packs, w, FORM, (size_t)m->patch * (size_t)m->wide * sizeof *matrix, &stale);
    if (!stale) return matrix;
    for (int tap = 0; tap < m->patch; tap++)
        for (int f = 0; f < m->wide; f++)
            matrix[(size_t)tap * (size_t)m->wide + (size_t)f] = w.value[weight_at(m, tap, f)];
    return matrix;
}

// ---- the three maps. A task is a band of F's rows in one image.

static int band_of(const map_t *m)
{
    int rows = PIXELS / m->columns;
    return rows < 1 ? 1 : rows > m->rows ? m->rows : rows;
}

static float *patches_of(rg__thin_t *self, const map_t *m)
{
    size_t each = (size_t)band_of(m) * (size_t)m->columns * (size_t)m->patch;
    return rg__scratch(&self->patches, (size_t)omp_get_max_threads() * each * sizeof(float));
}

static float *own_patches(const map_t *m, float *patches)
{
    return patches +
           (size_t)omp_get_thread_num() * (size_t)band_of(m) * (size_t)m->columns * (size_t)m->patch;
}

static size_t wide_at(const map_t *m, int i, int row)
{
    return ((size_t)i * (size_t)m->rows + (size_t)row) * (size_t)m->columns * (size_t)m->wide;
}

static size_t image_size(const map_t *m)
{
    return (size_t)m->h * (size_t)m->w * (size_t)m->thin;
}

static int min(int a, int b)
{
    return a < b ? a : b;
}

RG_HOT static void bias_and_act(float *y, const float *bias, enum rg_act act, size_t rows, int columns)
{
    float slope = act == RG_ACT_RELU ? 0 : act == RG_ACT_LEAKY ? RG_LEAKY_SLOPE : 1;
    for (size_t r = 0; r < rows; r++, y += columns)
        for (int c = 0; c < columns; c++) {
            float v = y[c] + (bias ? bias[c] : 0);
            y[c] = v > 0 ? v : slope * v;
        }
}

// F (+)= P(I) W, then bias and activation
static void to_wide(rg__thin_t *self, const map_t *m, float *f, int add, const float *image,
                    const float *matrix, const float *bias, enum rg_act act)
{
    int band = band_of(m);
    float *patches = patches_of(self, m);
#pragma omp parallel for schedule(static) collapse(2)
    for (int i = 0; i < m->n; i++)
        for (int r = 0; r < m->rows; r += band) {
            int end = min(r + band, m->rows), pixels = (end - r) * m->columns;
            float *p = own_patches(m, patches), *to = f + wide_at(m, i, r);
            read_patches(m, p, image + (size_t)i * image_size(m), r, end);
            dnnl_sgemm('N', 'N', pixels, m->wide, m->patch, 1, p, m->patch, matrix, m->wide, add ? 1 : 0, to,
                       m->wide);
            if (bias || act != RG_ACT_NONE) bias_and_act(to, bias, act, (size_t)pixels, m->wide);
        }
}

// I (+)= P'(F W'), then bias and activation
static void to_thin(rg__thin_t *self, const map_t *m, float *image, int add, const float *f,
                    const float *matrix, const float *bias, enum rg_act act)
{
    int band = band_of(m);
    float *patches = patches_of(self, m);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < m->n; i++) {
        float *p = own_patches(m, patches), *to = image + (size_t)i * image_size(m);
        if (!add) memset(to, 0, image_size(m) * sizeof *to);
        for (int r = 0; r < m->rows; r += band) {
            int end = min(r + band, m->rows), pixels = (end - r) * m->columns;
            dnnl_sgemm('N', 'T', pixels, m->patch, m->wide, 1, f + wide_at(m, i, r), m->wide, matrix, m->wide,
                       0, p, m->patch);
            add_patches(m, to, p, r, end);
        }
        if (bias || act != RG_ACT_NONE) bias_and_act(to, bias, act, (size_t)m->h * (size_t)m->w, m->thin);
    }
}

// dW += P(I)' F: each thread sums its bands, the threads are summed in order.
static void to_weights(rg__thin_t *self, const map_t *m, float *dw, const float *image, const float *f)
{
    int band = band_of(m), threads = omp_get_max_threads();
    size_t count = (size_t)m->patch * (size_t)m->wide;
    float *patches = patches_of(self, m),
          *sums = rg__scratch(&self->dw, (size_t)threads * count * sizeof *sums);
    memset(sums, 0, (size_t)threads * count * sizeof *sums);
#pragma omp parallel for schedule(static) collapse(2)
    for (int i = 0; i < m->n; i++)
        for (int r = 0; r < m->rows; r += band) {
            int end = min(r + band, m->rows), pixels = (end - r) * m->columns;
            float *p = own_patches(m, patches);
            read_patches(m, p, image + (size_t)i * image_size(m), r, end);
            dnnl_sgemm('T', 'N', m->patch, m->wide, pixels, 1, p, m->patch, f + wide_at(m, i, r), m->wide, 1,
                       sums + (size_t)omp_get_thread_num() * count, m->wide);
        }
    for (int tap = 0; tap < m->patch; tap++)
        for (int c = 0; c < m->wide; c++)
            for (int t = 0; t < threads; t++)
                dw[weight_at(m, tap, c)] +=
                    sums[(size_t)t * count + (size_t)tap * (size_t)m->wide + (size_t)c];
}

// ---- the convolution

void rg__thin_forward(rg__thin_t *self, float *y, const float *x, rg_weights_t w, const float *bias,
                      const rg_conv_shape_t *s)
{
    map_t m = map_of(s);
    const float *matrix = pack(self, &m, w);
    if (m.output)
        to_thin(self, &m, y, 0, x, matrix, bias, s->act);
    else
        to_wide(self, &m, y, 0, x, matrix, bias, s->act);
}

void rg__thin_backward(rg__thin_t *self, float *dx, int add, float *dw, const float *x, const float *dy,
                       rg_weights_t w, const rg_conv_shape_t *s)
{
    map_t m = map_of(s);
    if (dw) to_weights(self, &m, dw, m.output ? dy : x, m.output ? x : dy);
    if (!dx) return;
    const float *matrix = pack(self, &m, w);
    if (m.output)
        to_wide(self, &m, dx, add, dy, matrix, NULL, RG_ACT_NONE);
    else
        to_thin(self, &m, dx, add, dy, matrix, NULL, RG_ACT_NONE);
}
