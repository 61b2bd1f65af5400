// VGG16's weights come from a file of the user's: what is right is taken, what is not is named.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "common/model/perceptual.h"
#include "common/model/safetensors.h"
#include "tests/support/folder.h"
#include "tests/support/result.h"

enum { TENSORS = 2 * RG_VGG_CONVS };
static const int WIDTHS[RG_VGG_BLOCKS] = {2, 3, 4, 5, 6};

// Writes the weights of net as torchvision names them, but for the first tensor of another `name` (NULL: as
// it is) or `rows` more of them.
static void write_file(const rg_perceptual_t *net, const char *path, const char *name, int rows)
{
    rg_safetensor_t tensors[TENSORS + 1];
    size_t size = net->set.count + 4096;
    float *values = rg_alloc(size * sizeof *values);
    memcpy(values, net->set.value, net->set.count * sizeof *values);
    assert_int_equal(net->set.n, TENSORS);
    for (int i = 0; i < TENSORS; i++) {
        const rg_param_t *param = net->set.list[i];
        tensors[i] =
            (rg_safetensor_t){.rank = param->rank, .data = values + param->offset, .count = param->count};
        memcpy(tensors[i].shape, param->shape, sizeof tensors[i].shape);
        snprintf(tensors[i].name, sizeof tensors[i].name, "%s", i == 0 && name ? name : param->name);
    }
    tensors[0].count += (size_t)rows * tensors[0].count / (size_t)tensors[0].shape[0];
    tensors[0].shape[0] += rows;
    tensors[TENSORS] = (rg_safetensor_t){// what the classifier's layers stand for
                                         .name = "classifier.0.weight",
                                         .rank = 2,
                                         .shape = {2, 3},
                                         .data = values,
                                         .count = 6};
    assert_ok(rg_safetensors_write(path, tensors, TENSORS + 1, NULL, 0));
    free(values);
}

static void net_init(rg_perceptual_t *net, float value)
{
    rg_perceptual_init(net, WIDTHS);
    for (int i = 0; i < net->set.n; i++)
        for (size_t k = 0; k < net->set.list[i]->count; k++)
            net->set.list[i]->value[k] = value + (float)i + 1e-3f * (float)k;
}

static char *path_in(void **state)
{
    return rg_format("%s/vgg16.safetensors", (const char *)*state);
}

static void a_file_gives_the_weights(void **state)
{
    rg_perceptual_t saved, loaded;
    char *path = path_in(state);
    net_init(&saved, 1);
    net_init(&loaded, 100);
    write_file(&saved, path, NULL, 0);
    uint64_t version = loaded.set.version;
    assert_ok(rg_perceptual_load(&loaded, path));
    assert_memory_equal(loaded.set.value, saved.set.value, saved.set.count * sizeof(float));
    assert_true(loaded.set.version != version); // no packed copy of other weights is used
    rg_perceptual_fini(&saved);
    rg_perceptual_fini(&loaded);
    free(path);
}

static void bad_files_are_named(void **state)
{
    rg_perceptual_t net;
    char *path = path_in(state);
    net_init(&net, 1);
    assert_fails(rg_perceptual_load(&net, path), RG_ENOENT, path);
    write_file(&net, path, "features.0.wait", 0);
    assert_fails(rg_perceptual_load(&net, path), RG_EMODEL, "vgg16.safetensors: no tensor features.0.weight");
    write_file(&net, path, NULL, 1);
    assert_fails(rg_perceptual_load(&net, path), RG_EMODEL,
                 "vgg16.safetensors: features.0.weight is 3x3x3x3, needed is 2x3x3x3");
    assert_ok(rg_file_write(path, "PK\3\4 a pickle", 13));
    assert_fails(rg_perceptual_load(&net, path), RG_ELIMIT, path);
    rg_perceptual_fini(&net);
    free(path);
}

// The names and shapes of torchvision.models.vgg16().features.
static void layers_are_torchvisions(void **state)
{
    static const struct {
        const char *name;
        int out, in;
    } want[] = {{"features.0.weight", 64, 3},     {"features.2.weight", 64, 64},
                {"features.5.weight", 128, 64},   {"features.10.weight", 256, 128},
                {"features.14.weight", 256, 256}, {"features.17.weight", 512, 256},
                {"features.24.weight", 512, 512}, {"features.28.weight", 512, 512}};
    (void)state;
    rg_perceptual_t net;
    rg_perceptual_init(&net, RG_VGG16_WIDTHS);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const rg_param_t *param = rg_params_find(&net.set, want[i].name);
        assert_non_null(param);
        assert_int_equal(param->shape[0], want[i].out);
        assert_int_equal(param->shape[1], want[i].in);
    }
    assert_true(net.set.frozen);
    assert_non_null(rg_params_find(&net.set, "features.28.bias"));
    rg_perceptual_fini(&net);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_gives_the_weights),
        TEST(bad_files_are_named),
        cmocka_unit_test(layers_are_torchvisions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
