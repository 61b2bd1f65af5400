// Every kind of image file comes out as the picture that was put in: upright, on white, RGB of 8 bits.
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/data/image.h"
#include "tests/support/image_files.h"
#include "tests/support/test.h"

static const rg_image_limits_t limits = {1 << 22, 4096};

static uint8_t on_white(uint8_t value, uint8_t alpha)
{
    return (uint8_t)((value * alpha + 255 * (255 - alpha) + 127) / 255);
}

// What a reader should see of the picture that rg_test_kinds[i] holds.
static void expect_picture(const rg_test_file_t *kind, rg_image_t *want)
{
    rg_test_picture(want, RG_TEST_WIDTH, RG_TEST_HEIGHT, kind->colours == GREY);
    for (int i = 0; kind->alpha && i < RG_TEST_WIDTH * RG_TEST_HEIGHT; i++)
        for (int c = 0; c < 3; c++)
            want->rgb[3 * i + c] =
                on_white(want->rgb[3 * i + c], rg_test_alpha(i % RG_TEST_WIDTH, i / RG_TEST_WIDTH));
}

static void assert_same(const char *name, const rg_image_t *image, const rg_image_t *want, int tolerance)
{
    assert_int_equal(image->width, want->width);
    assert_int_equal(image->height, want->height);
    for (int i = 0; i < 3 * want->width * want->height; i++)
        if (abs(image->rgb[i] - want->rgb[i]) > tolerance)
            fail_msg("%s: value %d of pixel %d,%d is %d, not %d", name, i % 3, i / 3 % want->width,
                     i / 3 / want->width, image->rgb[i], want->rgb[i]);
}

// Lossy files differ from the picture: blocks in flat colours only by rounding, WebP also at their borders,
// where its colours have half the resolution.
static int tolerance_of(const rg_test_file_t *kind)
{
    return kind->format == RG_IMAGE_JPEG ? 4 : kind->format == RG_IMAGE_WEBP && !kind->lossless ? 120 : 0;
}

static void test_every_kind_comes_out_as_put_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < RG_TEST_IMAGES; i++) {
        const rg_test_file_t *kind = &rg_test_kinds[i];
        if (kind->orientation || (kind->animated && kind->format == RG_IMAGE_WEBP)) continue; // below
        rg_image_t want, image;
        rg_image_facts_t facts;
        uint8_t *bytes;
        size_t size;
        expect_picture(kind, &want);
        rg_test_image(i, &bytes, &size);
        const rg_image_file_t file = {bytes, size, kind->name, &limits};
        assert_ok(rg_image_decode_scaled(&file, 0, 0, &image, &facts));
        assert_int_equal(facts.format, kind->format);
        assert_int_equal(facts.warnings, 0);
        assert_same(kind->name, &image, &want, tolerance_of(kind));
        rg_image_fini(&image);
        rg_image_fini(&want);
        free(bytes);
    }
}

static void test_first_frame_of_an_animation_on_white(void **state)
{
    (void)state;
    const rg_test_file_t kind = {"animation", RG_IMAGE_WEBP, .lossless = 1, .animated = 1};
    rg_image_t picture, image;
    rg_image_facts_t facts;
    size_t size;
    rg_test_picture(&picture, 40, 24, 0);
    uint8_t *bytes = rg_test_file(&kind, &picture, &size);
    assert_ok(rg_image_decode_scaled(&(rg_image_file_t){bytes, size, "a", &limits}, 0, 0, &image, &facts));
    assert_int_equal(image.width, 48);
    assert_int_equal(image.height, 28);
    for (int y = 0; y < 28; y++)
        for (int x = 0; x < 48; x++) {
            const uint8_t white[3] = {255, 255, 255};
            const uint8_t *want = x < 8 || y < 4 ? white : picture.rgb + 3 * ((y - 4) * 40 + x - 8);
            assert_memory_equal(image.rgb + 3 * (y * 48 + x), want, 3);
        }
    rg_image_fini(&image);
    rg_image_fini(&picture);
    free(bytes);
}

// Stores a picture so that a reader has to turn it by `orientation` to see it upright.
static void store_turned(const rg_image_t *upright, int orientation, rg_image_t *stored)
{
    int w = upright->width, h = upright->height, transposed = orientation >= 5;
    rg_image_init(stored, transposed ? h : w, transposed ? w : h);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            // EXIF 2.3, 4.6.4.A: what the 0th row and the 0th column of the stored picture show
            const int right = w - 1 - x, bottom = h - 1 - y;
            const int row[9] = {0, y, y, bottom, bottom, x, right, right, x};
            const int column[9] = {0, x, right, right, x, y, y, bottom, bottom};
            memcpy(stored->rgb + 3 * (row[orientation] * stored->width + column[orientation]),
                   upright->rgb + 3 * (y * w + x), 3);
        }
}

