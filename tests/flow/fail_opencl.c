// A preloaded library that makes an OpenCL device fail: it is lost at launch number RG_FAIL_LAUNCH of a kernel, or has
// no more than RG_FAIL_BYTES bytes of memory, or, with RG_FAIL_DOUBLES, has no doubles. Nothing fails while these are
// not set.
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { OUT_OF_RESOURCES = -5, ALLOCATION_FAILURE = -4, DEVICE_EXTENSIONS = 0x1030 }; // as CL/cl.h

static uint64_t limit(const char *name)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : UINT64_MAX;
}

int clEnqueueNDRangeKernel(void *queue, void *kernel, unsigned dimensions, const size_t *offset,
                           const size_t *global, const size_t *local, unsigned n, const void *wait,
                           void *event)
{
    static int (*launch)(void *, void *, unsigned, const size_t *, const size_t *, const size_t *, unsigned,
                         const void *, void *);
    static uint64_t launches;
    if (!launch) *(void **)&launch = dlsym(RTLD_NEXT, "clEnqueueNDRangeKernel");
    if (++launches >= limit("RG_FAIL_LAUNCH")) return OUT_OF_RESOURCES;
    return launch(queue, kernel, dimensions, offset, global, local, n, wait, event);
}

void *clCreateBuffer(void *context, uint64_t flags, size_t size, void *host, int *status)
{
    static void *(*create)(void *, uint64_t, size_t, void *, int *);
    static uint64_t bytes;
    if (!create) *(void **)&create = dlsym(RTLD_NEXT, "clCreateBuffer");
    bytes += size;
    if (bytes <= limit("RG_FAIL_BYTES")) return create(context, flags, size, host, status);
    *status = ALLOCATION_FAILURE;
    return NULL;
}

int clGetDeviceInfo(void *device, unsigned what, size_t size, void *value, size_t *needed)
{
    static int (*get)(void *, unsigned, size_t, void *, size_t *);
    if (!get) *(void **)&get = dlsym(RTLD_NEXT, "clGetDeviceInfo");
    int status = get(device, what, size, value, needed);
    char *name = what == DEVICE_EXTENSIONS && value ? strstr(value, "cl_khr_fp64") : NULL;
    if (name && getenv("RG_FAIL_DOUBLES")) memset(name, ' ', strlen("cl_khr_fp64"));
    return status;
}
