// From the keys `device` and `inference.device` to a backend.
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/nn/opencl.h"

static int is_first_a_gpu(void)
{
    rg_opencl_device_t *devices;
    int n;
    rg_opencl_list(&devices, &n);
    int is_gpu = n > 0 && devices[0].is_gpu;
    free(devices);
    return is_gpu;
}

// What the keys GROUPdevice and GROUPprecision ask for; group is "" or "inference.".
typedef struct {
    const char *group, *device;
    int is_bf16;
} wish_t;

// index: a position of rg_opencl_list, or RG_DEVICE_CPU.
static int choose_device(int *index, const rg_config_t *config, const wish_t *wish)
{
    const char *device = wish->device;
    const char *number = strchr(device, ':');
    *index = number ? atoi(number + 1) : 0;
    if (strcmp(device, "cpu") == 0) *index = RG_DEVICE_CPU;
    if (strcmp(device, "auto") == 0) *index = wish->is_bf16 ? RG_DEVICE_CPU : rg_device_fastest(config);
    if (strcmp(device, "gpu") == 0 && !is_first_a_gpu())
        return rg_fail(RG_ECONFIG,
                       "%sdevice: there is no GPU with an OpenCL driver; rg-ctl device lists what there is",
                       wish->group);
    return 0;
}

static int open_backend(rg_backend_t **backend, const rg_config_t *config, const wish_t *wish)
{
    int index;
    int err = choose_device(&index, config, wish);
    if (err) return err;
    if (index == RG_DEVICE_CPU) return rg_cpu_backend_new(backend, wish->is_bf16);
    if (wish->is_bf16)
        return rg_fail(RG_ECONFIG, "%sprecision: bf16 needs `%sdevice: cpu`; devices compute in f32",
                       wish->group, wish->group);
    char *cache = rg_format("%s/opencl", config->run);
    err = rg_opencl_backend_new(backend, index, cache);
    free(cache);
    return err;
}

int rg_training_backend_new(rg_backend_t **backend, const rg_config_t *config)
{
    const wish_t wish = {"", config->device, config->precision == RG_PRECISION_BF16};
    return open_backend(backend, config, &wish);
}

int rg_inference_backend_new(rg_backend_t **backend, const rg_config_t *config)
{
    const wish_t wish = {"inference.", config->inference.device,
                         config->inference.precision == RG_PRECISION_BF16};
    return open_backend(backend, config, &wish);
}
