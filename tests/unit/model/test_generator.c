// The fusion of retrieved images into what G is given.
#include <string.h>

#include "tests/support/test.h"
#include "tests/unit/model/tiny.h"

typedef struct {
    rg_config_t config;
    rg_backend_t *backend;
    rg_tape_t *tape;
    rg_model_t *model;
} fusion_t;

static void fusion_open(fusion_t *f, enum rg_fusion_form form)
{
    tiny_configure(&f->config, "run");
    f->config.model.fusion = form;
    rg_model_new(&f->model, &f->config, RG_PART_BIT(RG_FUSION), 0);
    assert_ok(rg_cpu_backend_new(&f->backend, 0));
    assert_ok(rg_tape_new(&f->tape, f->backend));
}

static void fusion_close(fusion_t *f)
{
    rg_tape_destroy(&f->tape);
    rg_backend_destroy(&f->backend);
    rg_model_destroy(&f->model);
}

static void concat_begins_by_passing_the_content_through(void **state)
{
    (void)state;
    fusion_t f;
    fusion_open(&f, RG_FUSION_CONCAT);
    rg_tensor_t *content = rg_tape_tensor(f.tape, 1, 4, 4, 4 * GF),
                *found = rg_tape_tensor(f.tape, 1, 4, 4, 2 * 4 * GF);
    for (size_t i = 0; i < rg_tensor_size(content); i++) content->data[i] = (float)(i % 7) - 3;
    memset(found->data, 0, rg_tensor_size(found) * sizeof(float));
    rg_tensor_t *fused = content, *code = NULL;
    rg_fuse(f.tape, &f.model->fusion, &fused, &code, NULL, found);
    for (size_t i = 0; i < rg_tensor_size(content); i++)
        assert_true(fused->data[i] > content->data[i] - 1e-5f && fused->data[i] < content->data[i] + 1e-5f);
    fusion_close(&f);
}

// What a number of a code differs from the mean of its attribute's numbers.
static float difference(const float *code, int dim)
{
    const float *attribute = code + dim / DIMS * DIMS;
    float sum = 0;
    for (int i = 0; i < DIMS; i++) sum += attribute[i];
    return code[dim] - sum / DIMS;
}

// Four images: in images 0 to 2 the first two dimensions are to change. Image 0 has both neighbours, the second
// neighbour of image 1 is missing, image 2 has no neighbours, and nothing changes in image 3.
static void style_is_the_mean_of_those_that_were_found_and_how_the_wanted_code_differs(void **state)
{
    (void)state;
    enum { IMAGES = 4, ROWS = 3, K = 2 };
    fusion_t f;
    fusion_open(&f, RG_FUSION_STYLE);
    const int width = rg_code_width(&f.config);
    rg_tensor_t *own = rg_tape_tensor(f.tape, IMAGES, 1, 1, width), *content = NULL,
                *wanted = rg_tape_tensor(f.tape, IMAGES, 1, 1, width),
                *found = rg_tape_tensor(f.tape, ROWS, 1, 1, K * width), *code = wanted;
    memset(found->data, 0, rg_tensor_size(found) * sizeof(float));
    for (int i = 0; i < IMAGES * width; i++) {
        int row = i / width, dim = i % width;
        own->data[i] = (float)dim / 8;
        wanted->data[i] = own->data[i] + (row < ROWS && dim < 2 ? 1 : 0);
    }
    for (int dim = 0; dim < width; dim++) {
        found->data[dim] = 3;
        found->data[width + dim] = 5;
        found->data[K * width + dim] = -7;
    }
    assert_int_equal(rg_fusion_rows(f.tape, &f.model->fusion, wanted, own), ROWS);
    assert_int_equal(rg_fusion_rows(f.tape, &f.model->fusion, own, own), 0);
    rg_fuse(f.tape, &f.model->fusion, &content, &code, own, found);
    const float want[] = {4, -7};
    for (int i = 0; i < IMAGES * width; i++) {
        int row = i / width, dim = i % width, changes = row < 2 && dim < 2;
        if (changes)
            assert_float_equal(code->data[i], want[row] + difference(wanted->data + row * width, dim), 1e-5);
        else
            assert_true(code->data[i] == wanted->data[i]);
    }
    assert_null(content);
    fusion_close(&f);
}

static void features_are_what_the_form_reads(void **state)
{
    (void)state;
    rg_config_t config;
    int shape[3];
    tiny_configure(&config, "run");
    rg_fusion_features(&config, shape);
    assert_int_equal(shape[0], 1);
    assert_int_equal(shape[2], rg_code_width(&config));
    config.model.fusion = RG_FUSION_CONCAT;
    rg_fusion_features(&config, shape);
    assert_int_equal(shape[0], 4);
    assert_int_equal(shape[1], 4);
    assert_int_equal(shape[2], 4 * GF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(concat_begins_by_passing_the_content_through),
        cmocka_unit_test(style_is_the_mean_of_those_that_were_found_and_how_the_wanted_code_differs),
        cmocka_unit_test(features_are_what_the_form_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
