// A build without OpenCL: there is no device.
#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/nn/opencl.h"

void rg_opencl_list(rg_opencl_device_t **devices, int *n)
{
    *devices = rg_alloc(sizeof **devices);
    *n = 0;
}

int rg_opencl_backend_new(rg_backend_t **backend, int index, const char *cache)
{
    (void)backend, (void)index, (void)cache;
    return rg_fail(RG_ECONFIG, "this program was built without OpenCL and CLBlast");
}

rg_opencl_counts_t rg_opencl_counts(const rg_backend_t *backend)
{
    (void)backend;
    return (rg_opencl_counts_t){0};
}