static void assert_turned_is_upright(rg_test_file_t kind, int orientation, int crop, int size)
{
    rg_image_t upright, stored, image;
    rg_image_facts_t facts;
    size_t n, plain_n;
    // JPEG: whole blocks of 8 pixels, so that those of the picture that is stored turned begin at the same
    // edges.
    int w = kind.format == RG_IMAGE_JPEG ? 72 : 75, h = kind.format == RG_IMAGE_JPEG ? 48 : 51;
    rg_test_picture(&upright, w, h, 0);
    store_turned(&upright, orientation, &stored);
    uint8_t *plain = rg_test_file(&kind, &upright, &plain_n);
    kind.orientation = orientation;
    uint8_t *bytes = rg_test_file(&kind, &stored, &n);
    const rg_image_file_t file = {bytes, n, kind.name, &limits},
                          plain_file = {plain, plain_n, "plain", &limits};
    assert_ok(rg_image_decode_scaled(&file, 0, 0, &image, &facts));
    assert_int_equal(facts.orientation, orientation);
    assert_int_equal(facts.width, w);
    assert_int_equal(facts.height, h);
    assert_same(kind.name, &image, &upright, kind.lossless || kind.depth ? 0 : 4);
    rg_image_fini(&image);
    rg_image_t got = {size, size, rg_alloc((size_t)(size * size) * 3)}, want = got;
    want.rgb = rg_alloc((size_t)(size * size) * 3);
    assert_ok(rg_image_load(&file, crop, size, got.rgb, &facts));
    assert_ok(rg_image_load(&plain_file, crop, size, want.rgb, &facts));
    assert_same(kind.name, &got, &want, kind.lossless || kind.depth ? 1 : 4);
    rg_image_fini(&got);
    rg_image_fini(&want);
    rg_image_fini(&upright);
    rg_image_fini(&stored);
    free(plain);
    free(bytes);
}

static void test_all_orientations_come_out_upright(void **state)
{
    (void)state;
    static const rg_test_file_t kinds[] = {
        {"jpeg", RG_IMAGE_JPEG},
        {"jpeg MM", RG_IMAGE_JPEG, .big_endian = 1, .progressive = 1},
        {"png", RG_IMAGE_PNG, .depth = 8},
        {"png behind", RG_IMAGE_PNG, .depth = 8, .exif_behind = 1},
        {"webp", RG_IMAGE_WEBP, .lossless = 1},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (int orientation = 1; orientation <= 8; orientation++) {
            assert_turned_is_upright(kinds[i], orientation, 0, 48);  // as it is
            assert_turned_is_upright(kinds[i], orientation, 40, 20); // cropped, JPEG decoded at 1/2
            assert_turned_is_upright(kinds[i], orientation, 0, 12);  // JPEG decoded at 1/4
        }
}

// A wide picture with a gradient: a crop that is off by a pixel shows, whatever the blocks of the JPEG are.
static void test_turned_and_scaled_crop_is_in_place(void **state)
{
    (void)state;
    for (int orientation = 1; orientation <= 8; orientation++) {
        rg_image_t upright, stored;
        rg_image_facts_t facts;
        rg_image_init(&upright, 301, 203);
        for (int i = 0; i < 301 * 203; i++) {
            upright.rgb[3 * i] = (uint8_t)(i % 301 * 4 / 5);
            upright.rgb[3 * i + 1] = (uint8_t)(i / 301);
        }
        store_turned(&upright, orientation, &stored);
        const rg_test_file_t kind = {"gradient", RG_IMAGE_JPEG, .orientation = orientation};
        size_t n;
        uint8_t *bytes = rg_test_file(&kind, &stored, &n);
        enum { SIZE = 32 };
        uint8_t got[SIZE * SIZE * 3], want[SIZE * SIZE * 3];
        rg_image_resize(&upright, 49, 0, 203, 203, SIZE, want);
        assert_ok(rg_image_load(&(rg_image_file_t){bytes, n, "x", &limits}, 0, SIZE, got, &facts));
        assert_int_equal(facts.scale_denom, 4);
        for (int i = 0; i < SIZE * SIZE * 3; i++) assert_in_range(got[i] + 3, want[i], want[i] + 6);
        rg_image_fini(&upright);
        rg_image_fini(&stored);
        free(bytes);
    }
}

static void test_damaged_exif_leaves_the_picture_alone(void **state)
{
    (void)state;
    const rg_test_file_t kind = {"jpeg", RG_IMAGE_JPEG, .orientation = 6};
    rg_image_t picture, image;
    size_t size;
    rg_test_picture(&picture, 40, 24, 0);
    uint8_t *bytes = rg_test_file(&kind, &picture, &size), *exif = memmem(bytes, size, "Exif", 4);
    for (int i = 6; i < RG_TEST_EXIF; i++) { // at its place in the block each byte breaks something else
        rg_image_facts_t facts;
        uint8_t old = exif[i];
        exif[i] = 0xee;
        assert_ok(
            rg_image_decode_scaled(&(rg_image_file_t){bytes, size, "x", &limits}, 0, 0, &image, &facts));
        assert_in_range(facts.orientation, 1, 6);
        rg_image_fini(&image);
        exif[i] = old;
    }
    rg_image_fini(&picture);
    free(bytes);
}

// Cut off anywhere a file is refused, or the picture was complete and the reader warns.
static void test_cut_off_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < RG_TEST_IMAGES; i++) {
        rg_image_t whole, image;
        rg_image_facts_t facts;
        uint8_t *bytes;
        size_t size;
        rg_test_image(i, &bytes, &size);
        assert_ok(
            rg_image_decode_scaled(&(rg_image_file_t){bytes, size, "x", &limits}, 0, 0, &whole, &facts));
        for (size_t cut = 0; cut < size; cut++) {
            uint8_t *part = malloc(cut + 1); // of its own: reading on would be seen
            memcpy(part, bytes, cut);
            const rg_image_file_t file = {part, cut, rg_test_kinds[i].name, &limits};
            int err = rg_image_decode_scaled(&file, 0, 0, &image, &facts);
            if (err) {
                assert_string_equal(rg_errname(err), "RG_EFORMAT");
            } else {
                if (rg_test_kinds[i].orientation == facts.orientation || !rg_test_kinds[i].orientation)
                    assert_same(rg_test_kinds[i].name, &image, &whole, 0);
                assert_true(facts.warnings > 0);
                assert_true(size - cut <= (rg_test_kinds[i].format == RG_IMAGE_JPEG ? 2u : 64u));
                rg_image_fini(&image);
            }
            free(part);
        }
        rg_image_fini(&whole);
        free(bytes);
    }
}

