// Every copy of the loops that this processor can run computes what the copy for vectors of 16 bytes computes.
#include "common/core/alloc.h"
#include "common/core/rng.h"
#include "common/nn/cpu/lanes/loops.h"
#include "tests/support/test.h"

enum { NUMBERS = 1 << 16, FIRST = 16, LAST = 64 };

typedef struct {
    float *x, *y, *want;
} arrays_t;

static void fill(float *to, uint64_t seed)
{
    rg_rng_t rng;
    rg_rng_init(&rng, seed, RG_RNG_STEP, 0);
    for (int i = 0; i < NUMBERS; i++) to[i] = rg_rng_normal(&rng);
}

static int arrays_new(void **state)
{
    arrays_t *a = rg_alloc(sizeof *a);
    a->x = rg_alloc(NUMBERS * sizeof(float));
    a->y = rg_alloc(NUMBERS * sizeof(float));
    a->want = rg_alloc(NUMBERS * sizeof(float));
    fill(a->x, 1);
    *state = a;
    return 0;
}

static int arrays_destroy(void **state)
{
    arrays_t *a = *state;
    free(a->x);
    free(a->y);
    free(a->want);
    free(a);
    return 0;
}

// Runs one of the loops on y, which it reads, adds to or overwrites.
typedef void loop_fn(const rg__loops_t *loops, const void *shape, float *y, const float *x);

static void compare(arrays_t *a, const char *what, loop_fn *run, const void *shape)
{
    fill(a->want, 2);
    run(rg__loops_of(FIRST), shape, a->want, a->x);
    for (int bytes = 2 * FIRST; bytes <= LAST; bytes *= 2) {
        if (!rg__loops_of(bytes)) continue;
        fill(a->y, 2);
        run(rg__loops_of(bytes), shape, a->y, a->x);
        for (int i = 0; i < NUMBERS; i++)
            if (!(fabsf(a->y[i] - a->want[i]) <= 1e-4f * (1 + fabsf(a->want[i]))))
                fail_msg("%s, vectors of %d bytes: number %d is %g, not %g", what, bytes, i, (double)a->y[i],
                         (double)a->want[i]);
    }
}

// ---- Winograd's transforms

static size_t plane_of(const rg__tiling_t *t, int channels)
{
    return (size_t)t->tiles * (size_t)channels;
}

static void read_input(const rg__loops_t *loops, const void *shape, float *y, const float *x)
{
    const rg__tiling_t *t = shape;
    loops->tiles->read_input(t, y, plane_of(t, t->depth), x, 0, 0, t->tiles);
}

static void add_input(const rg__loops_t *loops, const void *shape, float *y, const float *x)
{
    const rg__tiling_t *t = shape;
    loops->tiles->add_input(t, y, x, plane_of(t, t->depth), 0, 0, t->tiles, 0, t->shape.c);
}

static void write_output(const rg__loops_t *loops, const void *shape, float *y, const float *x)
{
    const rg__tiling_t *t = shape;
    loops->tiles->write_output(t, y, x, plane_of(t, t->width), x, 0, 0, t->tiles);
}

static void read_output(const rg__loops_t *loops, const void *shape, float *y, const float *x)
{
    const rg__tiling_t *t = shape;
    loops->tiles->read_output(t, y, plane_of(t, t->width), x, 0, 0, t->tiles);
}

static void pack_kernel(const rg__loops_t *loops, const void *shape, float *y, const float *x)
{
    const rg__tiling_t *t = shape;
    for (int c = 0; c < t->shape.c; c += RG_TILE_GROUP)
        loops->tiles->pack_kernel(t, y, (size_t)t->depth * (size_t)t->width, x, c);
}

static void add_kernel(const rg__loops_t *loops, const void *shape, float *y, const float *x)
{
    const rg__tiling_t *t = shape;
    for (int c = 0; c < t->shape.c; c += RG_TILE_GROUP)
        loops->tiles->add_kernel(t, y, x, (size_t)t->depth * (size_t)t->width, c);
}

static void compare_transforms(arrays_t *a, const rg_conv_shape_t *s)
{
    rg__tiling_t t;
    assert_true(rg__tiling_of(&t, s, 0));
    compare(a, "read_input", read_input, &t);
    compare(a, "add_input", add_input, &t);
    compare(a, "write_output", write_output, &t);
    compare(a, "read_output", read_output, &t);
    compare(a, "pack_kernel", pack_kernel, &t);
    compare(a, "add_kernel", add_kernel, &t);
}

static void transforms_a_plain_convolution(void **state)
{
    compare_transforms(*state, &(rg_conv_shape_t){.n = 1,
                                                  .h = 9,
                                                  .w = 10,
                                                  .c = 16,
                                                  .o = 48,
                                                  .k = 3,
                                                  .stride = 1,
                                                  .pad = 1,
                                                  .oh = 9,
                                                  .ow = 10,
                                                  .act = RG_ACT_LEAKY});
}

static void transforms_a_halving_convolution(void **state)
{
    compare_transforms(*state, &(rg_conv_shape_t){.n = 1,
                                                  .h = 18,
                                                  .w = 10,
                                                  .c = 16,
                                                  .o = 32,
                                                  .k = 4,
                                                  .stride = 2,
                                                  .pad = 1,
                                                  .reflect = 1,
                                                  .oh = 9,
                                                  .ow = 5,
                                                  .act = RG_ACT_RELU});
}

static void transforms_a_doubling_convolution(void **state)
{
    compare_transforms(*state, &(rg_conv_shape_t){.n = 1,
                                                  .h = 5,
                                                  .w = 6,
                                                  .c = 16,
                                                  .o = 16,
                                                  .k = 5,
                                                  .stride = 1,
                                                  .pad = 2,
                                                  .up = 1,
                                                  .oh = 10,
                                                  .ow = 12});
}

// ---- images

static void wide_row(const rg__loops_t *loops, const void *shape, float *y, const float *x)
{
    loops->thin->wide_row(shape, y, 0, 1, x, x + 2048, x + 1024, 0.5f);
}

static void weight_row(const rg__loops_t *loops, const void *shape, float *y, const float *x)
{
    loops->thin->weight_row(shape, y, x, x + 4096);
}

static void connects_images_with_wide_maps(void **state)
{
    for (int k = 1; k <= 7; k++)
        for (int stride = 1; stride <= 2; stride++) {
            const rg__thin_map_t map = {
                .n = 1, .rows = 1, .columns = 39, .wide = 48, .h = 7, .w = 84, .k = k, .stride = stride};
            compare(*state, "wide_row", wide_row, &map);
            compare(*state, "weight_row", weight_row, &map);
        }
}

// ---- dots

static void dot_outputs(const rg__loops_t *loops, const void *shape, float *y, const float *x)
{
    loops->dots->outputs(shape, y, x, x + 8192, 1, 22);
}

static void multiplies_rows_with_rows(void **state)
{
    const rg__dots_t shape = {.pixels = 11, .outputs = 24, .width = 531, .stretch = 256};
    compare(*state, "dots", dot_outputs, &shape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(transforms_a_plain_convolution, arrays_new, arrays_destroy),
        cmocka_unit_test_setup_teardown(transforms_a_halving_convolution, arrays_new, arrays_destroy),
        cmocka_unit_test_setup_teardown(transforms_a_doubling_convolution, arrays_new, arrays_destroy),
        cmocka_unit_test_setup_teardown(connects_images_with_wide_maps, arrays_new, arrays_destroy),
        cmocka_unit_test_setup_teardown(multiplies_rows_with_rows, arrays_new, arrays_destroy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
