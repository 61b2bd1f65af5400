#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/data/image.h"
#include "tests/support/test.h"

static const rg_image_limits_t limits = {1 << 22, 4096};

// As pattern() in make_reference.py.
static void pattern(rg_image_t *image, int width, int height)
{
    rg_image_init(image, width, height);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++)
                image->rgb[3 * (y * width + x) + c] = (uint8_t)(x * x * 3 + y * 7 * (c + 1) + x * y);
}

static int largest_difference(const uint8_t *a, const uint8_t *b, size_t n)
{
    int largest = 0;
    for (size_t i = 0; i < n; i++)
        if (abs(a[i] - b[i]) > largest) largest = abs(a[i] - b[i]);
    return largest;
}

static double mean_difference(const uint8_t *a, const uint8_t *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += abs(a[i] - b[i]);
    return sum / (double)n;
}

static void test_resize_as_pillow(void **state)
{
    (void)state;
    static const struct {
        int width, height;
        double x, y, w, h;
        int size;
    } cases[] = {
        // as in make_reference.py
        {89, 109, 0, 10, 89, 89, 32},        {178, 218, 0, 20, 178, 178, 64}, {40, 50, 0, 5, 40, 40, 56},
        {50, 40, 3.25, 2.5, 30.5, 30.5, 24}, {17, 17, 0, 0, 17, 17, 17},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = rg_format("tests/unit/data/fixtures/resize%zu.rgb", i);
        uint8_t *want;
        size_t n;
        assert_int_equal(rg_file_read(path, 1 << 20, &want, &n), 0);
        assert_int_equal(n, 3 * cases[i].size * cases[i].size);
        rg_image_t image;
        pattern(&image, cases[i].width, cases[i].height);
        uint8_t *out = malloc(n);
        rg_image_resize(&image, cases[i].x, cases[i].y, cases[i].w, cases[i].h, cases[i].size, out);
        assert_in_range(largest_difference(out, want, n), 0, 1);
        rg_image_fini(&image);
        free(out);
        free(want);
        free(path);
    }
}

static void test_resize_to_its_own_size_changes_nothing(void **state)
{
    (void)state;
    for (int side = 1; side < 70; side++) {
        rg_image_t image;
        pattern(&image, side, side);
        uint8_t *out = rg_alloc((size_t)(side * side) * 3);
        rg_image_resize(&image, 0, 0, side, side, side, out);
        assert_memory_equal(out, image.rgb, (size_t)(side * side) * 3);
        free(out);
        rg_image_fini(&image);
    }
}

static void test_resize_keeps_one_colour(void **state)
{
    (void)state;
    static const int sizes[] = {1, 2, 3, 5, 8, 37, 128, 301};
    rg_image_t image;
    rg_image_init(&image, 300, 200);
    for (int grey = 0; grey < 256; grey += 51) {
        memset(image.rgb, grey, 300 * 200 * 3);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            size_t n = (size_t)(sizes[i] * sizes[i]) * 3;
            uint8_t *out = rg_alloc(n);
            rg_image_resize(&image, 50, 0, 200, 200, sizes[i], out);
            for (size_t j = 0; j < n; j++) assert_int_equal(out[j], grey);
            free(out);
        }
    }
    rg_image_fini(&image);
}

static void make_jpeg(int width, int height, uint8_t **jpeg, size_t *size)
{
    rg_image_t image;
    rg_image_init(&image, width, height);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            uint8_t *pixel = image.rgb + 3 * (y * width + x);
            pixel[0] = (uint8_t)(128 + 100 * sin(x * 0.07));
            pixel[1] = (uint8_t)(128 + 100 * cos(y * 0.05));
            pixel[2] = (uint8_t)(128 + 60 * sin((x + y) * 0.03));
        }
    assert_int_equal(rg_jpeg_encode(&image, 95, jpeg, size), 0);
    rg_image_fini(&image);
}

// Decoding at a smaller scale and decoding in full may give slightly different images after the resize, but
// must not shift them.
static void test_load_scaled_is_like_full(void **state)
{
    (void)state;
    enum { SIZE = 32 };
    uint8_t *jpeg, scaled[SIZE * SIZE * 3], full[SIZE * SIZE * 3];
    size_t size;
    rg_image_t image;
    rg_image_facts_t facts;
    make_jpeg(339, 277, &jpeg, &size);
    assert_int_equal(rg_image_load(&(rg_image_file_t){jpeg, size, "x", &limits}, 0, SIZE, scaled, &facts), 0);
    assert_int_equal(
        rg_image_decode_scaled(&(rg_image_file_t){jpeg, size, "x", &limits}, 0, 0, &image, &facts), 0);
    rg_image_resize(&image, 31, 0, 277, 277, SIZE, full);
    assert_true(mean_difference(scaled, full, sizeof full) < 1.0);
    assert_in_range(largest_difference(scaled, full, sizeof full), 0, 8);
    rg_image_fini(&image);
    free(jpeg);
}

