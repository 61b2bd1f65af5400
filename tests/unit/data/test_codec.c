#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/data/image.h"
#include "tests/support/test.h"

#define FIXTURES "tests/unit/data/fixtures/"
enum { WIDTH = 48, HEIGHT = 56 }; // of the fixtures

static const rg_jpeg_limits_t limits = {1 << 20, 4096};

static uint8_t *read_fixture(const char *name, const char *extension, size_t *size)
{
    char *path = rg_format(FIXTURES "%s.%s", name, extension);
    uint8_t *bytes;
    assert_int_equal(rg_file_read(path, 1 << 20, &bytes, size), 0);
    free(path);
    return bytes;
}

static void assert_decodes_as_pillow(const char *name, int tolerance)
{
    size_t size, pixels;
    uint8_t *jpeg = read_fixture(name, "jpg", &size), *want = read_fixture(name, "rgb", &pixels);
    rg_image_t image;
    int denom = 0;
    assert_int_equal(rg_jpeg_decode(jpeg, size, &limits, 0, 0, name, &image, &denom), 0);
    assert_int_equal(denom, 1);
    assert_int_equal(image.width, WIDTH);
    assert_int_equal(image.height, HEIGHT);
    assert_int_equal(pixels, WIDTH * HEIGHT * 3);
    for (size_t i = 0; i < pixels; i++)
        assert_in_range(image.rgb[i] + 8, want[i] + 8 - tolerance, want[i] + 8 + tolerance);
    rg_image_fini(&image);
    free(jpeg);
    free(want);
}

static void test_baseline(void **state)
{
    (void)state;
    assert_decodes_as_pillow("baseline", 0);
}

static void test_progressive(void **state)
{
    (void)state;
    assert_decodes_as_pillow("progressive", 0);
}

static void test_grey(void **state)
{
    (void)state;
    assert_decodes_as_pillow("grey", 0);
}

static void test_cmyk(void **state)
{
    (void)state;
    assert_decodes_as_pillow("cmyk", 1); // Pillow rounds the product twice
}

static void assert_refused(const uint8_t *jpeg, size_t size, const rg_jpeg_limits_t *most, int code,
                           const char *says)
{
    rg_image_t image;
    int err = rg_jpeg_decode(jpeg, size, most, 0, 0, "here.jpg", &image, NULL);
    assert_string_equal(rg_errname(err), rg_errname(code));
    assert_non_null(strstr(rg_error(), "here.jpg: "));
    if (!strstr(rg_error(), says)) fail_msg("\"%s\" does not say \"%s\"", rg_error(), says);
}

static void test_empty(void **state)
{
    (void)state;
    assert_refused((const uint8_t *)"", 0, &limits, RG_EFORMAT, "Empty");
}

static void test_not_a_jpeg(void **state)
{
    (void)state;
    assert_refused((const uint8_t *)"\x89PNG\r\n\x1a\n", 8, &limits, RG_EFORMAT, "Not a JPEG");
}

static void test_truncated_anywhere(void **state)
{
    (void)state;
    const char *names[] = {"baseline", "progressive", "cmyk"};
    for (int n = 0; n < 3; n++) {
        size_t size;
        uint8_t *jpeg = read_fixture(names[n], "jpg", &size);
        for (size_t cut = 0; cut < size - 2; cut += 7) { // from a block of its own: reading on would be seen
            uint8_t *part = malloc(cut + 1);
            memcpy(part, jpeg, cut);
            assert_refused(part, cut, &limits, RG_EFORMAT, "");
            free(part);
        }
        free(jpeg);
    }
}

static void test_corrupt(void **state)
{
    (void)state;
    size_t size;
    uint8_t *jpeg = read_fixture("baseline", "jpg", &size);
    memset(jpeg + size - 200, 0xff, 100);
    assert_refused(jpeg, size, &limits, RG_EFORMAT, "");
    free(jpeg);
}

