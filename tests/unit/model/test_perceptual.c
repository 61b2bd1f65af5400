// The user brings VGG16 as a file: a good file is taken, and an error says what is wrong with a bad one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "common/model/perceptual.h"
#include "tests/grad/vgg16.h"
#include "tests/support/test.h"

static const int WIDTHS[VGG16_BLOCKS] = {2, 3, 4, 5, 6};
enum { SIDE = 48 };

typedef struct {
    builder_t builder;
    char *path;
} lab_t;

static int begin(void **state)
{
    lab_t *lab = rg_alloc(sizeof *lab);
    void *folder;
    if (folder_make(&folder)) return -1;
    lab->path = rg_format("%s/vgg16.onnx", (char *)folder);
    free(folder);
    vgg16_build(&lab->builder, WIDTHS);
    *state = lab;
    return 0;
}

static int end(void **state)
{
    lab_t *lab = *state;
    void *folder = rg_strdup(lab->path);
    *strrchr(folder, '/') = 0;
    free(lab->path);
    free(lab);
    return folder_remove(&folder);
}

static void open_written(lab_t *lab, rg_perceptual_t *net)
{
    assert_ok(builder_write(&lab->builder, lab->path));
    assert_ok(rg_perceptual_init(net, lab->path, SIDE));
    rg_onnx_shape_t shape = rg_onnx_shape(net->vgg16, 0);
    assert_true(shape.h == SIDE / 16 && shape.w == SIDE / 16 && shape.c == WIDTHS[VGG16_BLOCKS - 1]);
}

static void features_alone_are_taken(void **state)
{
    rg_perceptual_t net;
    open_written(*state, &net);
    rg_perceptual_fini(&net);
}

// The head is never run, so its operators do not matter.
static void the_whole_network_is_taken(void **state)
{
    lab_t *lab = *state;
    rg_perceptual_t net;
    builder_node(&lab->builder, "Mystery", "30", "head");
    open_written(lab, &net);
    rg_perceptual_fini(&net);
}

static double loss_of(const rg_perceptual_t *net, float shift)
{
    static float image[SIDE * SIDE * 3], source[SIDE * SIDE * 3];
    rg_backend_t *backend;
    rg_tape_t *tape;
    for (int i = 0; i < SIDE * SIDE * 3; i++) {
        source[i] = (float)(i * i % 101) / 101;
        image[i] = source[i] + (i / 3 % SIDE < SIDE / 2 ? shift : 0);
    }
    assert_ok(rg_cpu_backend_new(&backend, 0));
    assert_ok(rg_tape_new(&tape, backend));
    double *sum = rg_tape_scalar(tape);
    rg_loss_perceptual(tape, net, rg_tape_input(tape, 1, SIDE, SIDE, 3, image),
                       rg_tape_input(tape, 1, SIDE, SIDE, 3, source), 1, sum);
    assert_ok(rg_tape_error(tape));
    double loss = *sum;
    rg_tape_destroy(&tape);
    rg_backend_destroy(&backend);
    return loss;
}

static void what_looks_alike_is_near(void **state)
{
    rg_perceptual_t net;
    open_written(*state, &net);
    assert_true(loss_of(&net, 0) == 0);
    assert_true(loss_of(&net, 0.01f) > 0);
    assert_true(loss_of(&net, 0.01f) < loss_of(&net, 0.5f));
    rg_perceptual_fini(&net);
}

static void bad_files_are_named(void **state)
{
    lab_t *lab = *state;
    rg_perceptual_t net;
    Rg__Onnx__Graph *graph = lab->builder.model.graph;
    assert_fails(rg_perceptual_init(&net, lab->path, SIDE), RG_ENOENT, lab->path);
    assert_ok(rg_file_write(lab->path, "PK\3\4 a pickle", 13));
    assert_fails(rg_perceptual_init(&net, lab->path, SIDE), RG_EFORMAT, "vgg16.onnx: not an ONNX model");
    graph->node[0]->attribute[0]->ints[0] = -1;
    assert_ok(builder_write(&lab->builder, lab->path));
    assert_fails(rg_perceptual_init(&net, lab->path, SIDE), RG_EMODEL,
                 "vgg16.onnx: node '0' (Conv): attribute 'pads' is -1");
    rg_perceptual_fini(&net); // nothing is left
}

static void other_networks_are_not_vgg16(void **state)
{
    lab_t *lab = *state;
    rg_perceptual_t net;
    Rg__Onnx__Graph *graph = lab->builder.model.graph;
    graph->node[1]->op_type = (char *)"Sigmoid";
    assert_ok(builder_write(&lab->builder, lab->path));
    assert_fails(rg_perceptual_init(&net, lab->path, SIDE), RG_EMODEL,
                 "vgg16.onnx: not VGG16, which has 13 or more Relu nodes");
    graph->node[1]->op_type = (char *)"Relu";
    graph->node[4]->attribute[1]->ints[0] = graph->node[4]->attribute[1]->ints[1] = 1;
    assert_ok(builder_write(&lab->builder, lab->path));
    assert_fails(
        rg_perceptual_init(&net, lab->path, SIDE), RG_EMODEL,
        "vgg16.onnx: not VGG16: of an image with side 48 Relu number 13 makes a map with side 5, not 3");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(features_alone_are_taken), TEST(the_whole_network_is_taken),   TEST(what_looks_alike_is_near),
        TEST(bad_files_are_named),      TEST(other_networks_are_not_vgg16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