static void test_load_crops_celeba(void **state)
{
    (void)state;
    enum { SIZE = 178 };
    uint8_t *jpeg, *out = malloc(SIZE * SIZE * 3);
    size_t size;
    rg_image_t image;
    rg_image_facts_t facts;
    make_jpeg(178, 218, &jpeg, &size);
    assert_int_equal(rg_image_load(&(rg_image_file_t){jpeg, size, "x", &limits}, 0, SIZE, out, &facts), 0);
    assert_int_equal(
        rg_image_decode_scaled(&(rg_image_file_t){jpeg, size, "x", &limits}, 0, 0, &image, &facts), 0);
    assert_memory_equal(out, image.rgb + 20 * 178 * 3, SIZE * SIZE * 3); // rows 20..197, untouched
    rg_image_fini(&image);
    free(out);
    free(jpeg);
}

// The decoder skips rows that the crop does not need: the pixels do not change, and damage in these rows is
// still found.
static void test_load_skips_rows_beyond_the_crop(void **state)
{
    (void)state;
    enum { SIZE = 128 };
    uint8_t *jpeg, *out = malloc(SIZE * SIZE * 3), *whole = malloc(SIZE * SIZE * 3);
    size_t size;
    rg_image_t image;
    rg_image_facts_t facts;
    make_jpeg(178, 518, &jpeg, &size);
    assert_int_equal(rg_image_load(&(rg_image_file_t){jpeg, size, "x", &limits}, 0, SIZE, out, &facts), 0);
    assert_int_equal(
        rg_image_decode_scaled(&(rg_image_file_t){jpeg, size, "x", &limits}, 0, 0, &image, &facts), 0);
    rg_image_resize(&image, 0, 170, 178, 178, SIZE, whole);
    assert_memory_equal(out, whole, SIZE * SIZE * 3);
    assert_int_equal(rg_image_load(&(rg_image_file_t){jpeg, size - 100, "x", &limits}, 0, SIZE, out, &facts),
                     RG_EFORMAT);
    rg_image_fini(&image);
    free(whole);
    free(out);
    free(jpeg);
}

static void test_load_errors(void **state)
{
    (void)state;
    uint8_t *jpeg, out[8 * 8 * 3];
    size_t size;
    rg_image_facts_t facts;
    make_jpeg(40, 30, &jpeg, &size);
    assert_int_equal(rg_image_load(&(rg_image_file_t){jpeg, size, "a.jpg", &limits}, 31, 8, out, &facts),
                     RG_ELIMIT);
    assert_string_equal(rg_error(), "a.jpg: a crop of 31 pixels does not fit into 40x30");
    assert_int_equal(rg_image_load(&(rg_image_file_t){jpeg, size / 2, "a.jpg", &limits}, 0, 8, out, &facts),
                     RG_EFORMAT);
    assert_int_equal(rg_image_load(&(rg_image_file_t){jpeg, size, "a.jpg", &limits}, 30, 8, out, &facts), 0);
    free(jpeg);
}

static void test_real_images(void **state)
{
    (void)state;
    const char *folder = "../shared/celeba/img_align_celeba";
    if (!rg_exists(folder)) {
        printf("no %s: skipped\n", folder);
        skip();
    }
    uint8_t *jpeg, out[32 * 32 * 3];
    size_t size;
    rg_image_facts_t facts;
    for (int i = 1; i <= 20; i++) {
        char *path = rg_format("%s/%06d.jpg", folder, i);
        assert_int_equal(rg_file_read(path, 1 << 20, &jpeg, &size), 0);
        assert_int_equal(rg_image_load(&(rg_image_file_t){jpeg, size, path, &limits}, 0, 32, out, &facts), 0);
        free(jpeg);
        free(path);
    }
}

static void test_pixels_round_trip(void **state)
{
    (void)state;
    uint8_t bytes[256], back[256];
    float values[256];
    for (int i = 0; i < 256; i++) bytes[i] = (uint8_t)i;
    rg_pixels_to_float(bytes, 256, values);
    assert_true(values[0] == -1.0f && values[255] == 1.0f);
    rg_pixels_to_u8(values, 256, back);
    assert_memory_equal(bytes, back, 256);
    const float odd[5] = {-7, 7, NAN, INFINITY, -INFINITY};
    const uint8_t want[5] = {0, 255, 0, 255, 0};
    rg_pixels_to_u8(odd, 5, back);
    assert_memory_equal(back, want, 5);
}