// The header gives a size of 65000x65000, which is refused before that much is allocated.
static void test_huge(void **state)
{
    (void)state;
    size_t size, frame = 0;
    uint8_t *jpeg = read_fixture("baseline", "jpg", &size);
    while (jpeg[frame] != 0xff || jpeg[frame + 1] != 0xc0) frame++;
    const uint8_t sides[4] = {0xfd, 0xe8, 0xfd, 0xe8};
    memcpy(jpeg + frame + 5, sides, 4);
    assert_refused(jpeg, size, &limits, RG_ELIMIT, "65000x65000 exceeds the limit of 4096");
    free(jpeg);
}

static void test_limits(void **state)
{
    (void)state;
    size_t size;
    uint8_t *jpeg = read_fixture("baseline", "jpg", &size);
    assert_refused(jpeg, size, &(rg_jpeg_limits_t){100, 4096}, RG_ELIMIT, "bytes exceed the limit of 100");
    assert_refused(jpeg, size, &(rg_jpeg_limits_t){1 << 20, 55}, RG_ELIMIT, "48x56 exceeds the limit of 55");
    int width, height;
    assert_int_equal(rg_jpeg_size(jpeg, size, &(rg_jpeg_limits_t){size, 56}, "x", &width, &height), 0);
    assert_int_equal(width, WIDTH);
    assert_int_equal(height, HEIGHT);
    free(jpeg);
}

// The format allows any number of scans, each over the whole image.
static void test_many_scans(void **state)
{
    (void)state;
    size_t size;
    uint8_t *jpeg = read_fixture("scans", "jpg", &size);
    assert_refused(jpeg, size, &limits, RG_EFORMAT, "more than 100 progressive scans");
    free(jpeg);
}

static void test_denominator(void **state)
{
    (void)state;
    static const struct {
        int crop, min_side, denom;
    } cases[] = {{48, 0, 1},  {48, 48, 1}, {48, 25, 1}, {48, 24, 2},
                 {48, 13, 2}, {48, 12, 4}, {48, 6, 8},  {48, 1, 8}};
    size_t size;
    uint8_t *jpeg = read_fixture("baseline", "jpg", &size);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rg_image_t image;
        int denom;
        assert_int_equal(
            rg_jpeg_decode(jpeg, size, &limits, cases[i].crop, cases[i].min_side, "x", &image, &denom), 0);
        assert_int_equal(denom, cases[i].denom);
        assert_int_equal(image.width, WIDTH / denom);
        assert_int_equal(image.height, HEIGHT / denom);
        rg_image_fini(&image);
    }
    free(jpeg);
}

static void test_encode_comes_back(void **state)
{
    (void)state;
    rg_image_t image, back;
    rg_image_init(&image, 31, 17);
    for (int i = 0; i < 31 * 17; i++) memset(image.rgb + 3 * i, i / 31 * 10, 3);
    uint8_t *jpeg;
    size_t size;
    assert_int_equal(rg_jpeg_encode(&image, 95, &jpeg, &size), 0);
    assert_int_equal(rg_jpeg_decode(jpeg, size, &limits, 0, 0, "x", &back, NULL), 0);
    assert_int_equal(back.width, 31);
    assert_int_equal(back.height, 17);
    for (int i = 0; i < 31 * 17 * 3; i++) assert_in_range(back.rgb[i] + 4, image.rgb[i], image.rgb[i] + 8);
    free(jpeg);
    rg_image_fini(&image);
    rg_image_fini(&back);
}

static void test_encode_refuses_no_size(void **state)
{
    (void)state;
    uint8_t *jpeg;
    size_t size;
    assert_int_equal(rg_jpeg_encode(&(rg_image_t){0}, 90, &jpeg, &size), RG_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_baseline),
        cmocka_unit_test(test_progressive),
        cmocka_unit_test(test_grey),
        cmocka_unit_test(test_cmyk),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_not_a_jpeg),
        cmocka_unit_test(test_truncated_anywhere),
        cmocka_unit_test(test_corrupt),
        cmocka_unit_test(test_huge),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_many_scans),
        cmocka_unit_test(test_denominator),
        cmocka_unit_test(test_encode_comes_back),
        cmocka_unit_test(test_encode_refuses_no_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
