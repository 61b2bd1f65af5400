// The beginning and end of a backend. The kernels are one program, compiled from all .cl files. What
// the driver makes of it is kept in a file, so that only the first backend on a machine waits for the compiler.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "common/core/hash.h"
#include "common/nn/opencl/device.h"

enum { BINARY_MAX = 64 << 20, SEED_BINARY = 1 };

// ---- the program

static char *cache_path(const rg__ocl_t *self, const char *cache, const char *suffix)
{
    char hex[17];
    rg_opencl_device_t device = rg__ocl_describe(self->device);
    uint64_t hash =
        rg_hash(&device, sizeof device,
                rg_hash(rg__ocl_source, rg__ocl_source_size, SEED_BINARY + (uint64_t)self->has_doubles));
    rg_hash_hex(hash, hex);
    return rg_format("%s/opencl-%s.%s", cache, hex, suffix);
}

static int refuse_program(const rg__ocl_t *self, const char *cache)
{
    size_t size = 0;
    char *path = cache_path(self, cache, "log");
    clGetProgramBuildInfo(self->program, self->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &size);
    char *log = rg_alloc(size + 1);
    clGetProgramBuildInfo(self->program, self->device, CL_PROGRAM_BUILD_LOG, size, log, NULL);
    int written = rg_file_write(path, log, strlen(log)) == 0;
    int err =
        rg_fail(RG_EVERSION, "%s: the driver's compiler refuses the kernels; what it says is in %s",
                rg__ocl_describe(self->device).name, written ? path : "no file, for none could be written");
    free(log);
    free(path);
    return err;
}

// The program of an earlier run. 0 if there is none, or the driver does not take it any more.
static int load_program(rg__ocl_t *self, const char *path)
{
    unsigned char *binary;
    size_t size;
    cl_int status;
    if (!rg_exists(path) || rg_file_read(path, BINARY_MAX, &binary, &size) != 0) return 0;
    const unsigned char *bytes = binary;
    self->program = clCreateProgramWithBinary(self->context, 1, &self->device, &size, &bytes, NULL, &status);
    if (status == CL_SUCCESS) status = clBuildProgram(self->program, 1, &self->device, "", NULL, NULL);
    free(binary);
    if (status == CL_SUCCESS) return 1;
    if (self->program) clReleaseProgram(self->program);
    self->program = NULL;
    return 0;
}

// A cache that cannot be written costs time only.
static void save_program(const rg__ocl_t *self, const char *path)
{
    size_t size = 0;
    clGetProgramInfo(self->program, CL_PROGRAM_BINARY_SIZES, sizeof size, &size, NULL);
    if (size == 0) return;
    unsigned char *binary = rg_alloc(size);
    if (clGetProgramInfo(self->program, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL) == CL_SUCCESS)
        rg_file_write(path, binary, size);
    free(binary);
}

static int compile_program(rg__ocl_t *self, const char *cache)
{
    char options[64];
    const char *source = rg__ocl_source;
    cl_int status;
    self->program = clCreateProgramWithSource(self->context, 1, &source, &rg__ocl_source_size, &status);
    if (status != CL_SUCCESS) return rg_fail(RG_EIO, "OpenCL error %d: cannot make a program", status);
    snprintf(options, sizeof options, "-cl-std=CL1.2 -DLEAKY_SLOPE=%.9gf%s", (double)RG_LEAKY_SLOPE,
             self->has_doubles ? " -DDOUBLES" : "");
    status = clBuildProgram(self->program, 1, &self->device, options, NULL, NULL);
    return status == CL_SUCCESS ? 0 : refuse_program(self, cache);
}

static int open_program(rg__ocl_t *self, const char *cache)
{
    int err = rg_mkdirs(cache);
    if (err) return err;
    char *path = cache_path(self, cache, "bin");
    if (!load_program(self, path)) {
        err = compile_program(self, cache);
        if (!err) save_program(self, path);
    }
    free(path);
    return err;
}

// ---- life

static void ocl_destroy(rg_backend_t *backend)
{
    rg__ocl_t *self = rg__ocl(backend);
    if (self->queue) clFinish(self->queue);
    rg__ocl_memory_fini(self);
    for (int i = 0; i < self->n_kernels; i++) clReleaseKernel(self->kernels[i].kernel);
    if (self->program) clReleaseProgram(self->program);
    if (self->queue) clReleaseCommandQueue(self->queue);
    if (self->context) clReleaseContext(self->context);
    free(self);
}

static int ocl_error(rg_backend_t *backend)
{
    const rg_failure_t *failure = &rg__ocl(backend)->failure;
    return failure->err ? rg_fail(failure->err, "%s", failure->sentence) : 0;
}

static int has_extension(cl_device_id device, const char *name)
{
    size_t size = 0;
    clGetDeviceInfo(device, CL_DEVICE_EXTENSIONS, 0, NULL, &size);
    char *list = rg_alloc(size + 1);
    clGetDeviceInfo(device, CL_DEVICE_EXTENSIONS, size, list, NULL);
    int found = strstr(list, name) != NULL;
    free(list);
    return found;
}

static int open_device(rg__ocl_t *self, int index)
{
    cl_device_id device[RG_OPENCL_DEVICES_MAX];
    cl_int status;
    int n = rg__ocl_devices(device);
    if (n == 0)
        return rg_fail(
            RG_ECONFIG,
            "no OpenCL device: no driver is installed (on Debian, one for processors is pocl-opencl-icd)");
    if (index >= n)
        return rg_fail(RG_ECONFIG, "no OpenCL device %d: there are %d, from 0 on; rg-ctl device lists them",
                       index, n);
    self->device = device[index];
    self->has_doubles = has_extension(self->device, "cl_khr_fp64");
    self->context = clCreateContext(NULL, 1, &self->device, NULL, NULL, &status);
    if (status == CL_SUCCESS) self->queue = clCreateCommandQueue(self->context, self->device, 0, &status);
    if (status == CL_SUCCESS) return 0;
    return rg_fail(RG_EIO, "%s: the driver does not open it (OpenCL error %d)",
                   rg__ocl_describe(self->device).name, status);
}

int rg_opencl_backend_new(rg_backend_t **out, int index, const char *cache)
{
    rg__ocl_t *self = rg_alloc(sizeof *self);
    int err = open_device(self, index);
    if (!err) err = open_program(self, cache);
    if (err) {
        ocl_destroy(&self->table);
        return err;
    }
    self->table.destroy = ocl_destroy;
    self->table.error = ocl_error;
    rg__ocl_memory_table(&self->table);
    rg__ocl_array_table(&self->table);
    rg__ocl_broadcast_table(&self->table);
    rg__ocl_loss_table(&self->table);
    rg__ocl_norm_table(&self->table);
    rg__ocl_conv_table(&self->table);
    rg__ocl_optim_table(&self->table);
    *out = &self->table;
    return 0;
}

rg_opencl_counts_t rg_opencl_counts(const rg_backend_t *backend)
{
    return ((const rg__ocl_t *)backend)->counts;
}
