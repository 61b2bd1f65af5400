#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "services/ctl/faces/faces.h"
#include "services/ctl/faces/portrait.h"
#include "tests/support/test.h"

typedef struct {
    double r, g, b;
} colour_t;

static void draw_face(const rg_face_t *face, rg_rng_t *rng, rg_image_t *image)
{
    rg_portrait_t portrait;
    rg_portrait_draw(&portrait, face, rng);
    rg_portrait_paint(&portrait, image);
}

// Mean colour of a rectangle of one face.
static colour_t mean(const rg_image_t *image, int x0, int y0, int x1, int y1)
{
    colour_t sum = {0};
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) {
            const uint8_t *pixel = image->rgb + 3 * (y * image->width + x);
            sum.r += pixel[0];
            sum.g += pixel[1];
            sum.b += pixel[2];
        }
    double n = (x1 - x0) * (y1 - y0);
    return (colour_t){sum.r / n, sum.g / n, sum.b / n};
}

// Mean brightness and redness (red over blue) of the hair above the forehead.
static void crown(rg_face_t face, uint64_t index, double *brightness, double *warmth)
{
    rg_rng_t rng;
    rg_image_t image;
    rg_rng_init(&rng, 5, RG_RNG_FACES, index);
    draw_face(&face, &rng, &image);
    assert_int_equal(image.width, 178);
    assert_int_equal(image.height, 218);
    colour_t hair = mean(&image, 79, 48, 99, 60);
    *brightness = (hair.r + hair.g + hair.b) / 3;
    *warmth = hair.r - hair.b;
    rg_image_fini(&image);
}

// Two numbers determine the hair colour of a face, whatever its other attributes are.
static void test_hair_classes_stay_apart(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 40; i++) {
        double bright[3], warm[3];
        for (int hair = 0; hair < 3; hair++) {
            rg_face_t face = {.hair = hair, .male = (int)i & 1, .young = (int)(i >> 1) & 1};
            crown(face, i, &bright[hair], &warm[hair]);
        }
        assert_true(warm[0] < 20 && warm[2] > 28); // black, brown
        assert_true(bright[1] > bright[2] + 30);   // blond, brown
        assert_true(bright[1] > 130);
    }
}

static double mean_change(rg_face_t a, rg_face_t b)
{
    rg_image_t first, second;
    rg_rng_t rng;
    double sum = 0;
    rg_rng_init(&rng, 9, RG_RNG_FACES, 1);
    draw_face(&a, &rng, &first);
    rg_rng_init(&rng, 9, RG_RNG_FACES, 1);
    draw_face(&b, &rng, &second);
    for (int i = 0; i < 178 * 218 * 3; i++) sum += abs(first.rgb[i] - second.rgb[i]);
    rg_image_fini(&first);
    rg_image_fini(&second);
    return sum / (178 * 218 * 3);
}

static void test_each_attribute_shows(void **state)
{
    (void)state;
    rg_face_t base = {0, 0, 0}, male = {0, 1, 0}, young = {0, 0, 1}, blond = {1, 0, 0};
    assert_true(mean_change(base, base) == 0);
    assert_true(mean_change(base, male) > 2);
    assert_true(mean_change(base, young) > 2);
    assert_true(mean_change(base, blond) > 2);
}

static uint8_t *read_made(void **state, const char *name, size_t *size)
{
    uint8_t *bytes;
    char *path = rg_format("%s/%s", (const char *)*state, name);
    assert_int_equal(rg_file_read(path, 1 << 20, &bytes, size), 0);
    free(path);
    return bytes;
}

static int make(void **state, const char *folder, uint32_t count, uint64_t seed)
{
    char *path = rg_format("%s/%s", (const char *)*state, folder);
    int err = rg_faces_make(&(rg_faces_spec_t){.folder = path, .count = count, .seed = seed});
    free(path);
    return err;
}