enum { SIDE = 6, VALUES = SIDE * SIDE * 3 };

static int augmented_is_flipped(uint64_t index, double jitter, float *out)
{
    uint8_t pixels[VALUES];
    for (int i = 0; i < VALUES; i++) pixels[i] = (uint8_t)(40 + i / 3 % SIDE * 20); // brighter to the right
    rg_rng_t rng;
    rg_rng_init(&rng, 1, RG_RNG_AUGMENT, index);
    rg_image_augment(pixels, SIDE, jitter, &rng, out);
    rg_rng_t same;
    rg_rng_init(&same, 1, RG_RNG_AUGMENT, index);
    for (int i = 0; i < 3; i++) rg_rng_u32(&same);
    assert_int_equal(rg_rng_u32(&rng), rg_rng_u32(&same)); // three numbers were drawn
    return out[0] > out[VALUES - 1];
}

static void test_augment(void **state)
{
    (void)state;
    float out[VALUES];
    int flips = 0;
    for (uint64_t i = 0; i < 200; i++) {
        int flipped = augmented_is_flipped(i, 0, out);
        flips += flipped;
        for (int v = 0; v < VALUES; v++) {
            int column = flipped ? SIDE - 1 - v / 3 % SIDE : v / 3 % SIDE;
            assert_true(fabsf(out[v] - ((float)(40 + 20 * column) / 127.5f - 1)) < 1e-5f);
        }
    }
    assert_in_range(flips, 70, 130);
}

static void test_augment_jitter_is_bounded(void **state)
{
    (void)state;
    float out[VALUES], least = 0, most = 0;
    for (uint64_t i = 0; i < 200; i++) {
        int flipped = augmented_is_flipped(i, 0.1, out);
        float change = out[flipped ? VALUES - 1 : 0] - (40 / 127.5f - 1); // of the darkest column
        least = fminf(least, change);
        most = fmaxf(most, change);
    }
    assert_true(least < -0.02f && most > 0.02f);
    assert_true(least > -0.13f && most < 0.13f); // brightness 0.1*40, contrast 0.1*(90 - 40) of 127.5
}

static float clamp(float value)
{
    return fminf(fmaxf(value, 0), 255);
}

// Brightness, up to white, and then contrast around the mean, up to white and down to black.
static void test_augment_changes_brightness_and_contrast(void **state)
{
    (void)state;
    enum { LEVELS = 16 }; // an image of LEVELS x LEVELS grey levels
    uint8_t pixels[3 * LEVELS * LEVELS];
    float out[3 * LEVELS * LEVELS];
    for (int i = 0; i < LEVELS * LEVELS; i++) memset(pixels + 3 * i, i, 3);
    for (uint64_t index = 0; index < 50; index++) {
        rg_rng_t rng, same;
        rg_rng_init(&rng, 1, RG_RNG_AUGMENT, index);
        same = rng;
        rg_image_augment(pixels, LEVELS, 0.8, &rng, out);
        int flip = rg_rng_uniform(&same) < 0.5f;
        float brightness = 1 + 0.8f * (2 * rg_rng_uniform(&same) - 1),
              contrast = 1 + 0.8f * (2 * rg_rng_uniform(&same) - 1), mean = 127.5f * brightness;
        for (int i = 0; i < 3 * LEVELS * LEVELS; i++) {
            int grey = i / 3, from = flip ? grey / LEVELS * LEVELS + LEVELS - 1 - grey % LEVELS : grey;
            float bright = fminf((float)from * brightness, 255),
                  want = clamp(mean + contrast * (bright - mean));
            assert_float_equal(out[i], want / 127.5f - 1, 1e-5);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resize_as_pillow),
        cmocka_unit_test(test_resize_to_its_own_size_changes_nothing),
        cmocka_unit_test(test_resize_keeps_one_colour),
        cmocka_unit_test(test_load_scaled_is_like_full),
        cmocka_unit_test(test_load_crops_celeba),
        cmocka_unit_test(test_load_skips_rows_beyond_the_crop),
        cmocka_unit_test(test_load_errors),
        cmocka_unit_test(test_real_images),
        cmocka_unit_test(test_pixels_round_trip),
        cmocka_unit_test(test_augment),
        cmocka_unit_test(test_augment_jitter_is_bounded),
        cmocka_unit_test(test_augment_changes_brightness_and_contrast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
