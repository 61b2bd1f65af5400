// Speed of every convolution of a training step:  conv --config FILE [--set KEY=VALUE ...]
// Runs one iteration of stage 1 with a backend that notes each geometry, then times each alone: forward,
// data gradient, weight gradient. GFLOP/s count the multiplications of the plain definition, so a method that
// needs fewer of them can pass the machine's peak, which is measured beside it in the same rounds.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/nn/cpu/cpu.h"
#include "common/nn/cpu/products.h"
#include "services/trainer/translation.h"
#include "services/trainer/measure.h"
#include "tests/bench/timing.h"

enum { ROUNDS = 9, GEOMETRIES_MAX = 256, FORWARD = 0, DATA = 1, WEIGHTS = 2, WAYS = 3 };

typedef struct {
    rg_conv_shape_t shape;
    int uses[WAYS];
    double ms[WAYS];
} geometry_t;

static struct {
    rg_backend_t real; // the table before it was replaced
    geometry_t list[GEOMETRIES_MAX];
    int n;
} noted;

// ---- noting

static geometry_t *note(const rg_conv_shape_t *s)
{
    for (int i = 0; i < noted.n; i++)
        if (memcmp(&noted.list[i].shape, s, sizeof *s) == 0) return &noted.list[i];
    if (noted.n == GEOMETRIES_MAX) abort();
    noted.list[noted.n].shape = *s;
    return &noted.list[noted.n++];
}

static int noting_forward(rg_backend_t *self, void *y, const float *x, rg_weights_t w, const float *bias,
                          const rg_conv_shape_t *s)
{
    note(s)->uses[FORWARD]++;
    return noted.real.conv_forward(self, y, x, w, bias, s);
}

static int noting_backward(rg_backend_t *self, float *dx, int add, float *dw, float *db, const float *x,
                           const float *dy, rg_weights_t w, const rg_conv_shape_t *s)
{
    if (dx) note(s)->uses[DATA]++;
    if (dw) note(s)->uses[WEIGHTS]++;
    return noted.real.conv_backward(self, dx, add, dw, db, x, dy, w, s);
}