static void assert_same(void **state, const char *a, const char *b)
{
    size_t size_a, size_b;
    uint8_t *bytes_a = read_made(state, a, &size_a), *bytes_b = read_made(state, b, &size_b);
    assert_int_equal(size_a, size_b);
    assert_memory_equal(bytes_a, bytes_b, size_a);
    free(bytes_a);
    free(bytes_b);
}

static void test_same_seed_same_bytes(void **state)
{
    assert_int_equal(make(state, "a", 2, 7), 0);
    assert_int_equal(make(state, "a", 4, 7), 0); // goes on
    assert_int_equal(make(state, "b", 4, 7), 0);
    assert_same(state, "a/img_align_celeba/000001.jpg", "b/img_align_celeba/000001.jpg");
    assert_same(state, "a/img_align_celeba/000004.jpg", "b/img_align_celeba/000004.jpg");
    assert_same(state, "a/list_attr_celeba.txt", "b/list_attr_celeba.txt");
    assert_same(state, "a/list_eval_partition.txt", "b/list_eval_partition.txt");
}

static void test_another_seed_is_refused(void **state)
{
    assert_int_equal(make(state, "a", 2, 7), 0);
    assert_int_equal(make(state, "a", 2, 8), RG_EINVAL);
    assert_non_null(strstr(rg_error(), "000001.jpg exists"));
}

static void test_existing_files_are_kept(void **state)
{
    assert_int_equal(make(state, "a", 2, 7), 0);
    char *path = rg_format("%s/a/img_align_celeba/000002.jpg", (const char *)*state);
    assert_int_equal(rg_file_write(path, "mine", 4), 0);
    assert_int_equal(make(state, "a", 3, 7), 0);
    size_t size;
    uint8_t *bytes = read_made(state, "a/img_align_celeba/000002.jpg", &size);
    assert_int_equal(size, 4);
    free(bytes);
    free(path);
}

static void test_official_format(void **state)
{
    assert_int_equal(make(state, "a", 1, 7), 0);
    size_t size;
    char *text = (char *)read_made(state, "a/list_attr_celeba.txt", &size);
    text[size - 1] = 0;
    char *rest = text, *count = strsep(&rest, "\n"), *names = strsep(&rest, "\n"), *row = strsep(&rest, "\n");
    assert_string_equal(count, "1");
    assert_memory_equal(
        names, "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips ", 78);
    assert_string_equal(names + strlen(names) - 43,
                        &"Wearing_Lipstick Wearing_Necklace Wearing_Necktie Young "[13]);
    assert_memory_equal(row, "000001.jpg ", 11);
    assert_int_equal(strlen(row), 10 + 40 * 3);
    free(text);
}

static int stop_at_two(void *self, uint32_t done, uint32_t total)
{
    assert_int_equal(total, 5);
    *(uint32_t *)self = done;
    return done == 2;
}

static void test_stops_when_asked(void **state)
{
    uint32_t done = 0;
    rg_faces_spec_t spec = {
        .folder = *state, .count = 5, .seed = 1, .plain = 1, .progress = stop_at_two, .self = &done};
    assert_int_equal(rg_faces_make(&spec), RG_ESTOPPED);
    assert_non_null(strstr(rg_error(), "stopped after 2 of 5 faces"));
    char **names;
    size_t n;
    assert_int_equal(rg_list_dir(*state, &names, &n), 0);
    assert_int_equal(n, 2); // and no annotation
    rg_list_free(&names, n);
}

static void test_unwritable(void **state)
{
    (void)state;
    int err = rg_faces_make(&(rg_faces_spec_t){.folder = "/proc/faces", .count = 1});
    assert_string_equal(rg_errname(err), "RG_EIO");
    assert_non_null(strstr(rg_error(), "/proc/faces"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hair_classes_stay_apart),
        cmocka_unit_test(test_each_attribute_shows),
        IN_FOLDER(test_same_seed_same_bytes),
        IN_FOLDER(test_another_seed_is_refused),
        IN_FOLDER(test_existing_files_are_kept),
        IN_FOLDER(test_official_format),
        IN_FOLDER(test_stops_when_asked),
        cmocka_unit_test(test_unwritable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
