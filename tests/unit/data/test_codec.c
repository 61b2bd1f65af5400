#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/data/image.h"
#include "tests/support/test.h"

#define FIXTURES "tests/unit/data/fixtures/"
enum { WIDTH = 48, HEIGHT = 56 }; // of the fixtures

static const rg_image_limits_t limits = {1 << 20, 4096};

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
    rg_image_facts_t facts;
    assert_int_equal(
        rg_image_decode_scaled(&(rg_image_file_t){jpeg, size, name, &limits}, 0, 0, &image, &facts), 0);
    assert_int_equal(facts.scale_denom, 1);
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

static void assert_refused(const uint8_t *jpeg, size_t size, const rg_image_limits_t *most, int code,
                           const char *says)
{
    rg_image_t image;
    rg_image_facts_t facts;
    int err = rg_image_decode_scaled(&(rg_image_file_t){jpeg, size, "here.jpg", most}, 0, 0, &image, &facts);
    assert_string_equal(rg_errname(err), rg_errname(code));
    assert_non_null(strstr(rg_error(), "here.jpg: "));
    if (!strstr(rg_error(), says)) fail_msg("\"%s\" does not say \"%s\"", rg_error(), says);
}

static void test_empty(void **state)
{
    (void)state;
    assert_refused((const uint8_t *)"", 0, &limits, RG_EFORMAT, "empty file");
}

static void test_not_an_image(void **state)
{
    (void)state;
    assert_refused((const uint8_t *)"picture", 8, &limits, RG_EFORMAT, "not a JPEG, PNG or WebP image");
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

// ---- files that break the rules, but show the whole picture

static size_t find_marker(const uint8_t *jpeg, uint8_t marker)
{
    size_t at = 0;
    while (jpeg[at] != 0xff || jpeg[at + 1] != marker) at++;
    return at;
}

// Decodes a changed baseline.jpg: its pixels are those of the fixture, and the reader has warned.
static void assert_tolerated(const uint8_t *jpeg, size_t size, const char *warning)
{
    rg_image_t image;
    rg_image_facts_t facts;
    size_t n;
    uint8_t *want = read_fixture("baseline", "rgb", &n);
    const rg_image_file_t file = {jpeg, size, "odd.jpg", &limits};
    assert_ok(rg_image_decode_scaled(&file, 0, 0, &image, &facts));
    assert_memory_equal(image.rgb, want, n);
    assert_int_equal(facts.warnings, 1);
    if (!strstr(facts.warning, warning)) fail_msg("\"%s\" does not say \"%s\"", facts.warning, warning);
    rg_image_fini(&image);
    free(want);
}

static void test_odd_scan_parameters(void **state)
{
    (void)state;
    size_t size;
    uint8_t *jpeg = read_fixture("baseline", "jpg", &size);
    size_t scan = find_marker(jpeg, 0xda), end = scan + 2 + jpeg[scan + 3];
    jpeg[end - 2] = 0; // Se, 63 in a sequential file
    assert_tolerated(jpeg, size, "Invalid SOS parameters");
    free(jpeg);
}

static void test_unknown_jfif_version(void **state)
{
    (void)state;
    size_t size;
    uint8_t *jpeg = read_fixture("baseline", "jpg", &size);
    jpeg[find_marker(jpeg, 0xe0) + 9] = 7;
    assert_tolerated(jpeg, size, "unknown JFIF revision number 7");
    free(jpeg);
}

static void test_stray_bytes_before_the_end_marker(void **state)
{
    (void)state;
    size_t size;
    uint8_t *jpeg = read_fixture("baseline", "jpg", &size), *odd = malloc(size + 7);
    memcpy(odd, jpeg, size - 2);
    memset(odd + size - 2, 0, 7);
    memcpy(odd + size + 5, jpeg + size - 2, 2);
    assert_tolerated(odd, size + 7, "extraneous bytes before marker 0xd9");
    free(odd);
    free(jpeg);
}

static void test_no_end_marker(void **state)
{
    (void)state;
    size_t size;
    uint8_t *jpeg = read_fixture("baseline", "jpg", &size);
    assert_tolerated(jpeg, size - 2, "Premature end of JPEG file");
    free(jpeg);
}

// A marker in the middle of the compressed data: what is behind it is lost.
static void test_damage_is_tolerated_in_the_last_rows_only(void **state)
{
    (void)state;
    enum { SIDE = 400 };
    rg_image_t image;
    rg_image_facts_t facts;
    uint8_t *jpeg;
    size_t size;
    rg_image_init(&image, SIDE, SIDE);
    for (int i = 0; i < SIDE * SIDE * 3; i++) image.rgb[i] = (uint8_t)(i * 7 + i / SIDE);
    assert_ok(rg_jpeg_encode(&image, 90, &jpeg, &size));
    rg_image_fini(&image);
    const rg_image_file_t file = {jpeg, size, "x", &limits};
    uint8_t *late = jpeg + size - size / 50, *early = jpeg + size / 2;
    memcpy(late, "\xff\xd9", 2);
    assert_ok(rg_image_decode_scaled(&file, 0, 0, &image, &facts));
    assert_true(facts.warnings > 0);
    rg_image_fini(&image);
    memcpy(early, "\xff\xd9", 2);
    assert_fails(rg_image_decode_scaled(&file, 0, 0, &image, &facts), RG_EFORMAT,
                 "premature end of data segment");
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
    assert_refused(jpeg, size, &limits, RG_ELIMIT, "65000x65000 exceeds limits.image_max_side 4096");
    free(jpeg);
}

static void test_limits(void **state)
{
    (void)state;
    size_t size;
    uint8_t *jpeg = read_fixture("baseline", "jpg", &size);
    assert_refused(jpeg, size, &(rg_image_limits_t){100, 4096}, RG_ELIMIT,
                   "bytes exceed limits.image_max_mib (100 bytes)");
    assert_refused(jpeg, size, &(rg_image_limits_t){1 << 20, 55}, RG_ELIMIT,
                   "48x56 exceeds limits.image_max_side 55: raise the key");
    rg_image_facts_t facts;
    const rg_image_file_t file = {jpeg, size, "x", &(rg_image_limits_t){size, 56}};
    assert_int_equal(rg_image_inspect(&file, &facts), 0);
    assert_int_equal(facts.width, WIDTH);
    assert_int_equal(facts.height, HEIGHT);
    free(jpeg);
}

// A progressive JPEG needs memory for the coefficients of all pixels, however small the picture becomes.
static void test_progressive_beyond_memory(void **state)
{
    (void)state;
    size_t size;
    uint8_t *jpeg = read_fixture("progressive", "jpg", &size), pixels[64 * 64 * 3];
    size_t frame = find_marker(jpeg, 0xc2);
    const uint8_t sides[4] = {0x20, 0, 0x20, 0};
    memcpy(jpeg + frame + 5, sides, 4);
    for (size_t i = 0; i < 3; i++) jpeg[frame + 11 + 3 * i] = 0x11; // all components in full resolution
    const rg_image_file_t file = {jpeg, size, "here.jpg", &(rg_image_limits_t){size, 8192}};
    rg_image_facts_t facts;
    assert_fails(rg_image_load(&file, 0, 64, pixels, &facts), RG_ELIMIT,
                 "here.jpg: decoding 8192x8192 pixels of this kind takes 388 MiB, and limits.image_max_side "
                 "8192 allows 272 MiB: shrink the image, store it as a baseline JPEG, or raise the key");
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
        rg_image_facts_t facts;
        assert_int_equal(rg_image_decode_scaled(&(rg_image_file_t){jpeg, size, "x", &limits}, cases[i].crop,
                                                cases[i].min_side, &image, &facts),
                         0);
        assert_int_equal(facts.scale_denom, cases[i].denom);
        assert_int_equal(image.width, WIDTH / facts.scale_denom);
        assert_int_equal(image.height, HEIGHT / facts.scale_denom);
        rg_image_fini(&image);
    }
    free(jpeg);
}