static int note_step(const rg_config_t *config, rg_backend_t *backend)
{
    rg_model_t *model;
    rg_translation_t translation;
    rg_batch_t batch;
    rg_draws_t draws;
    rg_losses_t losses;
    rg_rng_t rng;
    noted.real = *backend;
    backend->conv_forward = noting_forward;
    backend->conv_backward = noting_backward;
    rg_model_new(&model, config, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    int err = rg_translation_init(&translation, model, backend, &config->stage1, &config->stage1_loss, NULL);
    if (err) return err;
    rg_measure_batch(&batch, config);
    rg_rng_init(&rng, config->seed, RG_RNG_STEP, 0);
    rg_translation_draw(&translation, &batch, &rng, &draws);
    err = rg_translation_step(&translation, &batch, &draws, 0, &losses);
    rg_translation_fini(&translation);
    rg_model_destroy(&model);
    *backend = noted.real;
    return err;
}

// ---- timing

typedef struct {
    float *x, *y, *w, *bias, *dw;
} buffers_t;

static size_t largest(size_t (*size)(const rg_conv_shape_t *))
{
    size_t most = 0;
    for (int i = 0; i < noted.n; i++)
        if (size(&noted.list[i].shape) > most) most = size(&noted.list[i].shape);
    return most;
}

static size_t input_size(const rg_conv_shape_t *s)
{
    return (size_t)s->n * (size_t)s->h * (size_t)s->w * (size_t)s->c;
}

static size_t output_size(const rg_conv_shape_t *s)
{
    return (size_t)s->n * (size_t)s->oh * (size_t)s->ow * (size_t)s->o;
}

static size_t weight_size(const rg_conv_shape_t *s)
{
    return (size_t)s->o * (size_t)s->c * (size_t)s->k * (size_t)s->k;
}

static float *filled(size_t n)
{
    float *x = rg_alloc(n * sizeof *x);
    rg_rng_t rng;
    rg_rng_init(&rng, 1, RG_RNG_STEP, n);
    for (size_t i = 0; i < n; i++) x[i] = rg_rng_uniform(&rng) - 0.5f;
    return x;
}

static double time_once(rg_backend_t *backend, const rg_conv_shape_t *s, int way, const buffers_t *b)
{
    rg_weights_t w = {b->w, (uintptr_t)s / sizeof *s % 1000003 + 1};
    double start = rg_clock_ms();
    if (way == FORWARD)
        backend->conv_forward(backend, b->y, b->x, w, b->bias, s);
    else
        backend->conv_backward(backend, way == DATA ? b->x : NULL, 0, way == WEIGHTS ? b->dw : NULL,
                               way == WEIGHTS ? b->bias : NULL, b->x, b->y, w, s);
    return rg_clock_ms() - start;
}

static void time_all(rg_backend_t *backend, int rounds, const buffers_t *b)
{
    double *ms = rg_alloc((size_t)rounds * sizeof *ms);
    for (int i = 0; i < noted.n; i++)
        for (int way = 0; way < WAYS; way++) {
            geometry_t *g = &noted.list[i];
            if (g->uses[way] == 0) continue;
            for (int r = -2; r < rounds; r++) {
                double t = time_once(backend, &g->shape, way, b);
                if (r >= 0) ms[r] = t;
            }
            g->ms[way] = rg_timing_median(ms, rounds);
        }
    free(ms);
}

// ---- the machine

enum { CHAINS = 12, LANES = 16 };

// Independent chains of multiply-adds in registers.
RG_HOT static float chains(long n)
{
    typedef float lanes_t __attribute__((vector_size(4 * LANES)));
    lanes_t x0 = {0}, x1 = x0 + 1, x2 = x0 + 2, x3 = x0 + 3, x4 = x0 + 4, x5 = x0 + 5, x6 = x0 + 6,
            x7 = x0 + 7, x8 = x0 + 8, x9 = x0 + 9, x10 = x0 + 10, x11 = x0 + 11;
    for (long k = 0; k < n; k++) {
        x0 = x0 * 0.999f + 0.5f, x1 = x1 * 0.999f + 0.5f, x2 = x2 * 0.999f + 0.5f, x3 = x3 * 0.999f + 0.5f;
        x4 = x4 * 0.999f + 0.5f, x5 = x5 * 0.999f + 0.5f, x6 = x6 * 0.999f + 0.5f, x7 = x7 * 0.999f + 0.5f;
        x8 = x8 * 0.999f + 0.5f, x9 = x9 * 0.999f + 0.5f, x10 = x10 * 0.999f + 0.5f,
        x11 = x11 * 0.999f + 0.5f;
    }
    lanes_t sum = x0 + x1 + x2 + x3 + x4 + x5 + x6 + x7 + x8 + x9 + x10 + x11;
    return sum[0] + sum[LANES - 1];
}

static double peak_f32(int rounds)
{
    const long n = 10000000;
    double best = 0;
    volatile float sink = 0;
    for (int r = 0; r < rounds; r++) {
        double start = rg_clock_ms();
#pragma omp parallel
        {
            float sum = chains(n);
#pragma omp critical
            sink += sum;
        }
        double gflops =
            2.0 * CHAINS * LANES * (double)n * omp_get_max_threads() / (rg_clock_ms() - start) / 1e6;
        if (gflops > best) best = gflops;
    }
    return best;
}

// A product of matrices that are large, but not too large for the caches.
static double peak_bf16(int rounds)
{
    enum { SIDE = 1024, TIMES = 8 };
    const rg__product_t shape = {.batch = TIMES,
                                 .m = SIDE,
                                 .n = SIDE,
                                 .k = SIDE,
                                 .plane_a = SIDE * SIDE,
                                 .plane_b = SIDE * SIDE,
                                 .plane_c = SIDE * SIDE};
    rg__products_t *products;
    double best = 0;
    if (rg__products_new(&products, 1) != 0) return 0;
    uint16_t *operands = rg_alloc_lines((size_t)TIMES * SIDE * SIDE * sizeof *operands);
    float *result = rg_alloc_lines((size_t)TIMES * SIDE * SIDE * sizeof *result);
    for (int r = 0; r < rounds; r++) {
        double start = rg_clock_ms();
        if (rg__products_run(products, &shape, operands, operands, result) != 0) break;
        double gflops = 2.0 * TIMES * SIDE * SIDE * SIDE / (rg_clock_ms() - start) / 1e6;
        if (gflops > best) best = gflops;
    }
    free(operands);
    free(result);
    rg__products_destroy(&products);
    return best;
}

// ---- the table

static double gflop(const rg_conv_shape_t *s)
{
    return 2e-9 * (double)output_size(s) * s->c * s->k * s->k;
}

static void print(double peak)
{
    double total = 0, work = 0;
    printf("%-42s %5s %22s %22s %22s\n", "convolution (NHWC)", "GFLOP", "forward", "data gradient",
           "weight gradient");
    for (int i = 0; i < noted.n; i++) {
        const geometry_t *g = &noted.list[i];
        const rg_conv_shape_t *s = &g->shape;
        char name[64];
        snprintf(name, sizeof name, "%d x %dx%dx%d -> %d, %dx%d/%d%s%s", s->n, s->h, s->w, s->c, s->o, s->k,
                 s->k, s->stride, s->up ? " up" : "", s->reflect ? " mirrored" : "");
        printf("%-42s %5.2f", name, gflop(s));
        for (int way = 0; way < WAYS; way++) {
            if (g->uses[way] == 0) {
                printf(" %22s", "");
                continue;
            }
            double rate = gflop(s) / g->ms[way] * 1e3;
            printf("  %d x %6.2f ms %4.0f%%", g->uses[way], g->ms[way], 100 * rate / peak);
            total += g->uses[way] * g->ms[way];
            work += g->uses[way] * gflop(s);
        }
        printf("\n");
    }
    printf("all convolutions of an iteration: %.1f GFLOP in %.1f ms = %.0f GFLOP/s, %.2f of the peak of %.0f "
           "GFLOP/s "
           "(%d threads)\n",
           work, total, work / total * 1e3, work / total * 1e3 / peak, peak, omp_get_max_threads());
}

int main(int argc, char **argv)
{
    rg_config_t config;
    rg_backend_t *backend;
    rg_timing_config(argc, argv,
                     "Times every convolution of an iteration of stage 1.\v"
                     "Example: conv --config configs/celeba128.yaml --set stage1.batch=2",
                     &config);
    int err = rg_cpu_backend_new(&backend, config.precision == RG_PRECISION_BF16);
    if (!err) err = note_step(&config, backend);
    if (err) return fprintf(stderr, "conv: %s\n", rg_error()), 1;
    buffers_t b = {filled(largest(input_size)), filled(largest(output_size)), filled(largest(weight_size)),
                   filled(4096), filled(largest(weight_size))};
    double peak = config.precision == RG_PRECISION_BF16 ? peak_bf16(ROUNDS) : peak_f32(ROUNDS);
    time_all(backend, ROUNDS, &b);
    print(peak);
    return 0;
}
