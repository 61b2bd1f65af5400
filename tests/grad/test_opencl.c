// What the OpenCL backend promises beyond the numbers of its kernels: its memory, its cache of compiled kernels, and
// sentences for what can go wrong.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/nn/opencl.h"
#include "tests/grad/fixture.h"
#include "tests/support/test.h"

static void test_devices_are_listed(void **state)
{
    rg_opencl_device_t *device;
    int n;
    (void)state;
    rg_opencl_list(&device, &n);
    assert_true(n > 0);
    for (int i = 0; i < n; i++) assert_true(*device[i].name && *device[i].driver && device[i].memory > 0);
    for (int i = 1; i < n; i++) assert_true(device[i - 1].is_gpu >= device[i].is_gpu);
    free(device);
}

static void test_a_missing_device_is_named(void **state)
{
    rg_backend_t *backend = NULL;
    rg_config_t config;
    (void)state;
    assert_fails(rg_opencl_backend_new(&backend, 99, "build/opencl"), RG_ECONFIG, "no OpenCL device 99");
    rg_config_init(&config);
    snprintf(config.device, sizeof config.device, "gpu:99");
    assert_fails(rg_training_backend_new(&backend, &config), RG_ECONFIG, "no OpenCL device 99");
    assert_null(backend);
}

static void test_a_device_has_no_bf16(void **state)
{
    rg_backend_t *backend = NULL;
    rg_config_t config;
    (void)state;
    rg_config_init(&config);
    snprintf(config.device, sizeof config.device, "gpu:0");
    config.precision = RG_PRECISION_BF16;
    assert_fails(rg_training_backend_new(&backend, &config), RG_ECONFIG,
                 "precision: bf16 needs `device: cpu`");
}

// A range keeps what it holds while it grows, and the host's copy changes only when it is pulled.
static void test_memory_grows(void **state)
{
    enum { SMALL = 1000, LARGE = 9000000 };
    rg_fixture_t *fixture = *state;
    rg_backend_t *backend = fixture->backend;
    float *x = rg_alloc(LARGE * sizeof *x);
    for (int i = 0; i < SMALL; i++) x[i] = (float)i;
    rg_fixture_cover(x, SMALL);
    memset(x, 0, SMALL * sizeof *x);
    assert_ok(rg_backend_cover(backend, x, LARGE * sizeof *x));
    backend->fill(backend, x + SMALL, 5, LARGE - SMALL);
    assert_true(x[SMALL] == 0);
    rg_fixture_pull(x, LARGE);
    for (int i = 0; i < SMALL; i++) assert_true(x[i] == (float)i);
    for (int i = SMALL; i < LARGE; i++) assert_true(x[i] == 5);
    rg_fixture_release(x);
    free(x);
}

static rg_backend_t *open_backend(const char *cache)
{
    rg_backend_t *backend;
    assert_ok(rg_opencl_backend_new(&backend, atoi(getenv("RG_TEST_DEVICE")), cache));
    return backend;
}

// `device: auto` takes the fastest device that was measured, if it is still the one that was measured.
static void test_auto_takes_the_fastest_device(void **state)
{
    rg_opencl_device_t *device;
    int n;
    rg_config_t config;
    char folder[] = "/tmp/rg-devices-XXXXXX";
    (void)state;
    rg_opencl_list(&device, &n);
    assert_non_null(mkdtemp(folder));
    rg_config_init(&config);
    snprintf(config.run, sizeof config.run, "%s", folder);
    char *path = rg_format("%s/devices", folder);
    assert_int_equal(rg_device_fastest(&config), RG_DEVICE_CPU);
    assert_ok(rg_device_times_write(&config, (const double[]){20, 10}, device, 1));
    assert_int_equal(rg_device_fastest(&config), 0);
    assert_ok(rg_device_times_write(&config, (const double[]){10, 20}, device, 1));
    assert_int_equal(rg_device_fastest(&config), RG_DEVICE_CPU);
    assert_ok(rg_device_times_write(&config, (const double[]){10, 0}, device, 1)); // it failed
    assert_int_equal(rg_device_fastest(&config), RG_DEVICE_CPU);
    device[0].memory++; // another one of that number
    assert_ok(rg_device_times_write(&config, (const double[]){20, 10}, device, 1));
    assert_int_equal(rg_device_fastest(&config), RG_DEVICE_CPU);
    static const char broken[] = "gpu:0\ngpu:0 nan -\ngpu:99 1 -\ngpu:-7 1 -\n\n1 2 3 4 5\n";
    assert_ok(rg_file_write(path, broken, strlen(broken)));
    assert_int_equal(rg_device_fastest(&config), RG_DEVICE_CPU);
    remove(path);
    remove(folder);
    free(path);
    free(device);
}

// A backend whose memory is exhausted says so, computes nothing more, and fails the tape.
static void test_too_little_memory_is_said(void **state)
{
    rg_tape_t *tape;
    rg_backend_t *backend = open_backend(getenv("RG_TEST_CACHE"));
    (void)state;
    assert_ok(rg_tape_new(&tape, backend));
    assert_fails(backend->cover(backend, (void *)4096, (size_t)1 << 50), RG_ELIMIT, "out of device memory");
    assert_non_null(strstr(rg_error(), "one piece needs 1073741824 MiB"));
    rg_global_mean(tape, rg_tape_tensor(tape, 1, 2, 2, 3));
    assert_int_equal(rg_tape_error(tape), RG_ELIMIT);
    assert_int_equal(rg_tape_backward(tape), RG_ELIMIT);
    rg_tape_destroy(&tape);
    rg_backend_destroy(&backend);
}

static void test_foreign_addresses_are_refused(void **state)
{
    float x[4] = {0};
    rg_backend_t *backend = open_backend(getenv("RG_TEST_CACHE"));
    (void)state;
    backend->fill(backend, x, 1, 4);
    assert_int_equal(rg_backend_error(backend), RG_EINVAL);
    assert_true(x[0] == 0);
    rg_backend_destroy(&backend);
}

static char *find_binary(const char *folder)
{
    char **names, *path = NULL;
    size_t n;
    assert_ok(rg_list_dir(folder, &names, &n));
    for (size_t i = 0; i < n; i++)
        if (strstr(names[i], ".bin")) path = rg_format("%s/%s", folder, names[i]);
    rg_list_free(&names, n);
    assert_non_null(path);
    return path;
}

// The file of compiled kernels is used, and made again if it is damaged.
static void test_a_damaged_cache_is_replaced(void **state)
{
    char folder[] = "/tmp/rg-opencl-XXXXXX";
    unsigned char *bytes;
    size_t size;
    (void)state;
    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < 3; i++) {
        rg_backend_t *backend = open_backend(folder);
        rg_backend_destroy(&backend);
        char *path = find_binary(folder);
        assert_ok(rg_file_read(path, 64 << 20, &bytes, &size));
        assert_true(size > 1000);
        free(bytes);
        if (i == 0) assert_ok(rg_file_write(path, "broken", 6));
        if (i == 2) remove(path);
        free(path);
    }
    remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_devices_are_listed),
        cmocka_unit_test(test_a_missing_device_is_named),
        cmocka_unit_test(test_a_device_has_no_bf16),
        cmocka_unit_test(test_auto_takes_the_fastest_device),
        cmocka_unit_test(test_memory_grows),
        cmocka_unit_test(test_too_little_memory_is_said),
        cmocka_unit_test(test_foreign_addresses_are_refused),
        cmocka_unit_test(test_a_damaged_cache_is_replaced),
    };
    return cmocka_run_group_tests_name("opencl", tests, rg_fixture_setup, rg_fixture_teardown);
}