static void test_encode_comes_back(void **state)
{
    (void)state;
    rg_image_t image, back;
    rg_image_facts_t facts;
    rg_image_init(&image, 31, 17);
    for (int i = 0; i < 31 * 17; i++) memset(image.rgb + 3 * i, i / 31 * 10, 3);
    uint8_t *jpeg;
    size_t size;
    assert_int_equal(rg_jpeg_encode(&image, 95, &jpeg, &size), 0);
    assert_int_equal(
        rg_image_decode_scaled(&(rg_image_file_t){jpeg, size, "x", &limits}, 0, 0, &back, &facts), 0);
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
        cmocka_unit_test(test_not_an_image),
        cmocka_unit_test(test_truncated_anywhere),
        cmocka_unit_test(test_corrupt),
        cmocka_unit_test(test_odd_scan_parameters),
        cmocka_unit_test(test_unknown_jfif_version),
        cmocka_unit_test(test_stray_bytes_before_the_end_marker),
        cmocka_unit_test(test_no_end_marker),
        cmocka_unit_test(test_damage_is_tolerated_in_the_last_rows_only),
        cmocka_unit_test(test_huge),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_progressive_beyond_memory),
        cmocka_unit_test(test_many_scans),
        cmocka_unit_test(test_denominator),
        cmocka_unit_test(test_encode_comes_back),
        cmocka_unit_test(test_encode_refuses_no_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
