// The devices of all drivers. A program that only lists them does not link CLBlast.
#include <stdio.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/nn/opencl/device.h"

enum { PLATFORMS_MAX = 16 };

static int list_devices(cl_device_id device[RG_OPENCL_DEVICES_MAX], cl_device_type type, int n)
{
    cl_platform_id platform[PLATFORMS_MAX];
    cl_uint platforms = 0;
    if (clGetPlatformIDs(PLATFORMS_MAX, platform, &platforms) != CL_SUCCESS) return n;
    if (platforms > PLATFORMS_MAX) platforms = PLATFORMS_MAX;
    for (cl_uint i = 0; i < platforms && n < RG_OPENCL_DEVICES_MAX; i++) {
        cl_uint found = 0, room = (cl_uint)(RG_OPENCL_DEVICES_MAX - n);
        if (clGetDeviceIDs(platform[i], type, room, device + n, &found) == CL_SUCCESS)
            n += (int)(found < room ? found : room);
    }
    return n;
}

int rg__ocl_devices(cl_device_id device[RG_OPENCL_DEVICES_MAX])
{
    int gpus = list_devices(device, CL_DEVICE_TYPE_GPU, 0);
    return list_devices(device, CL_DEVICE_TYPE_ALL & ~(cl_device_type)CL_DEVICE_TYPE_GPU, gpus);
}

rg_opencl_device_t rg__ocl_describe(cl_device_id device)
{
    rg_opencl_device_t out = {0};
    cl_device_type type = 0;
    cl_ulong memory = 0;
    char version[192] = "", driver[96] = "";
    clGetDeviceInfo(device, CL_DEVICE_NAME, sizeof out.name - 1, out.name, NULL);
    clGetDeviceInfo(device, CL_DEVICE_VENDOR, sizeof out.vendor - 1, out.vendor, NULL);
    clGetDeviceInfo(device, CL_DEVICE_VERSION, sizeof version - 1, version, NULL);
    clGetDeviceInfo(device, CL_DRIVER_VERSION, sizeof driver - 1, driver, NULL);
    clGetDeviceInfo(device, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    clGetDeviceInfo(device, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof memory, &memory, NULL);
    snprintf(out.driver, sizeof out.driver, "%s, driver %s", version, driver);
    out.is_gpu = (type & CL_DEVICE_TYPE_GPU) != 0;
    out.memory = (size_t)memory;
    return out;
}

void rg_opencl_list(rg_opencl_device_t **devices, int *n)
{
    cl_device_id device[RG_OPENCL_DEVICES_MAX];
    *n = rg__ocl_devices(device);
    *devices = rg_alloc((size_t)(*n + 1) * sizeof **devices);
    for (int i = 0; i < *n; i++) (*devices)[i] = rg__ocl_describe(device[i]);
}
