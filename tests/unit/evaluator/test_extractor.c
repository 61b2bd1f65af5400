// ONNX networks get images of the size and in the range of numbers that they expect.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/evaluator/extractor.h"
#include "tests/support/onnx_builder.h"
#include "tests/support/test.h"

enum { SIDE = 8 };

static char file[600];
static rg_backend_t *backend;
static rg_tape_t *tape;

// Computes the mean of the image, and the image at half the size.
static void write_network(void)
{
    static builder_t builder;
    builder_init(&builder, 13);
    Rg__Onnx__Node *pool = builder_node(&builder, "AveragePool", "x", "half");
    builder_ints(&builder, pool, "kernel_shape", 2, (int64_t[]){2, 2});
    builder_ints(&builder, pool, "strides", 2, (int64_t[]){2, 2});
    builder_node(&builder, "GlobalAveragePool", "x", "mean");
    assert_ok(builder_write(&builder, file));
}

static int set_up(void **state)
{
    if (folder_make(state)) return -1;
    snprintf(file, sizeof file, "%s/network.onnx", (char *)*state);
    write_network();
    if (rg_cpu_backend_new(&backend, 0) || rg_tape_new(&tape, backend)) return -1;
    rg_tape_pause(tape);
    return 0;
}

static int tear_down(void **state)
{
    rg_tape_destroy(&tape);
    rg_backend_destroy(&backend);
    return folder_remove(state);
}

// Two images of one colour each.
static void fill(float pixels[2 * SIDE * SIDE * 3])
{
    static const float colours[2][3] = {{-1, 0.00392157f, 1}, {0.6f, -0.2f, 2}}; // 2 is beyond white
    for (int i = 0; i < 2 * SIDE * SIDE * 3; i++) pixels[i] = colours[i / (SIDE * SIDE * 3)][i % 3];
}

static void extract_means(int size, int pixels, float mean[2][3])
{
    rg_config_t config;
    rg_extractor_t extractor;
    rg_inference_t inference = {.tape = tape}; // the classifier is not asked
    float images[2 * SIDE * SIDE * 3];
    const rg_predictions_t predictions = {.features = mean[0]};
    rg_config_init(&config);
    config.data.img_size = SIDE;
    snprintf(config.evaluation.extractor.file, RG_CONFIG_TEXT, "%.255s", file);
    strcpy(config.evaluation.extractor.features, "mean");
    config.evaluation.extractor.size = size;
    config.evaluation.extractor.pixels = pixels;
    fill(images);
    assert_ok(rg_extractor_open(&extractor, &config, &inference));
    assert_int_equal(extractor.d, 3);
    assert_ok(rg_extractor_run(&extractor, &predictions, images, 2));
    rg_extractor_close(&extractor);
}

static void pixels_are_in_the_expected_range(void **state)
{
    (void)state;
    static const double bytes[2][3] = {{0, 128, 255}, {204, 102, 255}};
    static const double mean[3] = {0.485, 0.456, 0.406}, deviation[3] = {0.229, 0.224, 0.225};
    for (int pixels = RG_PIXELS_IMAGENET; pixels <= RG_PIXELS_BYTES; pixels++)
        for (int size = 0; size <= 12; size += 4) {
            float have[2][3];
            extract_means(size, pixels, have);
            for (int i = 0; i < 6; i++) {
                double byte = bytes[i / 3][i % 3], want = pixels == RG_PIXELS_IMAGENET
                                                              ? (byte / 255 - mean[i % 3]) / deviation[i % 3]
                                                          : pixels == RG_PIXELS_UNIT   ? byte / 255
                                                          : pixels == RG_PIXELS_SIGNED ? byte / 127.5 - 1
                                                                                       : byte;
                assert_near(have[i / 3][i % 3], want, 1e-5 * (1 + fabs(want)));
            }
        }
}

static void configure(rg_config_t *config)
{
    rg_config_init(config);
    config->data.img_size = SIDE;
    snprintf(config->evaluation.lpips.file, RG_CONFIG_TEXT, "%.255s", file);
    config->evaluation.lpips.layers.count = 2;
    strcpy(config->evaluation.lpips.layers.name[0], "x");
    strcpy(config->evaluation.lpips.layers.name[1], "half");
}

// Of three images two are equal. The distance of the other two pairs is that of the formula, once per layer.
static void lpips_is_the_mean_over_pairs(void **state)
{
    (void)state;
    rg_config_t config;
    rg_lpips_t lpips;
    float images[3 * SIDE * SIDE * 3];
    double mean = -1;
    configure(&config);
    fill(images);
    memcpy(images + 2 * SIDE * SIDE * 3, images, SIDE * SIDE * 3 * sizeof *images);
    assert_ok(rg_lpips_open(&lpips, &config, tape));
    assert_ok(rg_lpips_mean_of_pairs(&lpips, &mean, images, 3));
    double unit[2][3], want = 0;
    static const double bytes[2][3] = {{0, 128, 255}, {204, 102, 255}};
    static const double centre[3] = {0.485, 0.456, 0.406}, deviation[3] = {0.229, 0.224, 0.225};
    for (int i = 0; i < 2; i++) {
        double length = 0;
        for (int c = 0; c < 3; c++) unit[i][c] = (bytes[i][c] / 255 - centre[c]) / deviation[c];
        for (int c = 0; c < 3; c++) length += unit[i][c] * unit[i][c];
        for (int c = 0; c < 3; c++) unit[i][c] /= sqrt(length);
    }
    for (int c = 0; c < 3; c++) want += pow(unit[0][c] - unit[1][c], 2);
    assert_near(mean, 2 * want * 2 / 3, 1e-5); // two layers; two of three pairs
    rg_lpips_close(&lpips);
}

static void faces_are_embedded(void **state)
{
    (void)state;
    rg_config_t config;
    rg_identity_t identity;
    float images[2 * SIDE * SIDE * 3], face[2][3];
    rg_config_init(&config);
    config.data.img_size = SIDE;
    snprintf(config.evaluation.identity.file, RG_CONFIG_TEXT, "%.255s", file);
    strcpy(config.evaluation.identity.features, "mean");
    fill(images);
    assert_ok(rg_identity_open(&identity, &config, tape));
    assert_int_equal(identity.d, 3);
    assert_non_null(strstr(identity.name, " size=112 pixels=signed features=mean"));
    assert_ok(rg_identity_embed(&identity, face[0], images, 2));
    static const double bytes[2][3] = {{0, 128, 255}, {204, 102, 255}};
    for (int i = 0; i < 6; i++) assert_near(face[i / 3][i % 3], bytes[i / 3][i % 3] / 127.5 - 1, 1e-3);
    rg_identity_close(&identity);
    strcpy(config.evaluation.identity.features, "none");
    assert_fails(rg_extractor_check(&config), RG_EMODEL, "none");
}

static void without_a_file_nothing_is_opened(void **state)
{
    (void)state;
    rg_config_t config;
    rg_lpips_t lpips;
    rg_identity_t identity;
    rg_config_init(&config);
    assert_ok(rg_identity_open(&identity, &config, tape));
    assert_int_equal(identity.d, 0);
    rg_identity_close(&identity);
    assert_ok(rg_lpips_open(&lpips, &config, tape));
    assert_null(lpips.network.onnx);
    rg_lpips_close(&lpips);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_are_in_the_expected_range),
        cmocka_unit_test(lpips_is_the_mean_over_pairs),
        cmocka_unit_test(faces_are_embedded),
        cmocka_unit_test(without_a_file_nothing_is_opened),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