static void test_foreign_files_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *says;
    } cases[] = {
        {"GIF89a...........", 16, "a GIF image: convert it to JPEG, PNG or WebP"},
        {"II*\0............", 16, "a TIFF image or a camera's raw file: convert it"},
        {"MM\0*............", 16, "a TIFF image or a camera's raw file: convert it"},
        {"BM..............", 16, "a BMP image: convert it"},
        {"%PDF-1.7........", 16, "a PDF document: export"},
        {"\0\0\0\x18"
         "ftypheic\0\0\0\0mif1heic",
         24, "a HEIC image: convert it"},
        {"\0\0\0\x18"
         "ftypmif1\0\0\0\0mif1heic",
         24, "a HEIC image: convert it"},
        {"\0\0\0\x1c"
         "ftypmif1\0\0\0\0mif1avifmiaf",
         28, "an AVIF image: convert it"},
        {"\0\0\0\x1c"
         "ftypavif\0\0\0\0avifmif1miaf",
         28, "an AVIF image: convert it"},
        {"\0\0\0\x18"
         "ftypisom\0\0\0\0isomiso2",
         24, "a video"},
        {"\0\0\0\x0cJXL \r\n\x87\n", 12, "a JPEG XL image: convert it"},
        {"8BPS............", 16, "a Photoshop document: convert it"},
        {"<!DOCTYPE html>.", 16, "a web page: the download"},
        {"version https://git-lfs.github.com/spec/v1", 42, "git lfs pull"},
        {"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16, "only zero bytes"},
        {"", 0, "empty file"},
        {"some text.......", 16, "not a JPEG, PNG or WebP image"},
        {"RIFF....AVI ....", 16, "not a JPEG, PNG or WebP image"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rg_image_facts_t facts;
        const rg_image_file_t file = {(const uint8_t *)cases[i].bytes, cases[i].size, "here.jpg", &limits};
        assert_int_equal(rg_image_inspect(&file, &facts), RG_EFORMAT);
        assert_non_null(strstr(rg_error(), "here.jpg: "));
        if (!strstr(rg_error(), cases[i].says)) fail_msg("%s: not \"%s\"", rg_error(), cases[i].says);
    }
}

// The header says 20000x20000: refused before that much is decoded.
static void test_large_sides_are_refused_by_key(void **state)
{
    (void)state;
    const rg_image_limits_t small = {1 << 22, 39};
    for (size_t i = 0; i < RG_TEST_IMAGES; i++) {
        uint8_t *bytes;
        size_t size;
        rg_image_t image;
        rg_image_facts_t facts;
        rg_test_image(i, &bytes, &size);
        const rg_image_file_t file = {bytes, size, "large", &small};
        assert_int_equal(rg_image_decode_scaled(&file, 0, 0, &image, &facts), RG_ELIMIT);
        assert_non_null(
            strstr(rg_error(), "exceeds limits.image_max_side 39: raise the key or shrink the image"));
        assert_int_equal(rg_image_inspect(&file, &facts), RG_ELIMIT);
        free(bytes);
    }
}

// The blocks of the picture become pixels, which have the block's colour.
static void assert_scaled(const rg_test_file_t *kind, int width, int height, int tolerance)
{
    rg_image_t picture, want, image;
    rg_image_facts_t facts;
    size_t size;
    rg_test_picture(&picture, width, height, 0);
    uint8_t *bytes = rg_test_file(kind, &picture, &size);
    const rg_image_file_t file = {bytes, size, kind->name, &limits};
    assert_ok(rg_image_decode_scaled(&file, 0, 100, &image, &facts));
    assert_int_equal(facts.scale_denom, 8);
    rg_image_init(&want, (width + 7) / 8, (height + 7) / 8);
    for (int y = 0; y < want.height; y++)
        for (int x = 0; x < want.width; x++)
            for (int c = 0; c < 3; c++) {
                uint8_t value = picture.rgb[3 * (8 * y * width + 8 * x) + c];
                want.rgb[3 * (y * want.width + x) + c] =
                    kind->alpha ? on_white(value, rg_test_alpha(8 * x, 8 * y)) : value;
            }
    assert_same(kind->name, &image, &want, tolerance);
    rg_image_fini(&picture);
    rg_image_fini(&image);
    rg_image_fini(&want);
    free(bytes);
}

static void test_large_pictures_are_scaled_while_they_are_read(void **state)
{
    (void)state;
    assert_scaled(&(rg_test_file_t){"png", RG_IMAGE_PNG, .depth = 8}, 2403, 2107, 0);
    assert_scaled(&(rg_test_file_t){"png alpha", RG_IMAGE_PNG, .depth = 8, .alpha = 1}, 2403, 2107, 0);
    assert_scaled(&(rg_test_file_t){"webp alpha", RG_IMAGE_WEBP, .lossless = 1, .alpha = 1}, 2400, 2104, 1);
}

// Each scan visits every block, so a large image may have fewer than 100.
static void test_scans_of_large_pictures(void **state)
{
    (void)state;
    const rg_test_file_t kind = {"scans", RG_IMAGE_JPEG, .scans = 1};
    rg_image_t picture, image;
    rg_image_facts_t facts;
    size_t size;
    rg_test_picture(&picture, 2728, 2720, 0);
    uint8_t *bytes = rg_test_file(&kind, &picture, &size);
    const rg_image_file_t file = {bytes, size, "here.jpg", &limits};
    assert_fails(rg_image_decode_scaled(&file, 0, 100, &image, &facts), RG_EFORMAT,
                 "here.jpg: more than 96 progressive scans");
    rg_image_fini(&picture);
    free(bytes);
}

static void test_written_in_the_format_of_the_name(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum rg_image_format format;
    } cases[] = {{"a.png", RG_IMAGE_PNG},
                 {"a.JPG", RG_IMAGE_JPEG},
                 {"a.jpeg", RG_IMAGE_JPEG},
                 {"a.webp", RG_IMAGE_WEBP}};
    const rg_limits_config_t config = {.image_max_mib = 1, .image_max_side = 100};
    rg_image_t picture, back;
    rg_test_picture(&picture, 40, 24, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = rg_format("%s/%s", (const char *)*state, cases[i].name);
        uint8_t *bytes;
        size_t size;
        rg_image_facts_t facts;
        assert_ok(rg_image_write(&picture, path));
        assert_ok(rg_image_read(&config, path, &bytes, &size));
        assert_ok(rg_image_decode_scaled(&(rg_image_file_t){bytes, size, "x", &limits}, 0, 0, &back, &facts));
        assert_int_equal(facts.format, cases[i].format);
        assert_same(cases[i].name, &back, &picture, 30);
        rg_image_fini(&back);
        free(bytes);
        free(path);
    }
    assert_int_equal(rg_image_write(&picture, "a.gif"), RG_EUSAGE);
    assert_string_equal(rg_error(), "a.gif: the name of a picture ends with .png, .jpg, .jpeg or .webp");
    rg_image_fini(&picture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_comes_out_as_put_in),
        cmocka_unit_test(test_first_frame_of_an_animation_on_white),
        cmocka_unit_test(test_all_orientations_come_out_upright),
        cmocka_unit_test(test_turned_and_scaled_crop_is_in_place),
        cmocka_unit_test(test_damaged_exif_leaves_the_picture_alone),
        cmocka_unit_test(test_cut_off_anywhere),
        cmocka_unit_test(test_foreign_files_are_named),
        cmocka_unit_test(test_large_sides_are_refused_by_key),
        cmocka_unit_test(test_large_pictures_are_scaled_while_they_are_read),
        cmocka_unit_test(test_scans_of_large_pictures),
        IN_FOLDER(test_written_in_the_format_of_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
